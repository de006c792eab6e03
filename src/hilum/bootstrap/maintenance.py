"""The archive's own maintenance: opening it to check it, migrating."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hilum.adapters.database.schema import current, head, is_in_use, migrate
from hilum.adapters.database.sql_index import SqlIndex
from hilum.adapters.storage.intents import FileIntents
from hilum.adapters.storage.lock import hold_data_folder, is_held
from hilum.adapters.storage.spool import DiskSpool
from hilum.bootstrap import options
from hilum.bootstrap.archive import demand_index_of_objects
from hilum.bootstrap.index_place import (
    index_url,
    on_server,
)
from hilum.bootstrap.object_store import are_shared, make_objects
from hilum.bootstrap.open_index import demand_index, open_index
from hilum.catalogue.fsck import REPAIR_PREFIX
from hilum.domain.occupancy import Hold
from hilum.domain.origins import Door, Origin
from hilum.foundation.ids import new_correlation_id
from hilum.ingest.recovery import recover
from hilum.ingest.redescribing import DescribeObjects
from hilum.ports.objects import ObjectStore
from hilum.settings import Settings

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, slots=True)
class OpenedEngines:
    """The engines without use cases: nothing was recovered, freed or migrated by opening them."""

    index: SqlIndex
    objects: ObjectStore
    spool: DiskSpool
    intents: FileIntents
    describe: DescribeObjects
    alone: bool
    """True when it is known that no other process had the archive open."""

    async def settle_writes(self) -> None:
        """Settle what dead processes left half written, as every start does."""
        await recover(self.intents, self.index, self.objects)


@asynccontextmanager
async def open_engines(
    settings: Settings, *, hold: Hold = Hold.SHARED
) -> AsyncIterator[OpenedEngines]:
    """Open what is there to check it, beside any other process, or alone to repair it.

    Raises `DataFolderInUse`, and `ArchiveUnavailable` when there is no archive, or one of another
    schema.
    """
    folder = settings.data_dir
    await asyncio.to_thread(demand_index, settings)
    alone = not is_held(folder) and not await asyncio.to_thread(_others_may_be, settings)
    async with AsyncExitStack() as stack:
        index = await stack.enter_async_context(open_index(settings, hold=hold))
        objects = await stack.enter_async_context(make_objects(settings))
        spool = await stack.enter_async_context(DiskSpool(folder / "spool"))
        intents = stack.enter_context(closing(FileIntents(folder / "intents")))
        origin = Origin(Door.REBUILD, REPAIR_PREFIX + new_correlation_id())
        describe = DescribeObjects(objects, spool, origin, options.header_limits(settings))
        yield OpenedEngines(index, objects, spool, intents, describe, alone)


def _others_may_be(settings: Settings) -> bool:
    """Whether processes with another data folder use the archive, or could."""
    return is_in_use(index_url(settings)) if on_server(settings) else are_shared(settings)


@dataclass(frozen=True, slots=True)
class SchemaState:
    """What schema the index has, and what this program works with."""

    found: str | None
    """None when there is no index yet."""
    wanted: str

    @property
    def is_current(self) -> bool:
        return self.found == self.wanted


def schema_state(settings: Settings) -> SchemaState:
    """Raises `ArchiveUnavailable` when the index cannot be opened."""
    return SchemaState(current(index_url(settings)), head())


def migrate_archive(settings: Settings) -> bool:
    """Bring the index to this program's schema; False when it was there already.

    Raises `DataFolderInUse` while anybody else uses the archive, and `ArchiveUnavailable`.
    """
    with hold_data_folder(settings.data_dir, Hold.EXCLUSIVE):
        demand_index_of_objects(settings)
        return migrate(index_url(settings))
