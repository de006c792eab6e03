"""Extended query tags over the archive's engines."""

from hilum.adapters.database.sql_index import SqlIndex
from hilum.bootstrap.archive import Archive
from hilum.foundation.bell import Bell
from hilum.ingest.current_tags import CurrentTags
from hilum.operations.extended_tags.managing import ManageExtendedTags
from hilum.operations.extended_tags.reindexing import ReindexOptions, ReindexWork
from hilum.settings import Settings


def manage_extended_tags(settings: Settings, archive: Archive) -> ManageExtendedTags:
    """For doors of a process that also takes instances in."""
    return _manage(settings, archive.index, archive.tags)


def manage_in(settings: Settings, index: SqlIndex) -> ManageExtendedTags:
    """For a command beside a server, which does what is left to do."""
    return _manage(settings, index, CurrentTags(index.extended))


def _manage(settings: Settings, index: SqlIndex, tags: CurrentTags) -> ManageExtendedTags:
    chosen = settings.extended_tags
    return ManageExtendedTags(
        index.extended,
        tags,
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
