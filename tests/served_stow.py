"""The store routes of every surface behind a real HTTP server, over engines in memory."""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from hilum.adapters.storage.spool import DiskSpool
from hilum.domain.errors import HilumError
from hilum.inbound.dicomweb.intake import Ingest as IngestUseCase
from hilum.inbound.dicomweb.intake import StowLimits
from hilum.inbound.dicomweb.stow import stow_router
from hilum.ingest.committer import Committer
from hilum.ingest.pipeline import Ingest
from hilum.wire.base_url import BaseUrl
from hilum.wire.problems import error_response
from hilum.wire.surfaces import SURFACES
from tests.twins import MemoryIndex, MemoryIntents, MemoryObjects

Wrap = Callable[[IngestUseCase], IngestUseCase]


class ServedStow:
    """Serves in a thread of its own; `objects` and `index` may be looked at and switched."""

    def __init__(
        self,
        folder: Path,
        limits: StowLimits | None = None,
        *,
        base_url: BaseUrl | None = None,
        wrap: Wrap = lambda ingest: ingest,
    ) -> None:
        self.objects = MemoryObjects()
        self.index = MemoryIndex()
        self.spool_folder = folder / "spool"
        self.spool_folder.mkdir(parents=True)
        self._limits = limits
        self._base_url = base_url
        self._wrap = wrap
        self._ready = threading.Event()
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._socket.getsockname()
        app = FastAPI(lifespan=self._lifespan)
        for kind in (HilumError, HTTPException, Exception):
            app.add_exception_handler(kind, _render)
        self.ended = 0
        self._request_ended = threading.Condition()
        config = uvicorn.Config(
            self._counting(app), http="httptools", loop="uvloop", log_level="error"
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run)
        self.loop: asyncio.AbstractEventLoop

    @property
    def url(self) -> str:
        return f"http://{self.address[0]}:{self.address[1]}"

    @property
    def stored(self) -> list[bytes]:
        """What the archive holds, in the order of its coming."""
        return [self.objects.held[row.kept.object_key] for row in self.index.rows.values()]

    def spool_gets_empty(self) -> bool:
        """False when files are left; a thread that still writes one removes it afterwards."""
        for _ in range(2_000):
            if not any(path.name.isdecimal() for path in self.spool_folder.rglob("*")):
                return True
            time.sleep(0.005)
        return False

    def wait_for_end_of_request(self, count: int) -> None:
        """Return when `count` requests in all came to their end, however they ended."""
        with self._request_ended:
            assert self._request_ended.wait_for(lambda: self.ended >= count, timeout=30)

    def _counting(self, app: ASGIApp) -> ASGIApp:
        async def counting(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await app(scope, receive, send)
            except ClientDisconnect:
                return
            finally:
                if scope["type"] == "http":
                    with self._request_ended:
                        self.ended += 1
                        self._request_ended.notify_all()

        return counting

    def empty(self) -> None:
        """Forget everything stored, between two tests."""
        self.objects.held.clear()
        self.index.rows.clear()

    @asynccontextmanager
    async def _lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        self.loop = asyncio.get_running_loop()
        async with AsyncExitStack() as stack:
            spool = await stack.enter_async_context(DiskSpool(self.spool_folder, reserve_bytes=0))
            committer = await stack.enter_async_context(Committer(self.index))
            ingest = await stack.enter_async_context(
                Ingest(
                    index=self.index,
                    objects=self.objects,
                    intents=MemoryIntents(),
                    committer=committer,
                )
            )
            for surface in SURFACES:
                router = stow_router(
                    self._wrap(ingest), spool, surface, self._limits, base_url=self._base_url
                )
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
    surface = next(each for each in SURFACES if request.url.path.startswith(each.prefix))
    return error_response(error, dicomweb=True, correlation_id="c-1", surface=surface)
