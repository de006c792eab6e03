"""A reverse proxy that puts a prefix before every path, as hospitals do with many applications."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_ITS_OWN = frozenset({"connection", "transfer-encoding", "date", "server"})


@contextmanager
def a_prefix_proxy(port: int, prefix: str) -> Iterator[str]:
    """Pass on what comes below `prefix` to a port of loopback; yield the address to ask."""

    class Handler(BaseHTTPRequestHandler):
        # HTTP/1.0: connections that a browser keeps open would outlive the test.
        timeout = 30

        def do_GET(self) -> None:
            self._pass_on(None)

        def do_POST(self) -> None:
            self._pass_on(self.rfile.read(int(self.headers["Content-Length"])))

        def _pass_on(self, body_in: bytes | None) -> None:
            if not self.path.startswith(f"{prefix}/"):
                self.send_error(404)
                return
            behind = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            path, headers = self.path.removeprefix(prefix), dict(self.headers)
            try:
                behind.request(self.command, path, body_in, headers)
                answer = behind.getresponse()
                body = answer.read()
            finally:
                behind.close()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in _ITS_OWN | {"content-length"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}{prefix}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
