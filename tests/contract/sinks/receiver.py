"""A real HTTP server that receives webhooks, in a thread of its own, and answers as told."""

import re
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson


@dataclass(frozen=True)
class Posted:
    """One request, as it arrived."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    status: int
    method: str = "POST"

    @property
    def event_id(self) -> str:
        return self.headers["webhook-id"]


Decision = int | tuple[int, Mapping[str, str]] | tuple[int, Mapping[str, str], bytes]


@dataclass
class Receiver:
    """Answers 200, or what `decide` says for a request."""

    port: int = 0
    decide: Callable[[Mapping[str, str], bytes], Decision] = lambda _headers, _body: 200
    delay: float = 0.0
    requests: list[Posted] = field(default_factory=list)
    connections: int = 0
    at_once: int = 0
    most_at_once: int = 0
    _server: ThreadingHTTPServer | None = None
    _open: list[socket.socket] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                receiver.connections += 1
                receiver._open.append(self.connection)

            def do_OPTIONS(self) -> None:
                self.do_POST()

            def do_POST(self) -> None:
                with receiver._lock:
                    receiver.at_once += 1
                    receiver.most_at_once = max(receiver.most_at_once, receiver.at_once)
                body = self.rfile.read(int(self.headers["content-length"] or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                time.sleep(receiver.delay)
                decision = receiver.decide(headers, body)
                told = decision if isinstance(decision, tuple) else (decision, {})
                status, extra, *content_told = told
                with receiver._lock:
                    receiver.at_once -= 1
                    asked = Posted(self.path, headers, body, status, self.command)
                    receiver.requests.append(asked)
                if status == 0:  # hang up without a word
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in extra.items():
                    self.send_header(name, value)
                content = content_told[0] if content_told else b"" if status == 204 else b"ok"
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *arguments: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, *arguments: object) -> None:
                pass

        self._server = Server(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        while self._open:
            with suppress(OSError):
                self._open.pop().shutdown(socket.SHUT_RDWR)

    @property
    def accepted(self) -> list[Posted]:
        return [each for each in self.requests if 200 <= each.status < 300]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"


def signature_is_right(posted: Posted, secret: str) -> bool:
    """By the very lines that docs/events.md gives to receivers."""
    return bool(_documented()["is_ours"](secret, dict(posted.headers), posted.body))


@cache
def _documented() -> dict[str, Any]:
    text = (Path(__file__).parents[3] / "docs" / "events.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    [block] = [each for each in blocks if "def is_ours" in each]
    names: dict[str, Any] = {}
    exec(block, names)
    return names


def data_of(posted: Posted) -> object:
    """The event inside a structured CloudEvent."""
    return orjson.loads(posted.body)["data"]
