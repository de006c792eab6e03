"""What people do with what is in quarantine, over the archive's engines."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from hilum.bootstrap import options
from hilum.bootstrap.archive import Archive, open_archive
from hilum.bootstrap.archive_view import open_view
from hilum.bootstrap.submissions import SubmissionWork, submission_work
from hilum.bootstrap.validation import deep_profiles
from hilum.foundation.clock import Clock, SystemClock
from hilum.ports.quarantine import QuarantineList
from hilum.ports.quarantine_telemetry import NoQuarantineMeter, QuarantineMeter
from hilum.settings import Settings
from hilum.submissions.expiring import Expiring
from hilum.submissions.mending.mend import Mending
from hilum.submissions.quarantine import Quarantine
from hilum.submissions.refusals import QuarantineOptions
from hilum.submissions.repairing import Repairing


def quarantine_of(
    settings: Settings,
    archive: Archive,
    work: SubmissionWork,
    clock: Clock,
    meter: QuarantineMeter | None = None,
) -> Quarantine:
    """The use case; `work` has submissions settle again when files of theirs come back."""
    mending = Mending(options.header_limits(settings), settings.quarantine.repair_bytes)
    repairing = Repairing(archive.holding, archive.spool, clock, mending, deep_profiles(settings))
    return Quarantine(
        archive.index.quarantine,
        archive.holding,
        archive.receive,
        repairing,
        clock,
        archive.index.submissions,
        work.returning,
        meter or NoQuarantineMeter(),
    )


def expiring(archive: Archive, clock: Clock, meter: QuarantineMeter) -> Expiring:
    """What ends what has been held long enough."""
    return Expiring(
        archive.index.quarantine, archive.holding, clock, archive.index.submissions, meter
    )


@dataclass(frozen=True, slots=True)
class QuarantineCheck:
    """Tells how full the quarantine is; a full one hinders keeping what is refused, and uploads."""

    quarantine: QuarantineList
    options: QuarantineOptions
    name: str = "quarantine"

    async def __call__(self) -> str:
        files, size_bytes = await self.quarantine.totals()
        most_files, most_bytes = self.options.maximum_files, self.options.maximum_bytes
        text = f"{files:,} held, {size_bytes >> 20:,} of {most_bytes >> 20:,} MiB."
        if files >= most_files or size_bytes >= most_bytes:
            return (
                "Full, so that what is refused is not kept any more, and uploads are turned away "
                f"once theirs alone fill it: {text}"
            )
        return text


@asynccontextmanager
async def open_quarantine(settings: Settings) -> AsyncIterator[Quarantine]:
    """The use case for a command, beside any server.

    Raises `DataFolderInUse`, `ArchiveFault`.
    """
    clock = SystemClock()
    async with (
        open_archive(settings) as archive,
        open_view(settings, archive.index, archive.objects) as view,
    ):
        written = view if settings.archive_view.enabled else None
        work = submission_work(settings, archive, written, clock)
        yield quarantine_of(settings, archive, work, clock)
