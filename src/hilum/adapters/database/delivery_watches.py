"""Studies that were touched, and when they count as stable."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from hilum.adapters.database.connections import Connection
from hilum.adapters.database.delivery_announcing import Unless, announce_stable, lock_watch
from hilum.adapters.database.delivery_subscriptions import save_progress
from hilum.adapters.database.lanes import Lane
from hilum.adapters.database.modalities import SEPARATOR
from hilum.adapters.database.times import from_microseconds, to_microseconds
from hilum.domain.identifiers import PartitionKey, StudyInstanceUID
from hilum.domain.records import FeedEntry
from hilum.ports.announcing import StableBecause, StableStudy
from hilum.ports.delivery import DueStudy, Progress, Quiet

_SECOND: Final = 1_000_000
_READ: Final = (
    "SELECT w.expected_count, w.source, s.number_of_instances, s.modalities, w.newest_sequence, "
    "w.announced_version, w.announced_count, s.newest_version FROM study_watch w "
    'LEFT JOIN study s ON s."StudyInstanceUID" = w.study_instance_uid '
    "AND s.partition_key = w.partition_key "
    "WHERE w.partition_key = ? AND w.study_instance_uid = ?"
)
_NOTE: Final = (
    "UPDATE study_watch SET last_change = ?, due = ?, because = ?, correlation_id = ?, "
    "newest_sequence = ? WHERE partition_key = ? AND study_instance_uid = ?"
)
_DUE: Final = (
    "SELECT w.partition_key, w.study_instance_uid, w.because, w.correlation_id, w.last_change, "
    "w.source, s.modalities FROM study_watch w "
    'LEFT JOIN study s ON s."StudyInstanceUID" = w.study_instance_uid '
    "AND s.partition_key = w.partition_key "
    "WHERE w.due <= ? ORDER BY w.due LIMIT ?"
)
_WAITING: Final = "SELECT count(*) FROM study_watch WHERE due IS NOT NULL"


class SqlStudyWatches:
    """`hilum.ports.delivery.StudyWatches` over the lanes of an index."""

    def __init__(
        self, reader: Lane, writer: Lane, now: Callable[[], int], fed: Callable[[], None]
    ) -> None:
        self._read = reader.run
        self._write = writer.run
        self._now = now
        self._fed = fed

    async def note(self, entries: Sequence[FeedEntry], progress: Progress, quiet: Quiet) -> bool:
        touched = _touched(entries)

        def work(connection: Connection) -> bool:
            now = self._now()
            if not save_progress(connection, progress, now):
                return False
            for study, entry in touched.items():
                _note(connection, study, entry, quiet, now)
            return True

        return await self._write(work)

    async def due(self, limit: int, quiet: Quiet) -> Sequence[DueStudy]:
        def work(connection: Connection) -> list[DueStudy]:
            rows = connection.execute(_DUE, (self._now(), limit)).fetchall()
            return [
                DueStudy(
                    PartitionKey(partition), StudyInstanceUID(uid), because, correlation,
                    from_microseconds(changed), quiet_seconds(quiet, source, modalities),
                )
                for partition, uid, because, correlation, changed, source, modalities in rows
            ]  # fmt: skip

        return await self._read(work)

    async def announce(self, due: DueStudy) -> bool:
        stable = StableStudy(
            due.partition, due.study, StableBecause(due.because), due.correlation_id
        )
        unless = None
        if stable.because is StableBecause.QUIET:
            changed = to_microseconds(due.last_change)
            unless = Unless(changed, int(due.quiet_seconds * _SECOND))
        announced = await self._write(
            lambda connection: announce_stable(connection, stable, self._now(), unless)
        )
        if announced:
            self._fed()
        return announced

    async def waiting(self) -> int:
        return await self._read(lambda connection: int(connection.execute(_WAITING).fetchone()[0]))


def _touched(entries: Sequence[FeedEntry]) -> Mapping[tuple[int, str], FeedEntry]:
    """Keep the last entry of each study, in an order that lets no two processes deadlock."""
    last = {
        (entry.partition, entry.uids.study): entry for entry in entries if entry.kind.of_instance
    }
    return dict(sorted(last.items()))


def _note(
    connection: Connection, study: tuple[int, str], entry: FeedEntry, quiet: Quiet, now: int
) -> None:
    lock_watch(connection, study, entry.correlation_id, now)
    expected, source, count, modalities, seen, version, told, newest = connection.execute(
        _READ, study
    ).fetchone()
    if seen >= entry.sequence:
        return  # this page was noted before
    changed = to_microseconds(entry.time)
    because, due = StableBecause.QUIET, None
    if count is not None and (version, told) != (newest, count):
        due = changed + int(quiet_seconds(quiet, source, modalities) * _SECOND)
        if expected is not None and count >= expected:
            because, due = StableBecause.COUNT, now
    row: tuple[Any, ...] = (
        changed, due, because.value, entry.correlation_id, entry.sequence, *study
    )  # fmt: skip
    connection.execute(_NOTE, row)


def quiet_seconds(quiet: Quiet, source: str, modalities: str | None) -> float:
    """How long a study must be quiet: the longest that any of its modalities is given."""
    if source:
        return quiet.announced_by_source
    table = dict(quiet.by_modality)
    given = [table.get(each, quiet.usual) for each in (modalities or "").split(SEPARATOR)]
    return max(given)
