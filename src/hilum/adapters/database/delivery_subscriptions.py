"""Followers of the feed as rows."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

import orjson

from hilum.adapters.database.connections import Connection, Row
from hilum.adapters.database.delivery_letters import file_letters
from hilum.adapters.database.delivery_tables import subscription
from hilum.adapters.database.lanes import Lane
from hilum.adapters.database.reading import read_feed_id
from hilum.adapters.database.statements import columns_of, insert_into, quoted
from hilum.adapters.database.times import from_microseconds, to_microseconds
from hilum.domain.delivery import DeadLetter, EventFilter, Subscription, SubscriptionState
from hilum.ports.delivery import Progress

_COLUMNS: Final = columns_of(subscription)
_SELECT: Final = f"SELECT {quoted(_COLUMNS)} FROM subscription"
_INSERT: Final = insert_into(subscription, _COLUMNS) + " ON CONFLICT DO NOTHING"
_REDECLARE: Final = (
    'UPDATE subscription SET sink = ?, "filter" = ?, changed = ? WHERE name = ? '
    'AND (sink <> ? OR "filter" <> ?)'
)
_NEW_FEED: Final = (
    'UPDATE subscription SET feed_id = ?, "cursor" = 0, epoch = epoch + 1, changed = ? '
    "WHERE name = ? AND feed_id <> ?"
)
_TAKE: Final = "UPDATE subscription SET epoch = epoch + 1, changed = ? WHERE name = ?"
_SAVE: Final = (
    'UPDATE subscription SET "cursor" = ?, sent = sent + ?, rejected = rejected + ?, attempts = 0, '
    "next_attempt = NULL, last_error = NULL, changed = ? WHERE name = ? AND epoch = ?"
)
_FAIL: Final = (
    "UPDATE subscription SET attempts = ?, next_attempt = ?, last_error = ?, changed = ? "
    "WHERE name = ?"
)
_STATE: Final = (
    "UPDATE subscription SET state = ?, attempts = 0, next_attempt = NULL, changed = ? "
    "WHERE name = ?"
)
_REPLAY: Final = (
    'UPDATE subscription SET "cursor" = ?, epoch = epoch + 1, attempts = 0, next_attempt = NULL, '
    "changed = ? WHERE name = ?"
)
_REMOVE: Final = "DELETE FROM subscription WHERE name = ?"
LAST_SEQUENCE: Final = "SELECT coalesce(max(sequence), 0) FROM feed"


class SqlSubscriptions:
    """`hilum.ports.delivery.Subscriptions` over the lanes of an index."""

    def __init__(self, reader: Lane, writer: Lane, now: Callable[[], int]) -> None:
        self._read = reader.run
        self._write = writer.run
        self._now = now

    async def declare(
        self, name: str, sink: str, wanted: EventFilter, *, from_now: bool
    ) -> Subscription:
        text = _filter_text(wanted)

        def work(connection: Connection) -> Subscription:
            now, feed_id = self._now(), read_feed_id(connection)
            cursor = connection.execute(LAST_SEQUENCE).fetchone()[0] if from_now else 0
            state = SubscriptionState.RUNNING.value
            connection.execute(
                _INSERT,
                (name, sink, text, state, feed_id, cursor, 0, 0, 0, 0, None, None, now, now),
            )
            connection.execute(_REDECLARE, (sink, text, now, name, sink, text))
            connection.execute(_NEW_FEED, (feed_id, now, name, feed_id))
            return _demand(connection, name)

        return await self._write(work)

    async def take(self, name: str) -> Subscription:
        def work(connection: Connection) -> Subscription:
            connection.execute(_TAKE, (self._now(), name))
            return _demand(connection, name)

        return await self._write(work)

    async def get(self, name: str) -> Subscription | None:
        return await self._read(lambda connection: _find(connection, name))

    async def list(self) -> Sequence[Subscription]:
        return await self._read(
            lambda connection: [
                _subscription(row)
                for row in connection.execute(f"{_SELECT} ORDER BY name").fetchall()
            ]
        )

    async def save(self, progress: Progress) -> bool:
        return await self._write(
            lambda connection: save_progress(connection, progress, self._now())
        )

    async def fail(self, name: str, error: str, attempts: int, again: datetime) -> None:
        row = (attempts, to_microseconds(again), error, self._now(), name)
        await self._write(lambda connection: connection.execute(_FAIL, row).rowcount)

    async def reject(self, progress: Progress, letters: Sequence[DeadLetter]) -> bool:
        def work(connection: Connection) -> bool:
            if not save_progress(connection, progress, self._now(), len(letters)):
                return False
            file_letters(connection, letters)
            return True

        return await self._write(work)

    async def pause(self, name: str) -> bool:
        return await self._change(_STATE, SubscriptionState.PAUSED.value, name)

    async def resume(self, name: str) -> bool:
        return await self._change(_STATE, SubscriptionState.RUNNING.value, name)

    async def replay(self, name: str, after: int) -> bool:
        return await self._change(_REPLAY, after, name)

    async def remove(self, name: str) -> bool:
        return await self._write(
            lambda connection: connection.execute(_REMOVE, (name,)).rowcount > 0
        )

    async def _change(self, sql: str, value: str | int, name: str) -> bool:
        row = (value, self._now(), name)
        return await self._write(lambda connection: connection.execute(sql, row).rowcount > 0)


def save_progress(connection: Connection, progress: Progress, now: int, rejected: int = 0) -> bool:
    """Move a cursor inside the open transaction; False when its epoch is over."""
    row = (progress.cursor, progress.sent, rejected, now, progress.name, progress.epoch)
    return connection.execute(_SAVE, row).rowcount > 0


def _demand(connection: Connection, name: str) -> Subscription:
    found = _find(connection, name)
    if found is None:
        message = f"there is no subscription {name!r}"
        raise LookupError(message)
    return found


def _find(connection: Connection, name: str) -> Subscription | None:
    row = connection.execute(f"{_SELECT} WHERE name = ?", (name,)).fetchone()
    return None if row is None else _subscription(row)


def _subscription(row: Row) -> Subscription:
    name, sink, wanted, state, feed_id, cursor, epoch, sent, rejected, attempts, again, error = row[
        :12
    ]
    return Subscription(
        name=name,
        sink=sink,
        filter=_filter(wanted),
        state=SubscriptionState(state),
        feed_id=feed_id,
        cursor=cursor,
        epoch=epoch,
        sent=sent,
        rejected=rejected,
        attempts=attempts,
        next_attempt=None if again is None else from_microseconds(again),
        last_error=error,
        created=from_microseconds(row[12]),
        changed=from_microseconds(row[13]),
    )


def _filter_text(wanted: EventFilter) -> str:
    return orjson.dumps(wanted).decode()


def _filter(text: str) -> EventFilter:
    told: dict[str, Any] = orjson.loads(text)
    return EventFilter(**{name: tuple(values) for name, values in told.items()})
