"""Google Cloud Storage's XML interface in front of an S3 server: python gcs_front.py PORT BACKEND.

The emulators of others speak the JSON interface only, obstore the XML one. The two protocols are
siblings: paths, listings and multipart uploads are the same, the names of headers and the way to
sign differ. So this renames and signs, and a real server keeps the objects. Preconditions on a
generation other than 0 ("not there yet") are refused, since S3 has no generations.
"""

import hashlib
import http.client
import json
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlsplit

_PASSED = {
    *("content-type", "content-encoding", "content-disposition", "content-language"),
    *("content-md5", "cache-control", "range", "if-match", "if-none-match"),
    *("if-modified-since", "if-unmodified-since"),
}
_RETURNED = {
    *("content-type", "content-encoding", "content-disposition", "content-language"),
    *("content-length", "content-range", "cache-control", "accept-ranges", "etag"),
    *("last-modified",),
}
_CHUNK = 1 << 20


class Front(BaseHTTPRequestHandler):
    """One connection of a client, and one to the server behind."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    backend = ""
    _behind: http.client.HTTPConnection | None = None

    def answer(self) -> None:
        """Pass on one request, whatever its method."""
        parts = urlsplit(self.path)
        if parts.path == "/storage/v1/b":
            self._create_bucket()
            return
        headers = self._translated()
        if headers is None:
            self.close_connection = True  # its body is still on the way
            self._say(501, b"only generation 0 is known here")
            return
        length = int(self.headers.get("content-length") or 0)
        self._pass(self.command, parts.path, parts.query, headers, length)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer  # noqa: N815

    def _create_bucket(self) -> None:
        if self.command != "POST":
            self._say(200, b'{"kind": "storage#buckets", "items": []}')
            return
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        name = json.loads(body)["name"]
        self._pass("PUT", f"/{name}", "", {}, 0)

    def _translated(self) -> dict[str, str] | None:
        headers = {}
        for given, value in self.headers.items():
            name = given.lower()
            if name in _PASSED:
                headers[name] = value
            elif name == "x-goog-if-generation-match":
                if value != "0":
                    return None
                headers["if-none-match"] = "*"
            elif name == "x-goog-copy-source" or name.startswith("x-goog-meta-"):
                headers[name.replace("x-goog-", "x-amz-")] = value
        return headers

    def _pass(
        self, method: str, path: str, query: str, headers: dict[str, str], length: int
    ) -> None:
        path = quote(unquote(path), safe="/-_.~")
        pairs = sorted(parse_qsl(query, keep_blank_values=True))
        query = "&".join(
            f"{quote(key, safe='-_.~')}={quote(value, safe='-_.~')}" for key, value in pairs
        )
        more = {name: value for name, value in headers.items() if name.startswith("x-amz-")}
        headers |= signed(self.backend, method, path, query, more=more)
        if length or method in ("PUT", "POST"):
            headers["content-length"] = str(length)
        if self._behind is None:
            parts = urlsplit(self.backend)
            self._behind = http.client.HTTPConnection(parts.hostname or "", parts.port)
        target = f"{path}?{query}" if query else path
        try:
            self._behind.request(method, target, self._body(length) if length else None, headers)
            self._return(self._behind.getresponse(), method)
        except (OSError, http.client.HTTPException):
            self.close_connection = True
            self._behind.close()

    def _body(self, length: int) -> Iterator[bytes]:
        while length and (chunk := self.rfile.read(min(length, _CHUNK))):
            length -= len(chunk)
            yield chunk

    def _return(self, response: http.client.HTTPResponse, method: str) -> None:
        self.send_response(response.status)
        for given, value in response.getheaders():
            name = given.lower()
            if name in _RETURNED:
                self.send_header(given, value)
            elif name.startswith("x-amz-meta-"):
                self.send_header(name.replace("x-amz-", "x-goog-"), value)
        if etag := response.getheader("ETag"):
            generation = int(hashlib.sha256(etag.encode()).hexdigest()[:13], 16)
            self.send_header("x-goog-generation", str(generation))
        told = response.getheader("Content-Length")
        without = method == "HEAD" or response.status in (204, 304)
        rest = b"" if told is not None or without else response.read()
        if told is None and not without:
            self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.wfile.write(rest)
        while chunk := response.read(_CHUNK):
            self.wfile.write(chunk)

    def _say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: the server behind has a log."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    from scripts.engines.s3 import signed

    Front.backend = sys.argv[2]
    Server(("127.0.0.1", int(sys.argv[1])), Front).serve_forever()
