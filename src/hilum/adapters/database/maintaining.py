"""`hilum.ports.maintenance.MaintenanceIndex` over the lanes of an index."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from hilum.adapters.database.checking import find_problems
from hilum.adapters.database.connections import Connection, Dialect, Row
from hilum.adapters.database.lanes import Lane
from hilum.adapters.database.mending import recount, wipe
from hilum.adapters.database.redescribing import forget, read_digests, read_live
from hilum.adapters.database.statements import chunks, marks, padded
from hilum.adapters.database.times import from_microseconds
from hilum.domain.identifiers import InstanceUIDs, ObjectKey, PartitionKey, Scope, Version
from hilum.domain.maintenance import IndexProblem, VersionRecord
from hilum.domain.origins import Door, Origin

_VERSIONS: Final = (
    'SELECT v.version, v.instance_key, v.partition_key, s."StudyInstanceUID", '
    'e."SeriesInstanceUID", i."SOPInstanceUID", v.version, v.transfer_syntax_uid, v.object_key, '
    "v.size_bytes, v.dataset_offset, v.head_sha256, v.dataset_sha256, v.door, v.correlation_id, "
    "v.peer, v.principal, v.created, i.version = v.version, EXISTS (SELECT 1 FROM original o "
    "WHERE o.instance_key = i.key AND o.version = v.version) "
    "FROM instance_version v CROSS JOIN instance i ON i.key = v.instance_key "
    "CROSS JOIN series e ON e.key = i.series_key CROSS JOIN study s ON s.key = i.study_key "
    "WHERE v.version > ? ORDER BY v.version LIMIT ?"
)


class SqlMaintenance:
    """Long questions go along `reader`, a lane without a time limit; mending along the writer's.

    While the index is mended or wiped, commits wait.
    """

    def __init__(
        self, dialect: Dialect, reader: Lane, writer: Lane, now: Callable[[], int]
    ) -> None:
        self._dialect = dialect
        self._read = reader.run
        self._write = writer.run
        self._now = now

    async def versions(self, after: int, limit: int) -> Sequence[VersionRecord]:
        return await self._read(lambda connection: _versions(connection, after, limit))

    async def awaiting_deletion(self, keys: Sequence[ObjectKey]) -> set[ObjectKey]:
        return await self._read(lambda connection: _awaiting(connection, keys))

    async def check_integrity(self) -> Sequence[IndexProblem]:
        return await self._read(lambda connection: find_problems(connection, self._dialect))

    async def recount(self) -> int:
        return await self._write(lambda connection: recount(connection, self._dialect, self._now()))

    async def forget(self, uids: InstanceUIDs, partition: PartitionKey) -> None:
        """See `ForgetsInstances.forget`."""
        scope = Scope(uids.study, uids.series, uids.sop_instance, partition)
        await self._write(lambda connection: forget(connection, self._dialect, scope, self._now()))

    async def digests(self, versions: Sequence[Version]) -> Mapping[Version, tuple[bytes, bytes]]:
        """See `RemembersDigests.digests`."""
        return await self._read(lambda connection: read_digests(connection, versions))

    async def live(self, versions: Sequence[Version]) -> set[Version]:
        """See `KnowsVersions.live`."""
        return await self._read(lambda connection: read_live(connection, versions))

    async def last_sequence(self) -> int:
        """The highest number the feed ever gave to an entry; 0 when it gave none."""
        return await self._read(lambda connection: self._dialect.last_number(connection, "feed"))

    async def start_feed_above(self, sequence: int) -> None:
        """Give the entries of the feed numbers above `sequence` from now on."""
        await self._write(
            lambda connection: self._dialect.number_above(connection, "feed", sequence)
        )

    async def wipe(self) -> None:
        await self._write(lambda connection: wipe(connection, self._dialect))


def _versions(connection: Connection, after: int, limit: int) -> list[VersionRecord]:
    return [_version(row) for row in connection.execute(_VERSIONS, (after, limit)).fetchall()]


def _version(row: Row) -> VersionRecord:
    door, correlation_id, peer, principal, created, live, original = row[13:]
    return VersionRecord(
        key=row[0],
        instance_key=row[1],
        partition=row[2],
        uids=InstanceUIDs(row[3], row[4], row[5]),
        version=row[6],
        transfer_syntax_uid=row[7],
        object_key=row[8],
        size_bytes=row[9],
        dataset_offset=row[10],
        head_sha256=row[11],
        dataset_sha256=row[12],
        origin=Origin(Door(door), correlation_id, peer, principal),
        created=from_microseconds(created),
        live=bool(live),
        original=bool(original),
    )


def _awaiting(connection: Connection, keys: Sequence[ObjectKey]) -> set[ObjectKey]:
    found: set[ObjectKey] = set()
    for some in chunks(list(keys)):
        values = padded(some)
        sql = f"SELECT object_key FROM deletion WHERE object_key IN ({marks(len(values))})"
        found.update(row[0] for row in connection.execute(sql, values).fetchall())
    return found
