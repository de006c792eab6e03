"""Export and bulk import over the archive's engines, to and from the places that are allowed."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from hilum.adapters.storage.transfers.folder import FolderPlace
from hilum.bootstrap.archive import Archive
from hilum.domain.transfers import PlaceKind, PlaceUnusable, TransferPlace
from hilum.foundation.clock import Clock
from hilum.operations.transfers.allowed import Allowed
from hilum.operations.transfers.asking import Transfers
from hilum.operations.transfers.exporting import ExportOptions, ExportWork
from hilum.operations.transfers.importing import ImportOptions, ImportWork
from hilum.ports.jobs import Jobs
from hilum.ports.transfers import TransferStore
from hilum.settings import Settings


@dataclass(frozen=True, slots=True)
class Places:
    """`TransferStores`."""

    settings: Settings

    @asynccontextmanager
    async def open(
        self, place: TransferPlace, secrets: Mapping[str, str]
    ) -> AsyncIterator[TransferStore]:
        """Raises `PlaceUnusable`."""
        if place.kind is PlaceKind.FOLDER:
            threads = ThreadPoolExecutor(self.settings.transfers.at_once, "hilum-transfer")
            try:
                yield FolderPlace(await _folder(place, threads), threads)
            finally:
                threads.shutdown(wait=False, cancel_futures=True)  # what hangs is left alone
        else:
            yield _bucket(place, secrets, self.settings)


async def _folder(place: TransferPlace, threads: Executor) -> Path:
    loop = asyncio.get_running_loop()
    folder = Path(place.url, *filter(None, place.prefix.split("/")))
    if not await loop.run_in_executor(threads, os.path.isdir, folder):  # or it does not show
        message = "There is no such folder: make it first."
        raise PlaceUnusable(message)
    # What was allowed is what is opened, whatever becomes of links on the way to it.
    return await loop.run_in_executor(threads, folder.resolve)


def _bucket(place: TransferPlace, secrets: Mapping[str, str], settings: Settings) -> TransferStore:
    try:
        from hilum.adapters.storage.transfers.places import open_bucket  # noqa: PLC0415
        from hilum.bootstrap.remote_objects import remote_limits  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "obstore":
            raise
        message = "Buckets need the extra `objects`, which is not installed on the server."
        raise PlaceUnusable(message) from error
    return open_bucket(place, secrets, remote_limits(settings))


def allowed_places(settings: Settings) -> Allowed:
    return Allowed(settings.transfers.places, settings.transfers.folders)


def make_transfers(settings: Settings, jobs: Jobs) -> Transfers:
    """What doors and commands ask."""
    return Transfers(jobs, allowed_places(settings), settings.export.identifiers)


def export_work(settings: Settings, archive: Archive, clock: Clock) -> ExportWork:
    chosen = settings.transfers
    index = archive.index
    options = ExportOptions(at_once=chosen.at_once, most_errors=chosen.listed_errors)
    return ExportWork(
        index=index,
        kept=index.maintenance,
        objects=archive.objects,
        stores=Places(settings),
        errors=index.job_errors,
        allowed=allowed_places(settings),
        clock=clock,
        options=options,
    )


def import_work(settings: Settings, archive: Archive, clock: Clock) -> ImportWork:
    chosen = settings.transfers
    options = ImportOptions(
        at_once=chosen.at_once,
        memory_instance_bytes=settings.importing.memory_file_bytes,
        file_bytes=settings.importing.file_bytes,
        most_errors=chosen.listed_errors,
    )
    return ImportWork(
        ingest=archive.receive,
        spool=archive.spool,
        stores=Places(settings),
        errors=archive.index.job_errors,
        allowed=allowed_places(settings),
        clock=clock,
        options=options,
    )
