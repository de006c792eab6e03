"""The feed as a stream of events over HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hilum.access import AccessScope
from hilum.bootstrap.events import make_streams
from hilum.bootstrap.parts.part import Part, Surroundings
from hilum.outbound.events.route import events_router
from hilum.servers.http import Mount


@asynccontextmanager
async def events_part(around: Surroundings) -> AsyncIterator[Part]:
    """`/api/v1/events`."""
    streams = make_streams(around.settings, around.archive)
    around.metrics.observe("hilum_event_stream_clients", lambda: streams.open)
    yield Part(
        mounts=[Mount(events_router(streams), "/api/v1", AccessScope.READ)],
        hang_up=streams.close,
        opened=streams,
    )
