"""What subscribers of work items have not had yet, as rows."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import orjson

from hilum.adapters.database.connections import Connection
from hilum.adapters.database.lanes import Lane
from hilum.adapters.database.statements import chunks, marks, padded
from hilum.adapters.database.times import to_microseconds
from hilum.domain.identifiers import UID
from hilum.domain.workitems import EventKind, Subscriber, WorkitemEvent, WorkitemReport

_TAKE_OVER: Final = (
    "INSERT INTO workitem_receiver (partition_key, ae_title, receiver) VALUES (?, ?, ?) "
    "ON CONFLICT (partition_key, ae_title) DO UPDATE SET receiver = excluded.receiver"
)
_GIVE_UP: Final = (
    "DELETE FROM workitem_receiver WHERE partition_key = ? AND ae_title = ? AND receiver = ?"
)
_RECEIVER: Final = "SELECT receiver FROM workitem_receiver WHERE partition_key = ? AND ae_title = ?"
_PENDING: Final = (
    "SELECT key, uid, kind, facts FROM workitem_event WHERE partition_key = ? AND ae_title = ? "
    "ORDER BY key LIMIT ?"
)
_DONE: Final = "DELETE FROM workitem_event WHERE key IN ({})"
_DROP_OLD: Final = "DELETE FROM workitem_event WHERE time < ?"
_CROWDED: Final = (
    "SELECT partition_key, ae_title FROM workitem_event GROUP BY partition_key, ae_title "
    "HAVING count(*) > ?"
)
_DROP_BEYOND: Final = (
    "DELETE FROM workitem_event WHERE partition_key = ? AND ae_title = ? AND key <= "
    "(SELECT key FROM workitem_event WHERE partition_key = ? AND ae_title = ? "
    "ORDER BY key DESC LIMIT 1 OFFSET ?)"
)


class SqlWorklistEvents:
    """See `WorkitemEvents`."""

    def __init__(self, reader: Lane, writer: Lane) -> None:
        self._read = reader.run
        self._forget = writer.run

    async def take_over(self, who: Subscriber, receiver: str) -> None:
        values = (who.partition, who.ae_title, receiver)
        await self._forget(lambda connection: connection.execute(_TAKE_OVER, values).rowcount)

    async def give_up(self, who: Subscriber, receiver: str) -> None:
        values = (who.partition, who.ae_title, receiver)
        await self._forget(lambda connection: connection.execute(_GIVE_UP, values).rowcount)

    async def pending(
        self, who: Subscriber, receiver: str, limit: int
    ) -> Sequence[WorkitemEvent] | None:
        which = (who.partition, who.ae_title)

        def work(connection: Connection) -> list[WorkitemEvent] | None:
            row = connection.execute(_RECEIVER, which).fetchone()
            if row is None or row[0] != receiver:
                return None
            return [
                WorkitemEvent(
                    key, UID(uid), WorkitemReport(EventKind(kind), orjson.loads(bytes(facts)))
                )
                for key, uid, kind, facts in connection.execute(
                    _PENDING, (*which, limit)
                ).fetchall()
            ]

        return await self._read(work)

    async def done(self, keys: Sequence[int]) -> None:
        def work(connection: Connection) -> None:
            for some in chunks(keys):
                values = padded(some)
                connection.execute(_DONE.format(marks(len(values))), values)

        if keys:
            await self._forget(work)

    async def drop_old(self, before: datetime, most: int) -> int:
        moment = to_microseconds(before)

        def work(connection: Connection) -> int:
            dropped = connection.execute(_DROP_OLD, (moment,)).rowcount
            for who in connection.execute(_CROWDED, (most,)).fetchall():
                dropped += connection.execute(_DROP_BEYOND, (*who, *who, most)).rowcount
            return dropped

        return await self._forget(work)
