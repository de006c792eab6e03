"""Extended query tags over the archive's engines."""

from hilum.bootstrap.archive import Archive
from hilum.foundation.bell import Bell
from hilum.operations.extended_tags.managing import ManageExtendedTags
from hilum.operations.extended_tags.reindexing import ReindexOptions, ReindexWork
from hilum.settings import Settings


def manage_extended_tags(settings: Settings, archive: Archive) -> ManageExtendedTags:
    chosen, index = settings.extended_tags, archive.index
    return ManageExtendedTags(
        index.extended,
        archive.tags,
        index.jobs.added,
        Bell(),
        chosen.maximum,
        chosen.sweep_rows,
    )


def reindex_work(settings: Settings, archive: Archive) -> ReindexWork:
    """What does jobs of the kind `reindex`."""
    chosen, ingest = settings.extended_tags, archive.ingest
    return ReindexWork(
        archive.index.extended,
        lambda: ingest.in_flight > 0,
        ReindexOptions(chosen.page_instances, chosen.page_bytes, chosen.busy_percent),
    )
