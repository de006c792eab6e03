"""Leases as rows. The clocks of the processes must agree to less than the length of a lease."""

from collections.abc import Callable, Sequence
from typing import Final

from hilum.adapters.database.connections import Connection
from hilum.adapters.database.lanes import Lane

_SECOND: Final = 1_000_000
_HOLD: Final = (
    "INSERT INTO lease (name, holder, until) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET "
    "holder = excluded.holder, until = excluded.until "
    "WHERE lease.holder = excluded.holder OR lease.until < ?"
)
_HOLDER: Final = "SELECT holder FROM lease WHERE name = ? AND until >= ?"
_RELEASE: Final = "DELETE FROM lease WHERE holder = ?"


class SqlLeases:
    """`hilum.ports.delivery.Leases` over the writing lane of an index."""

    def __init__(self, reader: Lane, writer: Lane, now: Callable[[], int]) -> None:
        self._read = reader.run
        self._write = writer.run
        self._now = now

    async def hold(self, names: Sequence[str], holder: str, seconds: float) -> Sequence[str]:
        def work(connection: Connection) -> list[str]:
            now = self._now()
            until = now + int(seconds * _SECOND)
            return [
                name
                for name in sorted(names)
                if connection.execute(_HOLD, (name, holder, until, now)).rowcount > 0
            ]

        return await self._write(work)

    async def release(self, holder: str) -> None:
        await self._write(lambda connection: connection.execute(_RELEASE, (holder,)).rowcount)

    async def holder(self, name: str) -> str | None:
        def work(connection: Connection) -> str | None:
            row = connection.execute(_HOLDER, (name, self._now())).fetchone()
            return None if row is None else str(row[0])

        return await self._read(work)
