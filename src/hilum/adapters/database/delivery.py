"""`SqlDelivery`: what delivery remembers, in the database of the feed."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from hilum.adapters.database.connections import Connection
from hilum.adapters.database.delivery_announcing import (
    announce_failure,
    announce_stable,
    expect_study,
)
from hilum.adapters.database.delivery_leases import SqlLeases
from hilum.adapters.database.delivery_letters import SqlDeadLetters
from hilum.adapters.database.delivery_subscriptions import LAST_SEQUENCE, SqlSubscriptions
from hilum.adapters.database.delivery_watches import SqlStudyWatches
from hilum.adapters.database.lanes import Lane
from hilum.adapters.database.statements import chunks, marks, padded
from hilum.ports.announcing import ExpectedStudy, IngestionFailure, StableStudy

_ORIGINS: Final = (
    "SELECT v.version, v.door, v.peer, e.shown_modality FROM instance_version v "
    "CROSS JOIN instance i ON i.key = v.instance_key CROSS JOIN series e ON e.key = i.series_key "
    "WHERE v.version IN ({})"
)
_SECOND: Final = 1_000_000


class SqlDelivery:
    """`hilum.ports.delivery.DeliveryStore` and `hilum.ports.announcing.Announcements`.

    `fed` is called after each commit that added to the feed. `patience_seconds` is how long a study
    waits for the word of a source that promised one.
    """

    def __init__(
        self,
        reader: Lane,
        writer: Lane,
        now: Callable[[], int],
        fed: Callable[[], None],
        patience_seconds: float = 600.0,
    ) -> None:
        self._read = reader.run
        self._write = writer.run
        self._now = now
        self._fed = fed
        self._patience = int(patience_seconds * _SECOND)
        self.subscriptions: Final = SqlSubscriptions(reader, writer, now)
        self.letters: Final = SqlDeadLetters(reader, writer, now)
        self.watches: Final = SqlStudyWatches(reader, writer, now, fed)
        self.leases: Final = SqlLeases(reader, writer, now)

    # Announcements

    async def study_stable(self, stable: StableStudy) -> bool:
        announced = await self._write(
            lambda connection: announce_stable(connection, stable, self._now())
        )
        if announced:
            self._fed()
        return announced

    async def expect(self, expected: ExpectedStudy) -> None:
        await self._write(
            lambda connection: expect_study(connection, expected, self._now(), self._patience)
        )

    async def ingestion_failed(self, failure: IngestionFailure) -> None:
        await self._write(lambda connection: announce_failure(connection, failure, self._now()))
        self._fed()

    # DeliveryStore

    async def origins(self, versions: Sequence[int]) -> Mapping[int, tuple[str, str, str]]:
        return await self._read(lambda connection: _origins(connection, versions))

    async def last_sequence(self) -> int:
        return await self._read(
            lambda connection: int(connection.execute(LAST_SEQUENCE).fetchone()[0])
        )


def _origins(connection: Connection, versions: Sequence[int]) -> dict[int, tuple[str, str, str]]:
    found: dict[int, tuple[str, str, str]] = {}
    for some in chunks(sorted(set(versions))):
        values = padded(some)
        rows = connection.execute(_ORIGINS.format(marks(len(values))), values).fetchall()
        found.update((row[0], (row[1], row[2], row[3] or "")) for row in rows)
    return found
