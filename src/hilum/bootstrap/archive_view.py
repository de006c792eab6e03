"""The archive view over the archive's database and objects."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from hilum.adapters.database.sql_index import SqlIndex
from hilum.adapters.storage.archive_view import DiskViewFolders
from hilum.bootstrap.delivery import locator
from hilum.delivery.options import Declared
from hilum.domain.delivery import EventFilter
from hilum.ports.objects import LocalObjects, ObjectStore
from hilum.ports.sinks import EventSink
from hilum.settings import Settings
from hilum.submissions.departing import ARCHIVE_VIEW, DEPARTING_TYPES, DepartingSink
from hilum.submissions.view_fields import chosen_fields
from hilum.submissions.viewing import Viewing, ViewOptions

_REST_SECONDS: Final = 0.25


def view_folder(settings: Settings) -> Path:
    """Where the view lies."""
    return settings.archive_view.folder or settings.data_dir / "archive"


def has_view(settings: Settings) -> bool:
    """Whether a view is to be kept: also one that is not written any more."""
    return settings.archive_view.enabled or view_folder(settings).is_dir()


@asynccontextmanager
async def open_view(
    settings: Settings, index: SqlIndex, objects: ObjectStore
) -> AsyncIterator[Viewing]:
    """The view, made when there is none. Raises `ArchiveUnavailable`, `ArchiveFull`."""
    chosen = settings.archive_view
    has_files = chosen.files == "copy" or (
        chosen.files == "link" and isinstance(objects, LocalObjects)
    )
    options = ViewOptions(locator(settings), has_files, chosen_fields(chosen.fields))
    async with DiskViewFolders(
        view_folder(settings),
        objects,
        files="copy" if chosen.files == "copy" else "link",
        reserve_bytes=settings.storage.reserve_bytes,
    ) as folders:
        yield Viewing(index.submissions, index, folders, options)


def view_followers(viewing: Viewing | None) -> Sequence[tuple[Declared, EventSink]]:
    """What keeps a view free of what is deleted: a follower of the feed."""
    if viewing is None:
        return ()
    wanted = EventFilter(types=DEPARTING_TYPES)
    declared = Declared(
        ARCHIVE_VIEW, ARCHIVE_VIEW, wanted, from_now=True, rest_seconds=_REST_SECONDS
    )
    return ((declared, DepartingSink(viewing)),)
