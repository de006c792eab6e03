"""`SqlChangeFeed`: `hilum.ports.change_feed.ChangeFeed` over the table of the feed.

Positions are given by a trigger (migration 0006). Every question is a look-up in an index and as
many rows as are asked for; nothing is counted.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from hilum.adapters.database.connections import Connection, Dialect, Row
from hilum.adapters.database.lanes import Lane
from hilum.adapters.database.reading import read_metadata_of
from hilum.adapters.database.statements import chunks, marks, padded
from hilum.adapters.database.tables import POSITION_FLOOR
from hilum.adapters.database.times import from_microseconds
from hilum.domain.identifiers import InstanceUIDs
from hilum.domain.records import FeedKind, MetadataRecord
from hilum.ports.change_feed import Change, ChangeState, Window

_MOST: Final = 2**63 - 1
# A query for each row, so that no statistics can make another plan of it than going down by UIDs.
# A version whose instance is held names it in two steps; of others the UIDs tell.
_HELD: Final = (
    "coalesce((SELECT v.instance_key FROM instance_version v WHERE v.version = f.version), "
    "(SELECT i.key FROM study s CROSS JOIN series e ON e.study_key = s.key "
    "CROSS JOIN instance i ON i.series_key = e.key "
    'WHERE s."StudyInstanceUID" = f.study_instance_uid AND s.partition_key = f.partition_key '
    'AND e."SeriesInstanceUID" = f.series_instance_uid '
    'AND i."SOPInstanceUID" = f.sop_instance_uid))'
)
_CHANGE: Final = (
    "SELECT f.position, f.time, (SELECT p.name FROM partition p WHERE p.key = f.partition_key), "
    "f.study_instance_uid, f.series_instance_uid, f.sop_instance_uid, f.kind, f.version, "
    f"{_HELD} FROM feed f WHERE f.position IS NOT NULL "
)
_AFTER: Final = f"{_CHANGE} AND f.position > ? ORDER BY f.position LIMIT ?"
_BETWEEN: Final = f"{_CHANGE} AND f.position > ? AND f.position <= ? ORDER BY f.position LIMIT ?"
_LATEST: Final = f"{_CHANGE} ORDER BY f.position DESC LIMIT 1"
_LAST: Final = (
    "SELECT f.position, f.time FROM feed f WHERE f.position IS NOT NULL "
    "ORDER BY f.position DESC LIMIT 1"
)
_FIRST_SINCE: Final = (
    "SELECT f.position FROM feed f WHERE f.position IS NOT NULL AND f.time >= ? "
    "ORDER BY f.time, f.position LIMIT 1"
)
_FIRST: Final = (
    "SELECT f.position FROM feed f WHERE f.position IS NOT NULL ORDER BY f.position LIMIT 1"
)
_VERSIONS: Final = "SELECT key, version FROM instance WHERE key IN ({})"
_FLOOR: Final = "SELECT value FROM counter WHERE name = ?"


def feed_time(
    connection: Connection, dialect: Dialect, now: int, clock: Callable[[], int] | None
) -> int:
    """Take the lock of the feed and say what time it is then, at least `now`.

    Whoever waits for the lock, and then reads, has seen all that is older than his waiting.
    """
    dialect.lock_feed(connection)
    return now if clock is None else max(now, clock())


def last_position(connection: Connection) -> int:
    """The highest position that was ever given; 0 when none was."""
    last = connection.execute(_LAST).fetchone()
    floor = connection.execute(_FLOOR, (POSITION_FLOOR,)).fetchone()
    return max(0 if last is None else int(last[0]), 0 if floor is None else int(floor[0]))


class SqlChangeFeed:
    """See `hilum.ports.change_feed.ChangeFeed`."""

    def __init__(self, reader: Lane, writer: Lane, dialect: Dialect) -> None:
        self._read = reader.run
        self._write = writer.run
        self._dialect = dialect

    async def after(self, position: int, limit: int) -> Sequence[Change]:
        position = min(position, _MOST)
        return await self._read(lambda connection: read_after(connection, position, limit))

    async def within(self, window: Window, offset: int, limit: int) -> Sequence[Change]:
        end = window.end
        if end is not None and not await self._read(lambda connection: _has_since(connection, end)):
            # An entry of the window may be about to be committed: wait for whoever writes now.
            await self._write(self._dialect.lock_feed)
        return await self._read(lambda connection: read_within(connection, window, offset, limit))

    async def latest(self) -> Change | None:
        return await self._read(read_latest)

    async def metadata(
        self, keys: Sequence[int], limit_bytes: int | None = None
    ) -> Sequence[MetadataRecord]:
        return await self._read(lambda connection: read_metadata_of(connection, keys, limit_bytes))


def _has_since(connection: Connection, time: int) -> bool:
    return connection.execute(_FIRST_SINCE, (time,)).fetchone() is not None


def read_after(connection: Connection, position: int, limit: int) -> list[Change]:
    return _changes(connection, _AFTER, (position, limit))


def read_latest(connection: Connection) -> Change | None:
    found = _changes(connection, _LATEST, ())
    return found[0] if found else None


def read_within(connection: Connection, window: Window, offset: int, limit: int) -> list[Change]:
    if window.start is None:
        first = connection.execute(_FIRST).fetchone()
    else:
        first = connection.execute(_FIRST_SINCE, (window.start,)).fetchone()
    if first is None:
        return []
    end = None
    if window.end is not None:
        end = connection.execute(_FIRST_SINCE, (window.end,)).fetchone()
    last = _MOST if end is None else end[0] - 1
    return _changes(connection, _BETWEEN, (min(first[0] - 1 + offset, _MOST), last, limit))


def _changes(connection: Connection, sql: str, parameters: Sequence[Any]) -> list[Change]:
    rows = connection.execute(sql, parameters).fetchall()
    versions: dict[int, int] = {}
    for some in chunks(sorted({row[8] for row in rows if row[8] is not None})):
        values = padded(some)
        found = connection.execute(_VERSIONS.format(marks(len(values))), values).fetchall()
        versions.update(found)
    return [_change(row, versions) for row in rows]


def _change(row: Row, versions: dict[int, int]) -> Change:
    position, time, partition, study, series, sop_instance, kind, version, key = row
    live = versions.get(key)
    if live is None:
        state = ChangeState.DELETED
    elif live == version and kind != FeedKind.DELETED:
        state = ChangeState.CURRENT
    else:
        state = ChangeState.REPLACED
    return Change(
        position,
        from_microseconds(time),
        partition or "",
        InstanceUIDs(study, series, sop_instance),
        FeedKind(kind),
        state,
        None if live is None else key,
    )
