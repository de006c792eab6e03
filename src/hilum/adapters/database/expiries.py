"""When studies expire: `hilum.ports.expiry` over the lanes of an index, and what a commit notes.

Whoever changes a study's expiry or deletes the study holds the lock of the study, so an expired
study is deleted only if it is expired still.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from hilum.adapters.database.connections import Connection, Dialect
from hilum.adapters.database.deleting import delete_scope
from hilum.adapters.database.lanes import Lane
from hilum.adapters.database.times import from_microseconds, to_microseconds
from hilum.domain.identifiers import PartitionKey, Scope, StudyInstanceUID
from hilum.domain.origins import Origin
from hilum.ports.expiry import ExpiringStudy

StudyName = tuple[int, str]
"""Partition and Study Instance UID."""

_SET: Final = (
    "INSERT INTO study_expiry (partition_key, study_instance_uid, expires) VALUES (?, ?, ?) "
    "ON CONFLICT (partition_key, study_instance_uid) DO UPDATE SET expires = excluded.expires"
)
_CLEAR: Final = "DELETE FROM study_expiry WHERE partition_key = ? AND study_instance_uid = ?"
_EXPIRED: Final = (
    "SELECT partition_key, study_instance_uid FROM study_expiry WHERE expires <= ? "
    "ORDER BY expires LIMIT ?"
)
_COMING: Final = (
    "SELECT p.name, e.study_instance_uid, e.expires FROM study_expiry e "
    "JOIN partition p ON p.key = e.partition_key ORDER BY e.expires LIMIT ?"
)
_OF: Final = "SELECT expires FROM study_expiry WHERE partition_key = ? AND study_instance_uid = ?"


def note_expiries(connection: Connection, said: Mapping[StudyName, datetime | None]) -> None:
    """Write what a batch said of its studies, whose locks it holds; None: they stay for good."""
    cleared = [name for name, expires in said.items() if expires is None]
    if cleared:
        connection.executemany(_CLEAR, cleared)
    rows = [
        (*name, to_microseconds(expires)) for name, expires in said.items() if expires is not None
    ]
    if rows:
        connection.executemany(_SET, rows)


def _delete_expired(
    connection: Connection,
    dialect: Dialect,
    study: Scope,
    origin: Origin,
    now: int,
    clock: Callable[[], int],
) -> int:
    name = (study.partition, study.study)
    dialect.lock_studies(connection, [name])
    row = connection.execute(_OF, name).fetchone()
    if row is None or row[0] > now:
        return 0
    gone = delete_scope(connection, dialect, study, origin, clock(), clock)
    connection.execute(_CLEAR, name)  # also of a study that is not there
    return gone


class SqlExpiry:
    """See `hilum.ports.expiry.Expiries`."""

    def __init__(
        self,
        reader: Lane,
        writer: Lane,
        dialect: Dialect,
        now: Callable[[], int],
        fed: Callable[[], None],
    ) -> None:
        """`fed` is told when the feed has grown."""
        self._read = reader.run
        self._write = writer.run
        self._dialect = dialect
        self._now = now
        self._fed = fed

    async def expired(self, now: datetime, limit: int) -> Sequence[Scope]:
        parameters = (to_microseconds(now), limit)

        def work(connection: Connection) -> list[Scope]:
            rows = connection.execute(_EXPIRED, parameters).fetchall()
            return [Scope(StudyInstanceUID(uid), partition=PartitionKey(key)) for key, uid in rows]

        return await self._read(work)

    async def delete_expired(self, study: Scope, now: datetime, origin: Origin) -> int:
        moment = to_microseconds(now)
        gone = await self._write(
            lambda connection: _delete_expired(
                connection, self._dialect, study, origin, moment, self._now
            )
        )
        if gone:
            self._fed()
        return gone

    async def coming(self, limit: int) -> Sequence[ExpiringStudy]:
        def work(connection: Connection) -> list[ExpiringStudy]:
            rows = connection.execute(_COMING, (limit,)).fetchall()
            return [
                ExpiringStudy(name, StudyInstanceUID(uid), from_microseconds(expires))
                for name, uid, expires in rows
            ]

        return await self._read(work)
