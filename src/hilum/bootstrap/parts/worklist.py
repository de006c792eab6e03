"""Work items on every surface; on the standard one who subscribed is told over WebSocket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

from hilum.access import AccessScope
from hilum.bootstrap.parts.part import Part, Surroundings
from hilum.outbound.worklist.routes import (
    WorklistDoor,
    worklist_reading_router,
    worklist_writing_router,
)
from hilum.outbound.worklist.sockets import SocketOptions, WorkitemSockets
from hilum.outbound.worklist.subscription_routes import SOCKETS, subscription_router
from hilum.servers.http import Mount
from hilum.servers.http_sockets import SocketMount
from hilum.wire.surfaces import STANDARD, SURFACES, Surface
from hilum.wire.worklist_rules import AZURE_WORKLIST, STANDARD_WORKLIST
from hilum.worklist.datasets import WorkitemLimits
from hilum.worklist.pruning import Pruning, PruningWorker
from hilum.worklist.subscribing import Subscribing
from hilum.worklist.worklist import Worklist

_RULES: Final = {STANDARD.name: STANDARD_WORKLIST}


@asynccontextmanager
async def worklist_part(around: Surroundings) -> AsyncIterator[Part]:
    """The routes `/workitems`, the WebSocket, and the worker that forgets."""
    settings = around.settings.worklist
    if not settings.enabled:
        yield Part()
        return
    store = around.archive.index.worklist
    sockets = WorkitemSockets(
        store, store.told, SocketOptions(settings.clients, settings.poll_seconds)
    )
    around.metrics.observe("hilum_workitem_sockets", lambda: sockets.open)
    async with PruningWorker(_pruning(around), settings.prune_seconds):
        yield Part(
            mounts=[mount for each in SURFACES for mount in _mounts(around, each)],
            sockets=[SocketMount(STANDARD.prefix + SOCKETS, sockets.serve, AccessScope.READ)],
            hang_up=sockets.close,
            opened=sockets,
        )


def _mounts(around: Surroundings, surface: Surface) -> list[Mount]:
    """The routes of a surface; none when the worklist is off."""
    settings, store = around.settings.worklist, around.archive.index.worklist
    if not settings.enabled:
        return []
    limits = WorkitemLimits(settings.elements, settings.nesting)
    rules = _RULES.get(surface.name, AZURE_WORKLIST).within(settings.maximum_results)
    worklist = Worklist(store, around.clock, limits)
    door = WorklistDoor(worklist, surface, rules, around.base_url, settings.body_bytes)
    mounts = [
        Mount(worklist_reading_router(door), surface.prefix, AccessScope.READ),
        Mount(worklist_writing_router(door), surface.prefix, AccessScope.WRITE),
    ]
    if rules.subscriptions:
        subscribing = Subscribing(store, store.told, settings.filters)
        router = subscription_router(door, subscribing)
        mounts.append(Mount(router, surface.prefix, AccessScope.WRITE))
    return mounts


def _pruning(around: Surroundings) -> Pruning:
    settings, store = around.settings.worklist, around.archive.index.worklist
    days = settings.retention_days
    return Pruning(
        store,
        store,
        around.clock,
        timedelta(days=days) if days else None,
        timedelta(days=settings.event_days),
        settings.events,
    )
