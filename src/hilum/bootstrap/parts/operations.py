"""Long work in the background: the worker of this process, and who may look at what it does."""

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hilum.access import AccessScope
from hilum.adapters.telemetry.checks import StateCheck
from hilum.bootstrap.index_place import on_server
from hilum.bootstrap.parts.part import Part, Surroundings
from hilum.bootstrap.transfers import make_transfers
from hilum.bootstrap.works import works
from hilum.desk.jobs import jobs_cancel_router, jobs_router
from hilum.desk.operations import operations_router
from hilum.inbound.transfers.route import import_router
from hilum.ingest.profiles import PROFILES
from hilum.operations.looking import Operations
from hilum.operations.options import RunnerOptions
from hilum.operations.running import JobRunner
from hilum.outbound.transfers.route import export_router
from hilum.servers.http import Mount
from hilum.settings import Settings
from hilum.wire.surfaces import AZURE_V1, AZURE_V2


@asynccontextmanager
async def operations_part(around: Surroundings) -> AsyncIterator[Part]:
    """`/operations/{id}` on the Azure surfaces, `/api/v1/jobs`, and the worker."""
    jobs = around.archive.index.jobs
    operations = Operations(jobs, around.archive.index.job_errors)
    mounts = [
        Mount(
            operations_router(operations, surface, base_url=around.base_url),
            surface.prefix,
            AccessScope.READ,
        )
        for surface in (AZURE_V2, AZURE_V1)
    ]
    mounts += [
        Mount(jobs_router(operations), "/api/v1", AccessScope.READ),
        # Ends what others asked for, whatever scope that needed.
        Mount(jobs_cancel_router(operations), "/api/v1", AccessScope.EVERYTHING),
    ]
    mounts += _transfers(around)
    runner = JobRunner(
        jobs,
        jobs,
        jobs.added,
        works(around),
        around.clock,
        holder=f"{socket.gethostname()[:60]}:{os.getpid()}",
        options=runner_options(around.settings),
        meter=around.metrics.jobs,
    )
    check = StateCheck(
        "operations",
        lambda: runner.alive,
        "Takes up operations.",
        "The worker of operations has ended: see the log, and restart the server.",
    )
    if not on_server(around.settings):
        # Who had jobs in this data folder before is dead: it is held by one server at a time.
        await jobs.release_all()
    async with runner:
        yield Part(mounts=mounts, checks=[check])


def _transfers(around: Surroundings) -> list[Mount]:
    """What begins exports and imports."""
    settings, index = around.settings, around.archive.index
    transfers = make_transfers(settings, index.jobs)
    bulk_import = import_router(
        transfers,
        index.partitions,
        PROFILES.keys(),
        base_url=around.base_url,
        request_bytes=settings.http.command_bytes,
    )
    mounts = [Mount(bulk_import, "/api/v1", AccessScope.WRITE)]
    if settings.export.enabled:
        for surface in (AZURE_V2, AZURE_V1):
            router = export_router(
                transfers,
                surface,
                base_url=around.base_url,
                request_bytes=settings.export.request_bytes,
            )
            mounts.append(Mount(router, surface.prefix, AccessScope.EXPORT))
    return mounts


def runner_options(settings: Settings) -> RunnerOptions:
    chosen = settings.operations
    return RunnerOptions(
        concurrent=chosen.concurrent,
        lease_seconds=chosen.lease_seconds,
        poll_seconds=chosen.poll_seconds,
        attempts=chosen.attempts,
        first_pause_seconds=chosen.first_pause_seconds,
        longest_pause_seconds=chosen.longest_pause_seconds,
        history_days=chosen.history_days,
    )
