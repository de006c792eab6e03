"""The whole server on loopback, in a thread of the test's process, with its archive at hand."""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
import uvloop

from hilum.bootstrap.archive import Archive
from hilum.bootstrap.serving import Serving, serve
from hilum.domain.identifiers import Scope
from hilum.domain.instances import Arrival, InMemory, OnConflict, Outcome, StorePolicy
from hilum.domain.origins import Door, Origin
from hilum.settings import Settings

_T = TypeVar("_T")


@dataclass(frozen=True)
class Seen:
    """An answer that some client of a served archive got, as far as a document tells of it."""

    method: str
    path: str
    status: int
    content_type: str


SEEN: set[Seen] = set()
"""What the clients of `ServedDicomWeb` got since somebody looked."""


def _note(response: httpx.Response) -> None:
    request, kind = response.request, response.headers.get("content-type", "")
    SEEN.add(Seen(request.method, request.url.path, response.status_code, kind))


class ServedDicomWeb:
    """Serves while it is entered."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        fixed = {
            "data_dir": folder,
            "http": {"port": 0},
            "dimse": {"port": 0},
            "storage": {"reserve_bytes": 0},
        }
        self._settings = Settings.model_validate(fixed | settings)
        self._serving: Serving | None = None
        self._failure: BaseException | None = None
        self._ready = threading.Event()
        self._loop = uvloop.new_event_loop()
        self._stop: asyncio.Event
        self._thread = threading.Thread(target=self._run)

    @property
    def archive(self) -> Archive:
        assert self._serving is not None
        return self._serving.archive

    @property
    def port(self) -> int:
        assert self._serving is not None
        return self._serving.http.port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, accept: str = "application/dicom+json") -> httpx.Client:
        return httpx.Client(
            base_url=self.url,
            headers={"Accept": accept},
            timeout=60,
            event_hooks={"response": [_note]},
        )

    def keep(self, *instances: bytes, new_versions: bool = False, profile: str = "minimal") -> None:
        """Hand instances to the pipeline, one after another, as a door would."""
        conflict = OnConflict.NEW_VERSION if new_versions else OnConflict.REFUSE
        policy = StorePolicy(profile, conflict)
        origin = Origin(Door.IMPORT, "tests")

        async def keep() -> list[Outcome]:
            return [
                await self.archive.ingest(Arrival(InMemory(data), origin, policy))
                for data in instances
            ]

        outcomes = self.run(keep())
        assert all(outcome.held for outcome in outcomes), outcomes

    def keep_at_once(self, *instances: bytes) -> None:
        """The same for many instances whose order does not matter; faster."""
        origin, policy = Origin(Door.IMPORT, "tests"), StorePolicy("minimal")

        async def keep() -> list[Outcome]:
            arrivals = [Arrival(InMemory(data), origin, policy) for data in instances]
            return await asyncio.gather(*map(self.archive.ingest, arrivals))

        assert all(outcome.held for outcome in self.run(keep()))

    def delete(self, scope: Scope) -> None:
        self.run(self.archive.delete(scope, Origin(Door.DELETE, "tests")))

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run on the server's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        with contextlib.closing(self._loop):
            self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        try:
            async with serve(self._settings) as self._serving:
                self._ready.set()
                await self._stop.wait()
        except BaseException as error:
            self._failure = error
            raise
        finally:
            self._ready.set()

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(30) or self._failure is not None:
            raise AssertionError("the server did not start") from self._failure
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(60)
        assert not self._thread.is_alive()
