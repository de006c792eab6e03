"""Whether there is a process of its own for keeping, and what it works with."""

import os
from dataclasses import asdict

from hilum.adapters.keeper.process import KeeperProcess
from hilum.adapters.storage.disk import DiskObjects
from hilum.adapters.storage.disk_batch import DiskBatches
from hilum.adapters.storage.intents import FileIntents
from hilum.bootstrap import keeper_process
from hilum.bootstrap.keeper_process import KeeperOptions
from hilum.ports.index import InstanceWriter
from hilum.ports.objects import ObjectStore
from hilum.ports.telemetry import IngestMeter
from hilum.settings import Settings


def make_keeper(
    settings: Settings,
    database_url: str,
    intents: FileIntents,
    objects: ObjectStore,
    index: InstanceWriter,
    meter: IngestMeter,
) -> KeeperProcess | None:
    """The keeper of the archive, not yet started; None where it would be of no use.

    That is when the settings say so, when objects do not lie on a disk here, and on file systems
    without nameless files.
    """
    ingest, reserve_bytes = settings.ingest, settings.storage.reserve_bytes
    if not (ingest.keeper_process and isinstance(objects, DiskObjects)):
        return None
    try:
        DiskBatches(settings.data_dir, reserve_bytes=reserve_bytes).close()
    except OSError:
        return None
    given = KeeperOptions(
        folder=os.fspath(settings.data_dir.absolute()),
        intents=os.fspath(intents.folder.absolute()),
        database_url=database_url,
        busy_seconds=settings.database.busy_seconds,
        reserve_bytes=reserve_bytes,
    )
    return KeeperProcess(
        keeper_process.__name__,
        asdict(given),
        objects=objects,
        index=index,
        memory_bytes=ingest.keeper_memory_bytes,
        takes_bytes=ingest.inline_bytes,
        meter=meter,
    )
