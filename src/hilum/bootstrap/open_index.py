"""The index alone, beside any other process: for those who ask it and need no objects."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hilum.adapters.database.sql_index import SqlIndex
from hilum.adapters.storage.lock import hold_data_folder
from hilum.bootstrap.index_place import (
    database_path,
    demand_same_objects,
    index_exists,
    index_url,
    on_server,
    place_of_index,
)
from hilum.bootstrap.object_store import has_objects
from hilum.domain.errors import ArchiveUnavailable
from hilum.domain.occupancy import Hold
from hilum.settings import Settings

OpenedIndex = SqlIndex


@asynccontextmanager
async def open_index(settings: Settings, *, hold: Hold = Hold.SHARED) -> AsyncIterator[OpenedIndex]:
    """Open the index that is there; nothing is made, migrated or recovered.

    Raises `DataFolderInUse`, and `ArchiveUnavailable` when there is no index, or one of another
    schema.
    """
    await asyncio.to_thread(demand_index, settings)
    with hold_data_folder(settings.data_dir, hold):
        async with SqlIndex(index_url(settings), hold=hold) as index:
            await demand_same_objects(settings, index)
            yield index


def demand_index(settings: Settings) -> None:
    """Raise `ArchiveUnavailable` unless there is an index, were it damaged."""
    if on_server(settings):
        there = index_exists(settings)
    else:
        there = database_path(settings.data_dir).exists()
    if not there:
        hint = "run `hilum rebuild`" if has_objects(settings) else "check --data"
        message = f"There is no index in {place_of_index(settings)}: {hint}."
        raise ArchiveUnavailable(message)
