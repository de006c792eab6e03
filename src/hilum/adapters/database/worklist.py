"""Work items as rows: `hilum.ports.worklist` over the lanes of an index."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from hilum.adapters.database.connections import Connection, Dialect
from hilum.adapters.database.lanes import Lane
from hilum.adapters.database.statements import marks
from hilum.adapters.database.times import to_microseconds
from hilum.adapters.database.worklist_events import SqlWorklistEvents
from hilum.adapters.database.worklist_rows import (
    SHOWN,
    conditions,
    filter_keys,
    lock_worklist,
    packed,
    tell_all,
    workitem_of,
)
from hilum.adapters.database.worklist_subscriptions import SUBSCRIBE, SqlWorklistSubscriptions
from hilum.domain.identifiers import UID, PartitionKey
from hilum.domain.workitems import Workitem, WorkitemQuery, WorkitemReport
from hilum.foundation.bell import Bell
from hilum.ports.worklist import WorkitemContent

_ADD: Final = (
    "INSERT INTO workitem (partition_key, uid, state, transaction_uid, version, created, changed, "
    "ended, dataset) VALUES (?, ?, ?, ?, 1, ?, ?, NULL, ?) "
    "ON CONFLICT (partition_key, uid) DO NOTHING RETURNING key"
)
_GET: Final = f"SELECT {SHOWN} FROM workitem w WHERE w.partition_key = ? AND w.uid = ?"
_REPLACE: Final = (
    "UPDATE workitem SET state = ?, transaction_uid = ?, version = version + 1, changed = ?, "
    "ended = ?, dataset = ? WHERE partition_key = ? AND uid = ? AND version = ? RETURNING key"
)
_SAME: Final = "SELECT key FROM workitem WHERE partition_key = ? AND uid = ? AND version = ?"
_FORGET_VALUES: Final = "DELETE FROM workitem_value WHERE workitem_key = ?"
_ADD_VALUE: Final = "INSERT INTO workitem_value (workitem_key, path, value) VALUES (?, ?, ?)"
_WATCHES: Final = (
    "SELECT ae_title, filter, deletion_lock FROM workitem_watch WHERE partition_key = ?"
)
_IS_MATCHED: Final = "SELECT 1 FROM workitem w WHERE w.key = ?"
_SEARCH: Final = f"SELECT {SHOWN} FROM workitem w WHERE w.partition_key = ?"
_PARTITIONS: Final = "SELECT DISTINCT partition_key FROM workitem WHERE ended < ?"
_ENDED: Final = (
    "SELECT w.key FROM workitem w WHERE w.ended < ? AND NOT EXISTS (SELECT 1 FROM "
    "workitem_subscription s WHERE s.workitem_key = w.key AND s.deletion_lock = 1) "
    "ORDER BY w.ended LIMIT ?"
)


class SqlWorklist(SqlWorklistSubscriptions, SqlWorklistEvents):
    """See `Worklists`."""

    def __init__(
        self,
        searching: Lane,
        reader: Lane,
        writer: Lane,
        dialect: Dialect,
        now: Callable[[], int],
    ) -> None:
        self._search = searching.run
        SqlWorklistSubscriptions.__init__(self, writer, dialect, now)
        SqlWorklistEvents.__init__(self, reader, writer)
        self.told = Bell()
        """Rung when this process noted something to be told."""

    async def add(
        self,
        partition: PartitionKey,
        uid: UID,
        content: WorkitemContent,
        reports: Sequence[WorkitemReport],
    ) -> bool:
        dataset = packed(content.dataset)

        def work(connection: Connection) -> bool:
            now = self._now()
            lock_worklist(connection, self._dialect, [partition])
            values = (partition, uid, content.state.value, content.transaction, now, now, dataset)
            row = connection.execute(_ADD, values).fetchone()
            if row is None:
                return False
            key = int(row[0])
            _add_values(connection, key, content)
            for ae_title, lock in self._watching(connection, partition, key).items():
                connection.execute(SUBSCRIBE, (key, ae_title, lock))
            tell_all(connection, key, reports, now)
            return True

        added = await self._write(work)
        self.told.ring()
        return added

    async def get(self, partition: PartitionKey, uid: UID) -> Workitem | None:
        def work(connection: Connection) -> Workitem | None:
            row = connection.execute(_GET, (partition, uid)).fetchone()
            return None if row is None else workitem_of(row)

        return await self._read(work)

    async def replace(
        self, former: Workitem, content: WorkitemContent, reports: Sequence[WorkitemReport]
    ) -> bool:
        dataset = packed(content.dataset)

        def work(connection: Connection) -> bool:
            now = self._now()
            lock_worklist(connection, self._dialect, [former.partition])
            ended = now if content.state.is_final else None
            row = connection.execute(
                _REPLACE,
                (content.state.value, content.transaction, now, ended, dataset, *_which(former)),
            ).fetchone()
            if row is None:
                return False
            connection.execute(_FORGET_VALUES, (row[0],))
            _add_values(connection, row[0], content)
            tell_all(connection, row[0], reports, now)
            return True

        replaced = await self._write(work)
        self.told.ring()
        return replaced

    async def report(self, workitem: Workitem, reports: Sequence[WorkitemReport]) -> int | None:
        def work(connection: Connection) -> int | None:
            lock_worklist(connection, self._dialect, [workitem.partition])
            row = connection.execute(_SAME, _which(workitem)).fetchone()
            return None if row is None else tell_all(connection, row[0], reports, self._now())

        told = await self._write(work)
        self.told.ring()
        return told

    async def search(self, query: WorkitemQuery) -> Sequence[Workitem]:
        def work(connection: Connection) -> list[Workitem]:
            sql, values = conditions(self._dialect, query.keys)
            rows = connection.execute(
                f"{_SEARCH}{sql} ORDER BY w.key DESC LIMIT ? OFFSET ?",
                (query.partition, *values, query.limit, query.offset),
            ).fetchall()
            return [workitem_of(row) for row in rows]

        return await self._search(work)

    async def prune(self, before: datetime, limit: int) -> int:
        moment = to_microseconds(before)

        def work(connection: Connection) -> int:
            partitions = connection.execute(_PARTITIONS, (moment,)).fetchall()
            lock_worklist(connection, self._dialect, [each for (each,) in partitions])
            keys = [row[0] for row in connection.execute(_ENDED, (moment, limit)).fetchall()]
            if not keys:
                return 0
            for table, column in (
                ("workitem_value", "workitem_key"),
                ("workitem_subscription", "workitem_key"),
                ("workitem", "key"),
            ):
                sql = f"DELETE FROM {table} WHERE {column} IN ({marks(len(keys))})"
                connection.execute(sql, keys)
            return len(keys)

        return await self._write(work)

    def _watching(
        self, connection: Connection, partition: PartitionKey, key: int
    ) -> dict[str, int]:
        """Who is subscribed to what is new, and whether with a lock, as far as it matches."""
        watching: dict[str, int] = {}
        for ae_title, text, lock in connection.execute(_WATCHES, (partition,)).fetchall():
            sql, values = conditions(self._dialect, filter_keys(text))
            if not text or connection.execute(_IS_MATCHED + sql, (key, *values)).fetchone():
                watching[ae_title] = max(lock, watching.get(ae_title, 0))
        return watching


def _which(workitem: Workitem) -> tuple[object, ...]:
    return workitem.partition, workitem.uid, workitem.version


def _add_values(connection: Connection, key: int, content: WorkitemContent) -> None:
    rows = [(key, path, value.replace("\0", " ")) for path, value in content.values]
    connection.executemany(_ADD_VALUE, rows)
