"""Uploads: the door they come through, and the states that are told of them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from hilum.access import AccessScope
from hilum.adapters.telemetry.checks import DiskCheck
from hilum.bootstrap import door_options as options
from hilum.bootstrap.options import quarantine_options
from hilum.bootstrap.parts.part import Part, Surroundings
from hilum.desk.status import DoorAddress
from hilum.desk.submissions.files import SubmissionFiles
from hilum.desk.submissions.routes import status_commands_router, status_router, uploads_router
from hilum.desk.submissions.streams import StatusStreams
from hilum.inbound.upload.route import upload_router
from hilum.ports.readiness import Check
from hilum.servers.http import Mount
from hilum.settings import Settings
from hilum.submissions.orphans import Orphans, OrphanSweeper
from hilum.submissions.receiving import Receiving
from hilum.submissions.room import QuarantineRoom

_SENDERS_TOO: Final = (AccessScope.READ, AccessScope.WRITE)


@asynccontextmanager
async def upload_part(around: Surroundings) -> AsyncIterator[Part]:
    """`POST /upload`; removes what uploads of dead processes left."""
    settings, archive = around.settings, around.archive
    index = archive.index
    receiving = Receiving(
        index.submissions,
        archive.holding,
        archive.spool,
        options.upload_policy(settings),
        options.receiving_limits(settings),
        QuarantineRoom(index.quarantine, quarantine_options(settings), around.clock),
    )
    router = upload_router(receiving, options.form_limits(settings), base_url=around.base_url)
    orphans = Orphans(archive.holding, index.submissions, index.quarantine)
    async with OrphanSweeper(orphans, around.clock, orphan_seconds=settings.upload.orphan_seconds):
        yield Part(
            mounts=[Mount(router, "", AccessScope.WRITE)],
            checks=_checks(settings),
            doors=lambda: (
                DoorAddress("Upload", "/upload", "Files and zip files, validated and archived"),
            ),
        )


@asynccontextmanager
async def status_part(around: Surroundings) -> AsyncIterator[Part]:
    """`/status/{study_id}` for those who ask, and `/api/v1/uploads`."""
    index = around.archive.index
    submissions = index.submissions
    stream_options = options.status_stream_options(around.settings, around.poll_seconds)
    streams = StatusStreams(submissions, submissions.moved, stream_options)
    around.metrics.observe("hilum_status_stream_clients", lambda: streams.open)
    files = SubmissionFiles(submissions, index.quarantine)
    yield Part(
        mounts=[
            Mount(status_router(submissions, files, streams), "", _SENDERS_TOO),
            Mount(uploads_router(submissions), "/api/v1", AccessScope.READ),
        ],
        hang_up=streams.close,
        opened=streams,
    )


@asynccontextmanager
async def status_commands_part(around: Surroundings) -> AsyncIterator[Part]:
    """`POST /status/{study_id}`, for other programs."""
    submissions = around.archive.index.submissions
    router = status_commands_router(submissions, submissions, around.settings.http.command_bytes)
    yield Part(mounts=[Mount(router, "", AccessScope.EVERYTHING)])


def _checks(settings: Settings) -> Sequence[Check]:
    """Files that wait beside the archive's own folder may have a disk of their own."""
    folder = settings.upload.folder
    if folder is None:
        return ()
    return (DiskCheck(folder, settings.storage.reserve_bytes, "holding"),)
