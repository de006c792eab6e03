"""The server under check: where its services are and how it is asked."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote, urljoin, urlsplit

import httpx

from hilum.conformance.checks import Unmet
from hilum.conformance.exchange import Exchange

DICOM: Final = "application/dicom"
JSON: Final = "application/dicom+json"
OCTETS: Final = "application/octet-stream"


def related(media_type: str, **parameters: str) -> str:
    """`multipart/related; type="..."`, with further parameters of the media type."""
    more = "".join(f"; {name.replace('_', '-')}={value}" for name, value in parameters.items())
    return f'multipart/related; type="{media_type}"{more}'


@dataclass(frozen=True)
class Options:
    """How to reach a server. Roots are URLs; empty ones are the base URL."""

    url: str
    qido_root: str = ""
    wado_root: str = ""
    stow_root: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    user: tuple[str, str] | None = None
    timeout_seconds: float = 30.0
    max_bytes: int = 64 * 1024 * 1024
    """Largest answer that is read, after content coding."""
    verify: bool = True
    """Whether the certificate of the server is looked at."""


class Unreachable(Exception):
    """No answer came; `str(error)` says why."""


class Server:
    """Asks one server, one request at a time, and remembers the last exchange."""

    def __init__(self, options: Options, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """Open nothing yet. `transport` is for tests."""
        self.options = options
        base = options.url.rstrip("/")
        self.base = base
        self.qido = (options.qido_root or base).rstrip("/")
        self.wado = (options.wado_root or base).rstrip("/")
        self.stow = (options.stow_root or base).rstrip("/")
        self.last: Exchange | None = None
        self._client = httpx.AsyncClient(
            headers={"User-Agent": "hilum-check", **options.headers},
            auth=httpx.BasicAuth(*options.user) if options.user else None,
            timeout=options.timeout_seconds,
            verify=options.verify,
            follow_redirects=False,
            trust_env=False,
            transport=transport,
        )

    async def __aenter__(self) -> Self:
        """Use it as a context."""
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close connections."""
        await self._client.__aexit__(kind, error, traceback)

    async def ask(
        self,
        method: str,
        url: str,
        *,
        accept: str | None = "*/*",
        query: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Exchange:
        """Send one request and read its answer as far as the limit allows.

        Raises `Unreachable` without an answer, `Unmet` for one that is too large.
        """
        fields = dict(headers or {})
        if accept is not None:
            fields["Accept"] = accept
        target = f"{url}?{_query(query)}" if query else url
        request = self._client.build_request(method, target, headers=fields, content=body)
        if accept is None:
            request.headers.pop("Accept", None)
        try:
            answer = await self._client.send(request, stream=True)
            try:
                content = await self._content(answer)
            finally:
                await answer.aclose()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unreachable(f"{type(error).__name__} at {method} {self._told(url)}") from error
        self.last = Exchange(
            method=method,
            target=self._told(str(request.url)),
            status=answer.status_code,
            reason=answer.reason_phrase,
            headers={name.lower(): value for name, value in answer.headers.items()},
            body=content[: self.options.max_bytes],
        )
        if len(content) > self.options.max_bytes:
            limit = f"at most {self.options.max_bytes:,} bytes (--max-bytes)"
            raise Unmet(limit, "a longer answer", self.last)
        return self.last

    async def search(self, path: str, accept: str = JSON, /, **query: str | int) -> Exchange:
        """Search (PS3.18 10.6)."""
        return await self.ask("GET", self.qido + path, accept=accept, query=query)

    async def retrieve(
        self, path: str, accept: str | None, /, method: str = "GET", **query: str | int
    ) -> Exchange:
        """Retrieve (PS3.18 10.4)."""
        return await self.ask(method, self.wado + path, accept=accept, query=query)

    async def store(
        self,
        path: str,
        instances: Iterable[bytes],
        *,
        accept: str = JSON,
        media_type: str = DICOM,
    ) -> Exchange:
        """Store as multipart/related (PS3.18 10.5)."""
        boundary = uuid.uuid4().hex
        body = b"".join(
            f"--{boundary}\r\nContent-Type: {media_type}\r\n\r\n".encode() + instance + b"\r\n"
            for instance in instances
        )
        kind = f"{related(media_type)}; boundary={boundary}"
        return await self.ask(
            "POST",
            self.stow + path,
            accept=accept,
            headers={"Content-Type": kind},
            body=body + f"--{boundary}--\r\n".encode(),
        )

    def same_origin(self, uri: str, base: str) -> str | None:
        """`uri` resolved against `base`; nothing when it points to another host.

        Credentials are never carried to a place that an answer named.
        """
        resolved = urljoin(base, uri)
        ours = {urlsplit(root)[:2] for root in (self.base, self.wado, self.qido, self.stow)}
        return resolved if urlsplit(resolved)[:2] in ours else None

    def _told(self, url: str) -> str:
        """An URL as reports show it: without what the user gave to get in."""
        for root in sorted({self.base, self.qido, self.wado, self.stow}, key=len, reverse=True):
            if url.startswith(root):
                return url[len(root) :] or "/"
        parts = urlsplit(url)
        return f"{parts.path}?{parts.query}" if parts.query else parts.path

    async def _content(self, answer: httpx.Response) -> bytes:
        content = bytearray()
        async for chunk in answer.aiter_bytes():
            content += chunk
            if len(content) > self.options.max_bytes:
                break
        return bytes(content)


def _query(query: Mapping[str, str | int]) -> str:
    """A query string in which `*`, `,` and `?` stand as they are.

    Encoded they would be other queries (RFC 3986 2.2), which a server need not read alike.
    """
    return "&".join(
        f"{quote(name, safe='')}={quote(str(value), safe='*,?/:')}" for name, value in query.items()
    )
