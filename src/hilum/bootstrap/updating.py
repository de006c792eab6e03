"""The work of bulk updates over the archive's engines."""

from hilum.bootstrap import options
from hilum.bootstrap.archive import Archive
from hilum.ingest.versions import VersionBlocks
from hilum.operations.updating.files import ReviseFiles
from hilum.operations.updating.study import UpdateOptions, UpdateStudy
from hilum.operations.updating.work import UpdateWork
from hilum.settings import Settings


def update_work(settings: Settings, archive: Archive) -> UpdateWork:
    """What does jobs of the kind `update`."""
    chosen = settings.update
    files = ReviseFiles(
        archive.objects,
        archive.spool,
        archive.ingest.judge,
        VersionBlocks(archive.index),
        options.header_limits(settings),
        chosen.memory_bytes,
        options.ingest_limits(settings).inline_bytes,
    )
    update = UpdateStudy(
        archive.index,
        files,
        archive.intents,
        archive.ingest.settle,
        UpdateOptions(chosen.batch_instances, chosen.batch_bytes, chosen.attempts, chosen.at_once),
    )
    return UpdateWork(update)
