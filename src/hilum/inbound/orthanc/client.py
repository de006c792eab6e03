"""Orthanc's REST API, as far as studies are read from it; one pool of connections per source."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Final, Self, TypeVar

import httpx
import orjson

from hilum.domain.errors import ArchiveUnavailable
from hilum.inbound.orthanc.answers import (
    Changes,
    SeriesFacts,
    StudyFacts,
    read_changes,
    read_series,
    read_studies,
    read_study,
)
from hilum.inbound.orthanc.errors import (
    SourceFailed,
    SourceRefused,
    SourceUnavailable,
    UnknownAtSource,
)
from hilum.inbound.orthanc.options import OrthancSource, OrthancTls

T = TypeVar("T")

_IDLE_SECONDS: Final = 0.8
"""Orthanc closes a connection that rests for a second; one that we take must still be good."""
_HEADERS: Final = {
    # Pixel data hardly shrinks and Orthanc's deflate is slower than any network it stands in.
    "Accept-Encoding": "identity",
    "User-Agent": "hilum",
}
_BROKEN: Final = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError, httpx.CloseError)


class OrthancClient:
    """Questions to one Orthanc; use with `async with`.

    All of them raise `SourceUnavailable` when it does not answer, `UnknownAtSource` when it does
    not know the resource, `SourceRefused` when it does not let us, `SourceFailed` for whatever else
    is not the answer.
    """

    def __init__(self, source: OrthancSource) -> None:
        """Raises `ArchiveUnavailable` for TLS files that cannot be used."""
        self._source = source
        auth = None
        if source.username or source.password:
            auth = httpx.BasicAuth(source.username, source.password)
        self._http = httpx.AsyncClient(
            base_url=source.url,
            auth=auth,
            headers=_HEADERS,
            timeout=httpx.Timeout(source.read_seconds, connect=source.connect_seconds, pool=None),
            limits=httpx.Limits(
                max_connections=source.parallel_fetches + 2,
                keepalive_expiry=_IDLE_SECONDS,
            ),
            verify=_tls(source.tls) if source.url.startswith("https:") else True,
            follow_redirects=False,
            trust_env=False,
        )
        self._places = asyncio.Semaphore(source.parallel_fetches)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def changes(self, since: int, limit: int) -> Changes:
        """Changes with numbers above `since`, oldest first."""
        return await self._read(f"/changes?since={since}&limit={limit}", read_changes)

    async def last_change(self) -> Changes:
        """The newest change alone."""
        return await self._read("/changes?last", read_changes)

    async def study(self, source_id: str) -> StudyFacts:
        return await self._read(f"/studies/{source_id}", read_study)

    async def series(self, source_id: str) -> SeriesFacts:
        return await self._read(f"/series/{source_id}", read_series)

    async def studies(self, since: int, limit: int) -> list[StudyFacts]:
        """Studies in the order in which the source got them, after the first `since`."""
        return await self._read(f"/studies?since={since}&limit={limit}&expand", read_studies)

    @asynccontextmanager
    async def instance(self, source_id: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """The bytes of an instance as the source holds them.

        Waits while `parallel_fetches` are under way. An answer that ends too early raises
        `SourceFailed` from the iterator.
        """
        async with self._places, self._answer(f"/instances/{source_id}/file") as answer:
            yield self._chunks(answer)

    async def _chunks(self, answer: httpx.Response) -> AsyncIterator[bytes]:
        try:
            async for chunk in answer.aiter_raw(1 << 18):
                yield chunk
        except httpx.HTTPError as error:
            raise self._failed(f"broke off an answer ({type(error).__name__})") from error

    async def _read(self, path: str, reader: Callable[[object], T]) -> T:
        body = bytearray()
        async with self._answer(path) as answer:
            async for chunk in self._chunks(answer):
                body += chunk
                if len(body) > self._source.answer_bytes:
                    limit = f"{self._source.answer_bytes:,} bytes (setting answer_bytes)"
                    raise self._failed(f"sent an answer of more than {limit}")
        try:
            return reader(orjson.loads(bytes(body)))
        except ValueError as error:
            raise self._failed("sent an answer that its REST API does not document") from error

    @asynccontextmanager
    async def _answer(self, path: str) -> AsyncIterator[httpx.Response]:
        answer = await self._send(path)
        try:
            self._demand_success(answer.status_code)
            yield answer
        finally:
            await answer.aclose()

    async def _send(self, path: str) -> httpx.Response:
        try:
            return await self._try(path)
        except _BROKEN:
            # A connection that rested was closed by the other side just then; a new one will do.
            try:
                return await self._try(path)
            except _BROKEN as error:
                raise self._unavailable(f"closes connections ({type(error).__name__})") from error

    async def _try(self, path: str) -> httpx.Response:
        request = self._http.build_request("GET", path)
        try:
            return await self._http.send(request, stream=True)
        except httpx.ConnectTimeout as error:
            wait = f"{self._source.connect_seconds:g} s"
            raise self._unavailable(f"does not take a connection within {wait}") from error
        except httpx.ConnectError as error:
            raise self._unavailable(f"cannot be reached ({_reason(error)})") from error
        except httpx.TimeoutException as error:
            wait = f"{self._source.read_seconds:g} s"
            raise self._failed(f"did not answer within {wait}") from error
        except httpx.LocalProtocolError as error:
            raise self._failed("cannot be asked so") from error

    def _demand_success(self, status: int) -> None:
        if status == 200:
            return
        if status == 404:
            raise UnknownAtSource(f"The source {self._source.name} does not know this (404).")
        if status in {401, 403}:
            text = f"refuses us ({status}): check its username and password"
            raise SourceRefused(f"The source {self._source.name} {text}.")
        if status in {429, 502, 503, 504}:
            raise self._unavailable(f"says that it cannot answer now ({status})")
        raise self._failed(f"answered with status {status}")

    def _failed(self, text: str) -> SourceFailed:
        return SourceFailed(f"The source {self._source.name} {text}.")

    def _unavailable(self, text: str) -> SourceUnavailable:
        return SourceUnavailable(f"The source {self._source.name} {text}.")


def _reason(error: BaseException) -> str:
    """Why no connection came about, as the system or TLS says it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return f"TLS: {cause.reason or type(cause).__name__}"
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return "no connection"


def _tls(tls: OrthancTls) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=tls.ca_file)
        if tls.certificate_file is not None:
            context.load_cert_chain(tls.certificate_file, tls.key_file)
    except OSError as error:  # ssl.SSLError is one
        message = "The TLS files of an Orthanc source cannot be used: "
        raise ArchiveUnavailable(f"{message}{error.strerror or type(error).__name__}.") from error
    return context
