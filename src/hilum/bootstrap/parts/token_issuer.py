"""The token issuer for development, when the settings want one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hilum.adapters.identity import ALGORITHM
from hilum.bootstrap.identity import make_issuer, own_keys
from hilum.bootstrap.parts.part import Part, Surroundings
from hilum.desk.token_issuer import token_issuer_router
from hilum.servers.http import Mount


@asynccontextmanager
async def token_issuer_part(around: Surroundings) -> AsyncIterator[Part]:
    """`/connect/token` and what belongs to it; the keys are made before it opens."""
    settings = around.settings
    if not settings.security.issuer.enabled:
        yield Part()
        return
    keys = own_keys(settings)
    await asyncio.to_thread(keys.make)
    issuer = make_issuer(settings, around.clock, keys)
    router = token_issuer_router(issuer, around.base_url, ALGORITHM, settings.http.command_bytes)
    yield Part(mounts=[Mount(router, "")])
