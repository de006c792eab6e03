"""What is in quarantine: for operators, and until its time is over."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hilum.access import AccessScope
from hilum.bootstrap import options
from hilum.bootstrap.parts.part import Part, Surroundings
from hilum.bootstrap.quarantine import QuarantineCheck, expiring, quarantine_of
from hilum.bootstrap.submissions import submission_work
from hilum.desk.quarantine import (
    quarantine_discard_router,
    quarantine_release_router,
    quarantine_repair_router,
    quarantine_router,
)
from hilum.servers.http import Mount
from hilum.submissions.expiring import ExpiryWorker


@asynccontextmanager
async def quarantine_part(around: Surroundings) -> AsyncIterator[Part]:
    """The routes below `/api/v1/quarantine`, and the worker that ends what is over."""
    settings, archive, meter = around.settings, around.archive, around.metrics.quarantine
    work = submission_work(settings, archive, around.view, around.clock)
    quarantine = quarantine_of(settings, archive, work, around.clock, meter)
    command_bytes = settings.http.command_bytes
    mounts = [
        Mount(quarantine_router(quarantine), "/api/v1", AccessScope.READ),
        Mount(quarantine_repair_router(quarantine, command_bytes), "/api/v1", AccessScope.WRITE),
        # Whoever may only store must not pass over the rules that refused what he sent.
        Mount(
            quarantine_release_router(quarantine, command_bytes),
            "/api/v1",
            AccessScope.EVERYTHING,
        ),
        Mount(quarantine_discard_router(quarantine, command_bytes), "/api/v1", AccessScope.DELETE),
    ]
    check = QuarantineCheck(archive.index.quarantine, options.quarantine_options(settings))
    worker = ExpiryWorker(
        expiring(archive, around.clock, meter), settings.quarantine.expiry_seconds
    )
    async with worker:
        yield Part(mounts=mounts, checks=[check])
