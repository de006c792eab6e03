"""Data partitions as rows: `hilum.ports.partitions` over the lanes of an index."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from hilum.adapters.database.connections import Connection, Row
from hilum.adapters.database.lanes import Lane
from hilum.adapters.database.times import from_microseconds
from hilum.domain.identifiers import DEFAULT_PARTITION, PartitionKey
from hilum.domain.partitions import Partition

_READ: Final = "SELECT key, name, created FROM partition"
_NAMED: Final = f"{_READ} WHERE name = ?"
_ALL: Final = f"{_READ} ORDER BY key"
_COUNT: Final = "SELECT count(*) FROM partition"
# Keys go up and rows never go, so that the next key is above all there were. Whoever takes the
# same key at the same time, or adds the same name, is waited for.
_ADD: Final = (
    "INSERT INTO partition (key, name, number_of_studies, number_of_series, number_of_instances, "
    "size_bytes, created) SELECT max(key) + 1, ?, 0, 0, 0, 0, ? FROM partition WHERE 1 = 1 "
    "ON CONFLICT DO NOTHING"
)
_ADD_KEY: Final = (
    "INSERT INTO partition (key, name, number_of_studies, number_of_series, number_of_instances, "
    "size_bytes, created) VALUES (?, ?, 0, 0, 0, 0, ?) ON CONFLICT DO NOTHING"
)
_FILLED: Final = (
    f"SELECT name FROM partition WHERE key <> {DEFAULT_PARTITION} AND (number_of_instances > 0 OR "
    "EXISTS (SELECT 1 FROM workitem w WHERE w.partition_key = partition.key)) ORDER BY key LIMIT 1"
)


class SqlPartitions:
    """`PartitionList`."""

    def __init__(self, reader: Lane, writer: Lane, now: Callable[[], int]) -> None:
        self._read = reader.run
        self._write = writer.run
        self._now = now

    async def named(self, name: str) -> Partition | None:
        return await self._read(lambda connection: _named(connection, name))

    async def make(self, name: str, most: int) -> Partition | None:
        return await self._write(lambda connection: _make(connection, name, most, self._now()))

    async def all(self) -> Sequence[Partition]:
        return await self._read(
            lambda connection: [_partition(row) for row in connection.execute(_ALL).fetchall()]
        )

    async def filled(self) -> str | None:
        row = await self._read(lambda connection: connection.execute(_FILLED).fetchone())
        return None if row is None else str(row[0])

    async def put_back(self, keys: Iterable[PartitionKey]) -> None:
        """Make those partitions that no row tells of any more, under names made of their keys."""
        now = self._now()
        rows = [(key, f"partition-{key}", now) for key in keys]
        await self._write(lambda connection: connection.executemany(_ADD_KEY, rows))


def _named(connection: Connection, name: str) -> Partition | None:
    row = connection.execute(_NAMED, (name,)).fetchone()
    return None if row is None else _partition(row)


def _make(connection: Connection, name: str, most: int, now: int) -> Partition | None:
    while (found := _named(connection, name)) is None:
        if connection.execute(_COUNT).fetchone()[0] >= most:
            return None
        connection.execute(_ADD, (name, now))
    return found


def _partition(row: Row) -> Partition:
    key, name, created = row
    return Partition(PartitionKey(key), name, from_microseconds(created))
