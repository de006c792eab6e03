"""An S3 server of a few lines that misbehaves as it is told."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

Mood = Callable[["_Request"], bool]
"""Answers a request in its own way and returns True, or leaves it to the usual way."""


class MoodyS3:
    """Objects in a dictionary by path; `moods` are asked first, each for as long as it is there."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.mood: Mood = lambda _request: False
        self.conditional = True
        self.lock = threading.Lock()
        self.port = 0
        self.is_open = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def serving(self) -> Iterator["MoodyS3"]:
        class Handler(_Request):
            s3 = self

        server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        server.daemon_threads = True
        self.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        self.is_open = True
        try:
            yield self
        finally:
            self.is_open = False  # connections that are open have threads of their own
            server.shutdown()
            thread.join()
            server.server_close()


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    s3: MoodyS3
    body = b""

    def do_ANY(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.name = unquote(urlsplit(self.path).path)
        self.s3.requests.append(f"{self.command} {self.name}")
        if not self.s3.is_open:
            self.hang_up()
        elif not self.s3.mood(self):
            self.usual()

    do_GET = do_HEAD = do_PUT = do_DELETE = do_POST = do_ANY  # noqa: N815

    def usual(self) -> None:
        with self.s3.lock:
            match self.command:
                case "PUT":
                    self._put()
                case "DELETE":
                    self.s3.held.pop(self.name, None)
                    self.answer(204)
                case _ if "list-type" in self.path:
                    self.answer(200, b"<ListBucketResult></ListBucketResult>")
                case _:
                    self._get()

    def _put(self) -> None:
        if self.headers.get("if-none-match") and self.s3.conditional and self.name in self.s3.held:
            self.fail(412, "PreconditionFailed")
            return
        self.s3.held[self.name] = self.body
        self.answer(200)

    def _get(self) -> None:
        data = self.s3.held.get(self.name)
        if data is None:
            self.fail(404, "NoSuchKey")
            return
        asked = self.headers.get("range")
        if asked is None:
            self.answer(200, data)
            return
        first, last = (int(number) for number in asked.removeprefix("bytes=").split("-"))
        if first >= len(data):
            self.fail(416, "InvalidRange")
            return
        part = data[first : last + 1]
        told = f"bytes {first}-{first + len(part) - 1}/{len(data)}"
        self.answer(206, part, **{"content-range": told})

    def fail(self, status: int, code: str, text: str = "") -> bool:
        body = f"<Error><Code>{code}</Code><Message>{text}</Message></Error>"
        self.answer(status, body.encode())
        return True

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.send_header("etag", '"of-no-matter"')
        self.send_header("last-modified", formatdate(time.time(), usegmt=True))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def hang_up(self) -> bool:
        """End the connection without an answer."""
        self.close_connection = True
        return True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""
