"""Search, retrieve and delete on every surface behind a real HTTP server.

The engines are given as a factory, so that the same tests run over the twins and over the real
ones. What is sent is kept by the real pipeline.
"""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
import uvicorn
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from hilum.adapters.storage.spool import DiskSpool
from hilum.catalogue.conversion import Conversion, ConversionLimits
from hilum.catalogue.delete import Delete
from hilum.catalogue.retrieve import Retrieve, RetrieveLimits
from hilum.catalogue.search import Search
from hilum.domain.errors import HilumError
from hilum.domain.instances import Arrival, InMemory, OnConflict, Outcome, StorePolicy
from hilum.domain.origins import Door, Origin
from hilum.inbound.dicomweb.stow import stow_router
from hilum.ingest.committer import Committer
from hilum.ingest.pipeline import Ingest
from hilum.outbound.dicomweb.delete import delete_router
from hilum.outbound.dicomweb.qido import qido_router
from hilum.outbound.dicomweb.wado import wado_router
from hilum.wire.problems import error_response
from hilum.wire.surfaces import SURFACES
from tests.twins import MemoryIntents

_T = TypeVar("_T")


@dataclass
class Engines:
    """An index with all its ports, and an object store."""

    index: Any
    objects: Any


EngineFactory = Callable[[Path], AbstractAsyncContextManager[Engines]]


class ServedDicomWeb:
    """Serves in a thread of its own; `engines` may be looked at and switched."""

    def __init__(
        self,
        folder: Path,
        engines: EngineFactory,
        *,
        limits: RetrieveLimits | None = None,
        conversion: ConversionLimits | None = None,
    ) -> None:
        self._folder = folder
        self._factory = engines
        self._limits = limits
        self._conversion_limits = conversion
        self._ready = threading.Event()
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.engines: Engines
        self.freeing_calls = 0
        app = FastAPI(lifespan=self._lifespan)
        for kind in (HilumError, HTTPException, Exception):
            app.add_exception_handler(kind, _render)
        config = uvicorn.Config(app, http="httptools", loop="uvloop", log_level="critical")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run)
        self._loop: asyncio.AbstractEventLoop
        self._ingest: Ingest

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, accept: str = "application/dicom+json") -> httpx.Client:
        return httpx.Client(base_url=self.url, headers={"Accept": accept}, timeout=60)

    def keep(self, *instances: bytes, new_versions: bool = False, profile: str = "minimal") -> None:
        """Hand instances to the pipeline, one after another, as a door would."""
        conflict = OnConflict.NEW_VERSION if new_versions else OnConflict.REFUSE
        policy = StorePolicy(profile, conflict)

        async def keep() -> list[Outcome]:
            origin = Origin(Door.IMPORT, "tests")
            return [
                await self._ingest(Arrival(InMemory(data), origin, policy)) for data in instances
            ]

        outcomes = self.run(keep())
        assert all(outcome.held for outcome in outcomes), outcomes

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run on the server's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def _freeing_due(self) -> None:
        self.freeing_calls += 1

    @asynccontextmanager
    async def _lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        self._loop = asyncio.get_running_loop()
        async with AsyncExitStack() as stack:
            engines = self.engines = await stack.enter_async_context(self._factory(self._folder))
            spool = await stack.enter_async_context(
                DiskSpool(self._folder / "spool", reserve_bytes=0)
            )
            committer = await stack.enter_async_context(Committer(engines.index))
            self._ingest = await stack.enter_async_context(
                Ingest(
                    index=engines.index,
                    objects=engines.objects,
                    intents=MemoryIntents(),
                    committer=committer,
                )
            )
            conversion = Conversion(engines.objects, 2, self._conversion_limits)
            stack.callback(conversion.close)
            retrieve = Retrieve(engines.index, engines.objects, conversion, self._limits)
            search = Search(engines.index, engines.index)
            delete = Delete(engines.index, self._freeing_due)
            for surface in SURFACES:
                for router in (
                    stow_router(self._ingest, spool, surface),
                    qido_router(search, surface),
                    wado_router(retrieve, surface),
                    delete_router(delete, surface),
                ):
                    app.include_router(router, prefix=surface.prefix)
            self._ready.set()
            yield

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])

    def __enter__(self) -> Self:
        self._socket.listen(128)
        self._thread.start()
        if not self._ready.wait(30):
            raise AssertionError("the server did not start")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.should_exit = True
        self._thread.join(30)
        self._socket.close()
        assert not self._thread.is_alive()


async def _render(request: Request, error: Exception) -> Response:
    surface = next((each for each in SURFACES if request.url.path.startswith(each.prefix)), None)
    return error_response(error, dicomweb=True, correlation_id="c-1", surface=surface)
