"""Subscriptions to work items as rows (PS3.4 table CC.2.3-2)."""

from collections.abc import Callable, Sequence
from functools import partial
from hashlib import sha256
from typing import Final

from hilum.adapters.database.connections import Connection, Dialect
from hilum.adapters.database.lanes import Lane
from hilum.adapters.database.worklist_rows import (
    conditions,
    filter_text,
    lock_worklist,
    tell,
    unpacked,
)
from hilum.domain.errors import LimitExceeded
from hilum.domain.identifiers import UID
from hilum.domain.workitems import Subscriber, WorkitemKey
from hilum.ports.worklist import Initial

_PAGE: Final = 200

SUBSCRIBE: Final = (
    "INSERT INTO workitem_subscription (workitem_key, ae_title, deletion_lock) VALUES (?, ?, ?) "
    "ON CONFLICT (workitem_key, ae_title) DO UPDATE SET deletion_lock = excluded.deletion_lock"
)
_ONE: Final = "SELECT key, dataset FROM workitem WHERE partition_key = ? AND uid = ?"
_KEY: Final = "SELECT key FROM workitem WHERE partition_key = ? AND uid = ?"
_UNSUBSCRIBE: Final = "DELETE FROM workitem_subscription WHERE workitem_key = ? AND ae_title = ?"
_FORGET_ONE: Final = (
    "DELETE FROM workitem_event WHERE partition_key = ? AND ae_title = ? AND uid = ?"
)
_WATCH: Final = (
    "INSERT INTO workitem_watch (partition_key, ae_title, filter_id, filter, deletion_lock) "
    "VALUES (?, ?, ?, ?, ?) ON CONFLICT (partition_key, ae_title, filter_id) "
    "DO UPDATE SET deletion_lock = excluded.deletion_lock"
)
_WATCHES: Final = (
    "SELECT 1 FROM workitem_watch WHERE partition_key = ? AND ae_title = ? AND filter_id = ?"
)
_FILTERS: Final = (
    "SELECT count(*) FROM workitem_watch WHERE partition_key = ? AND ae_title = ? "
    "AND filter_id <> ?"
)
_NOT_SUBSCRIBED: Final = (
    "SELECT w.key, w.uid, w.dataset FROM workitem w WHERE w.partition_key = ? AND w.key > ? "
    "AND NOT EXISTS (SELECT 1 FROM workitem_subscription s "
    "WHERE s.workitem_key = w.key AND s.ae_title = ?)"
)
_UNWATCH: Final = "DELETE FROM workitem_watch WHERE partition_key = ? AND ae_title = ?"
_UNSUBSCRIBE_ALL: Final = (
    "DELETE FROM workitem_subscription WHERE ae_title = ? AND workitem_key IN "
    "(SELECT key FROM workitem WHERE partition_key = ?)"
)
_FORGET_ALL: Final = "DELETE FROM workitem_event WHERE partition_key = ? AND ae_title = ?"


class SqlWorklistSubscriptions:
    """See `WorkitemSubscriptions`."""

    def __init__(self, writer: Lane, dialect: Dialect, now: Callable[[], int]) -> None:
        self._write = writer.run
        self._dialect = dialect
        self._now = now

    async def subscribe(self, who: Subscriber, uid: UID, *, lock: bool, initial: Initial) -> bool:
        def work(connection: Connection) -> bool:
            lock_worklist(connection, self._dialect, [who.partition])
            row = connection.execute(_ONE, (who.partition, uid)).fetchone()
            if row is None:
                return False
            connection.execute(SUBSCRIBE, (row[0], who.ae_title, int(lock)))
            tell(connection, who, uid, initial(unpacked(bytes(row[1]))), self._now())
            return True

        return await self._write(work)

    async def unsubscribe(self, who: Subscriber, uid: UID) -> bool:
        def work(connection: Connection) -> bool:
            lock_worklist(connection, self._dialect, [who.partition])
            row = connection.execute(_KEY, (who.partition, uid)).fetchone()
            if row is None:
                return False
            connection.execute(_UNSUBSCRIBE, (row[0], who.ae_title))
            connection.execute(_FORGET_ONE, (who.partition, who.ae_title, uid))
            return True

        return await self._write(work)

    async def subscribe_all(
        self,
        who: Subscriber,
        keys: Sequence[WorkitemKey] | None,
        *,
        lock: bool,
        initial: Initial,
        most_filters: int,
    ) -> None:
        text = "" if keys is None else filter_text(keys)
        sql, values = conditions(self._dialect, keys or ())

        def begin(connection: Connection) -> None:
            lock_worklist(connection, self._dialect, [who.partition])
            _watch(connection, who, text, lock=lock, most=most_filters)

        def go_on(connection: Connection, after: int) -> int | None:
            lock_worklist(connection, self._dialect, [who.partition])
            if connection.execute(_WATCHES, _watch_of(who, text)).fetchone() is None:
                return None  # it was ended meanwhile
            now = self._now()
            rows = connection.execute(
                f"{_NOT_SUBSCRIBED}{sql} ORDER BY w.key LIMIT {_PAGE}",
                (who.partition, after, who.ae_title, *values),
            ).fetchall()
            for key, uid, dataset in rows:
                connection.execute(SUBSCRIBE, (key, who.ae_title, int(lock)))
                if lock:
                    tell(connection, who, uid, initial(unpacked(bytes(dataset))), now)
            return None if len(rows) < _PAGE else int(rows[-1][0])

        # What is new from here on is subscribed to as it comes. What is there follows page by
        # page, between which others can write; one that is cut short is finished by a repetition.
        await self._write(begin)
        last: int | None = 0
        while last is not None:
            last = await self._write(partial(go_on, after=last))

    async def unsubscribe_all(self, who: Subscriber) -> None:
        def work(connection: Connection) -> None:
            lock_worklist(connection, self._dialect, [who.partition])
            connection.execute(_UNWATCH, (who.partition, who.ae_title))
            connection.execute(_UNSUBSCRIBE_ALL, (who.ae_title, who.partition))
            connection.execute(_FORGET_ALL, (who.partition, who.ae_title))

        await self._write(work)

    async def suspend(self, who: Subscriber, *, filtered: bool) -> None:
        which = "filter_id <> ''" if filtered else "filter_id = ''"

        def work(connection: Connection) -> None:
            lock_worklist(connection, self._dialect, [who.partition])
            connection.execute(f"{_UNWATCH} AND {which}", (who.partition, who.ae_title))

        await self._write(work)


def _watch_of(who: Subscriber, text: str) -> tuple[int, str, str]:
    """The primary key of a watch."""
    filter_id = sha256(text.encode()).hexdigest() if text else ""
    return who.partition, who.ae_title, filter_id


def _watch(connection: Connection, who: Subscriber, text: str, *, lock: bool, most: int) -> None:
    """Raises `LimitExceeded` where there are too many filters already."""
    values = _watch_of(who, text)
    if text and connection.execute(_FILTERS, values).fetchone()[0] >= most:
        limit = "worklist.filters"
        raise LimitExceeded(limit, most, "This AE title has too many filters")
    connection.execute(_WATCH, (*values, text, int(lock)))
