"""The real application over real engines, served in this process on a free port."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from hilum.access import AccessScope, make_key
from hilum.bootstrap.serving import Serving, serve
from hilum.foundation.clock import SystemClock
from hilum.settings import load_settings


@dataclass(frozen=True, slots=True)
class Gateway:
    """A running gateway and a client that talks to it."""

    serving: Serving
    client: httpx.AsyncClient

    async def key(self, *scopes: AccessScope) -> dict[str, str]:
        """Headers with a new API key."""
        made = make_key("test", scopes, now=SystemClock().now())
        await self.serving.archive.index.keys.add(made.record)
        return {"Authorization": f"Bearer {made.text}"}


Start = Callable[..., Awaitable[Gateway]]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Starts a gateway with settings by dotted name (`__` for the dot)."""
    async with AsyncExitStack() as stack:

        async def started(**settings: object) -> Gateway:
            overrides = {name.replace("__", "."): value for name, value in settings.items()}
            chosen = load_settings(
                {
                    "data_dir": tmp_path / "data",
                    "http.port": 0,
                    "dimse.port": 0,
                    "storage.reserve_bytes": 0,
                    **overrides,
                },
                environment={},
            )
            serving = await stack.enter_async_context(serve(chosen))
            client = httpx.AsyncClient(base_url=serving.http.url, timeout=20)
            await stack.enter_async_context(client)
            return Gateway(serving, client)

        yield started


@pytest.fixture
async def gateway(start: Start) -> Gateway:
    """A gateway as it comes: open, on loopback."""
    return await start()
