"""Making the index anew from the objects, and taking over what no object tells.

What is taken over is said part by part, and so is what is not: an index is rebuilt because
something is wrong with it, so any part of it may be past reading.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hilum.adapters.database.carrying import ORIGINS, PARTS, QUARANTINE, REVISIONS, SUBMISSIONS
from hilum.adapters.database.schema import migrate
from hilum.adapters.database.sql_index import SqlIndex
from hilum.adapters.storage.holding import set_files_aside
from hilum.adapters.storage.lock import hold_data_folder
from hilum.adapters.storage.spool import DiskSpool
from hilum.bootstrap import options
from hilum.bootstrap.archive import holding_folder
from hilum.bootstrap.index_file import IndexFile
from hilum.bootstrap.index_place import database_path, demand_same_objects, index_url, on_server
from hilum.bootstrap.object_store import are_shared, make_objects
from hilum.catalogue.rebuild import Rebuild, RebuildReport, free_everything_due
from hilum.domain.errors import ArchiveUnavailable, HilumError
from hilum.domain.occupancy import Hold
from hilum.domain.origins import Door, Origin
from hilum.foundation.ids import new_correlation_id
from hilum.ingest.redescribing import DescribeObjects
from hilum.ports.objects import ObjectStore
from hilum.settings import Settings

if TYPE_CHECKING:
    from hilum.adapters.database.postgresql_rebuild import IndexSchema

_REVISION_SECONDS: Final = 10
"""No study is announced more often than this for years on end; fits 32 bits until 2650."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild did."""

    report: RebuildReport
    carried: Mapping[str, int]
    """Rows taken over from the index before, by what they are."""
    lost: Mapping[str, str]
    """What was not taken over, or not all of it, and why."""
    former_index: Path | str | None
    """Where the index before is now, a file or a schema; None when there was none."""
    former_index_problem: str | None
    """Why nothing could be taken over from it; then deleted instances whose space was not freed
    are back."""
    held_aside: Path | None = None
    """Where the files of uploads and quarantine are that no row knows any more; None when there
    are none."""


@dataclass(slots=True)
class _Former:
    index: SqlIndex | None = None
    version: int = 0
    sequence: int | None = None
    """Last of its feed; None when it cannot be read."""
    position: int = 0
    """Last of its change feed, when `sequence` is known."""
    problem: str | None = None
    carried: dict[str, int] = field(default_factory=dict)
    lost: dict[str, str] = field(default_factory=dict)


async def rebuild_archive(
    settings: Settings, progress: Callable[[int, int], None] = lambda _done, _of: None
) -> Rebuilt:
    """Make the index again from the objects, beside the one in use, and put it in its place.

    Until the last step, which is one rename, the archive stays as it was. Raises
    `DataFolderInUse` while anybody else uses the archive, and `ArchiveFault`.
    """
    folder = settings.data_dir
    if not are_shared(settings) and not (folder / "objects").is_dir():
        message = f"There are no objects in {folder} to make an index from: check --data."
        raise ArchiveUnavailable(message)
    async with AsyncExitStack() as stack:
        stack.enter_context(hold_data_folder(folder, Hold.EXCLUSIVE))
        file = stack.enter_context(_beside(settings))
        objects = await stack.enter_async_context(make_objects(settings))
        spool = await stack.enter_async_context(DiskSpool(folder / "spool"))
        await asyncio.to_thread(file.clear_fresh)
        await asyncio.to_thread(migrate, file.fresh_url)
        async with AsyncExitStack() as indexes:
            former = await _read_former(file, objects, indexes)
            fresh = await indexes.enter_async_context(SqlIndex(file.fresh_url, hold=None))
            await demand_same_objects(settings, fresh)
            await _take_over(former, fresh)
            origin = Origin(Door.REBUILD, new_correlation_id())
            describe = DescribeObjects(objects, spool, origin, options.header_limits(settings))
            put_back = fresh.partitions.put_back
            rebuild = Rebuild(objects, fresh, describe, folder, put_back, progress=progress)
            report = await rebuild()
            await _take_over_origins(former, fresh)
        aside = None
        if former.lost.keys() & {SUBMISSIONS.name, QUARANTINE.name}:
            # What no row knows would be taken for what a crash left, and removed.
            aside = await asyncio.to_thread(set_files_aside, holding_folder(settings))
        kept = await asyncio.to_thread(file.swap)
        return Rebuilt(report, former.carried, former.lost, kept, former.problem, aside)


@contextmanager
def _beside(settings: Settings) -> "Iterator[IndexFile | IndexSchema]":
    """Where a new index is made before it takes the place of the one in use."""
    if not on_server(settings):
        yield IndexFile(database_path(settings.data_dir))
        return
    from hilum.adapters.database.postgresql_rebuild import IndexSchema  # noqa: PLC0415

    with IndexSchema(index_url(settings)) as schema:
        yield schema


async def _read_former(
    file: "IndexFile | IndexSchema", objects: ObjectStore, stack: AsyncExitStack
) -> _Former:
    """Free what the index before had given up, and read which numbers it gave out."""
    if not await asyncio.to_thread(file.exists):
        return _Former(problem="there was none")
    try:
        await asyncio.to_thread(migrate, file.url, alone=True)
        index = await stack.enter_async_context(SqlIndex(file.url, hold=None))
        await free_everything_due(index, objects, lambda: datetime.max.replace(tzinfo=UTC))
        version = (await index.reserve_versions(1))[0]
        sequence = await index.maintenance.last_sequence()
        return _Former(index, version, sequence, await index.carrying.last_position())
    except HilumError as error:
        return _Former(problem=str(error))


async def _take_over(former: _Former, fresh: SqlIndex) -> None:
    """Copy what can be read, and see to it that no number is given out a second time."""
    if former.version:
        await fresh.reserve_versions(former.version)
    known = former.sequence is not None
    # Before entries are copied, which get positions of the new feed.
    await fresh.carrying.raise_position_floor(former.position if known else _above_any_sequence())
    for part in PARTS:
        try:
            if former.index is None:
                former.lost[part.name] = former.problem or ""
            else:
                taken = await fresh.carrying.take(part, former.index.carrying)
                former.carried[part.name] = taken
        except HilumError as error:
            former.lost[part.name] = str(error)
    await _go_on_with_revisions(former, fresh)
    await fresh.maintenance.start_feed_above(
        former.sequence if former.sequence is not None else _above_any_sequence()
    )


async def _go_on_with_revisions(former: _Former, fresh: SqlIndex) -> None:
    """See to it that no revision of a study goes backwards, known to us or not."""
    floor = int(time.time()) // _REVISION_SECONDS
    if former.index is not None and REVISIONS.name not in former.lost:
        floor = await former.index.carrying.revision_floor()
    if floor:
        await fresh.carrying.raise_revision_floor(floor)


async def _take_over_origins(former: _Former, fresh: SqlIndex) -> None:
    if former.index is None:
        former.lost[ORIGINS] = former.problem or ""
        return
    try:
        former.carried[ORIGINS] = await fresh.carrying.take_origins(former.index.carrying)
    except HilumError as error:
        former.lost[ORIGINS] = str(error)


def _above_any_sequence() -> int:
    """A number that no feed has reached: none grew by an entry in every microsecond since 1970."""
    return time.time_ns() // 1000
