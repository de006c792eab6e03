"""Deciding a batch of instances inside one transaction.

Three questions find what is held of the batch's studies, series and instances; each item is then
decided in order, in memory; what was decided is written set by set (`levels`, `writes`).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from hilum.adapters.database.change_feed import feed_time
from hilum.adapters.database.connections import Connection, Dialect
from hilum.adapters.database.expiries import note_expiries
from hilum.adapters.database.extended_rows import ExtendedWrites
from hilum.adapters.database.external_metadata import ExternalWrites
from hilum.adapters.database.finding import Finder
from hilum.adapters.database.levels import LevelWriter
from hilum.adapters.database.merging import MergedLevel
from hilum.adapters.database.states import (
    SERIES_KEYWORDS,
    STUDY_KEYWORDS,
    SeriesState,
    StudyState,
)
from hilum.adapters.database.writes import HeldInstance, Writes, count_partitions
from hilum.domain.errors import NotIndexable
from hilum.domain.extended_tags import NO_EXTENDED_VALUES
from hilum.domain.identifiers import Version
from hilum.domain.instances import Disposition, Kept, LevelDescription, OnConflict
from hilum.domain.levels import Level
from hilum.domain.records import Committed


def commit_batch(
    connection: Connection,
    dialect: Dialect,
    batch: Sequence[Kept],
    now: int,
    clock: Callable[[], int] | None = None,
) -> list[Committed]:
    """Decide and write `batch` inside the transaction that is open on `connection`.

    An item whose values no row can hold is reported as FAILED; the others are kept. `clock` says
    what time it is when the feed is written, which others may have held up; without, it is `now`.
    """
    connection.execute("SAVEPOINT batch")
    try:
        decided = Batch(connection, dialect, now, clock).commit(batch)
    except Exception as error:
        if not dialect.is_data_error(error):
            raise
        connection.execute("ROLLBACK TO batch")
        decided = [_commit_alone(connection, dialect, item, now, clock) for item in batch]
    connection.execute("RELEASE batch")
    return decided


def _commit_alone(
    connection: Connection,
    dialect: Dialect,
    item: Kept,
    now: int,
    clock: Callable[[], int] | None,
) -> Committed:
    connection.execute("SAVEPOINT item")
    try:
        decided = Batch(connection, dialect, now, clock).commit([item])[0]
    except Exception as error:
        if not dialect.is_data_error(error):
            raise
        connection.execute("ROLLBACK TO item")
        fact = NotIndexable(
            f"The instance has a value that the index cannot hold ({type(error).__name__})."
        )
        decided = Committed(Disposition.FAILED, item.version, fact)
    connection.execute("RELEASE item")
    return decided


class Batch:
    """The state of one batch while it is decided."""

    def __init__(
        self,
        connection: Connection,
        dialect: Dialect,
        now: int,
        clock: Callable[[], int] | None = None,
    ) -> None:
        self._connection = connection
        self._dialect = dialect
        self._finder = Finder(connection, dialect)
        self._levels = LevelWriter(connection, dialect, now, self._fresh_version)
        self._writes = Writes(now, lambda: feed_time(connection, dialect, now, clock))
        self._extended = ExtendedWrites(connection)
        self._external = ExternalWrites(connection)
        self._studies: dict[tuple[int, str], StudyState] = {}
        self._series: dict[tuple[int, str], SeriesState] = {}
        self._instances: dict[tuple[int, str], HeldInstance] = {}
        self._new_instances: dict[tuple[int, str], int] = {}
        self._added: dict[int, list[int]] = {}
        self._expiries: dict[tuple[int, str], datetime | None] = {}

    def commit(self, batch: Sequence[Kept], *, whole: bool = False) -> list[Committed]:
        """Decide and write; with `whole`, write only if every item becomes a new version."""
        self._dialect.lock_studies(
            self._connection, {(item.partition, item.description.uids.study) for item in batch}
        )
        self._extended.begin()
        self._external.begin(batch)
        highest = max(item.version for item in batch)
        self._dialect.raise_to(self._connection, "version", highest)
        self._load_studies(batch)
        self._load_series(batch)
        self._load_instances(batch)
        decided = [self._decide(item) for item in batch]
        if whole and any(each.disposition is not Disposition.NEW_VERSION for each in decided):
            return decided
        if self._added:
            self._levels.write(list(self._studies.values()), list(self._series.values()))
            self._writes.run(self._connection)
            self._extended.run()
            count_partitions(self._connection, self._added)
        if self._expiries:
            note_expiries(self._connection, self._expiries)
        self._external.run()
        return decided

    def _fresh_version(self) -> int:
        return self._dialect.draw(self._connection, "version", 1)[0]

    def _load_studies(self, batch: Sequence[Kept]) -> None:
        wanted = dict.fromkeys((item.partition, item.description.uids.study) for item in batch)
        rows = self._finder.studies({key for key, _ in wanted}, {uid for _, uid in wanted})
        for key, partition, version, patient, modalities, attributes, *values in rows:
            state = StudyState(key, partition)
            state.row.read(STUDY_KEYWORDS, values, attributes, version)
            state.read(patient, modalities)
            self._studies[partition, state.row.values["StudyInstanceUID"]] = state
        missing = [each for each in wanted if each not in self._studies]
        for key, (partition, uid) in zip(self._draw("study", missing), missing, strict=True):
            state = StudyState(key, partition)
            state.row.values["StudyInstanceUID"] = uid
            self._studies[partition, uid] = state

    def _load_series(self, batch: Sequence[Kept]) -> None:
        wanted: dict[tuple[int, str], StudyState] = {}
        for item in batch:
            uids = item.description.uids
            study = self._studies[item.partition, uids.study]
            wanted[study.row.key, uids.series] = study
        held = {study.row.key: study for study in wanted.values() if not study.row.created}
        rows = self._finder.series(held, {uid for key, uid in wanted if key in held})
        for key, study_key, version, modality, attributes, *values in rows:
            state = SeriesState(key, held[study_key])
            state.row.read(SERIES_KEYWORDS, values, attributes, version)
            state.shown_modality = modality
            self._series[study_key, state.row.values["SeriesInstanceUID"]] = state
        missing = [each for each in wanted if each not in self._series]
        for key, (study_key, uid) in zip(self._draw("series", missing), missing, strict=True):
            state = SeriesState(key, wanted[study_key, uid])
            state.row.values["SeriesInstanceUID"] = uid
            self._series[study_key, uid] = state

    def _load_instances(self, batch: Sequence[Kept]) -> None:
        wanted: dict[tuple[int, str], None] = {}
        held: set[int] = set()
        for item in batch:
            uids = item.description.uids
            study = self._studies[item.partition, uids.study].row
            series = self._series[study.key, uids.series].row
            wanted[series.key, uids.sop_instance] = None
            if not series.created:
                held.add(series.key)
        rows = self._finder.instances(held, {uid for key, uid in wanted if key in held})
        for series_key, uid, *values in rows:
            self._instances[series_key, uid] = HeldInstance(*values)
        missing = [each for each in wanted if each not in self._instances]
        keys = self._draw("instance", missing)
        self._new_instances = dict(zip(missing, keys, strict=True))

    def _draw(self, name: str, missing: Sequence[object]) -> Sequence[int]:
        return self._dialect.draw(self._connection, name, len(missing)) if missing else ()

    def _decide(self, item: Kept) -> Committed:
        described = item.description
        study = self._studies[item.partition, described.uids.study]
        series = self._series[study.row.key, described.uids.series]
        name = (series.row.key, described.uids.sop_instance)
        held = self._instances.get(name)
        made_of = None if item.revision is None else item.revision.of
        if made_of is not None and (held is None or held.version != made_of):
            return Committed(Disposition.CONFLICT, Version(0 if held is None else held.version))
        refusal = self._external.refusal(item) if item.external else None
        if refusal is not None:
            return Committed(Disposition.FAILED, item.version, refusal)
        if held is None:
            self._keep(item, item.version, None, (study, series, self._new_instances[name]))
            return Committed(Disposition.CREATED, item.version)
        if (
            held.dataset_sha256 == item.dataset_sha256
            and held.transfer_syntax_uid == described.transfer_syntax_uid
        ):
            if item.on_conflict is OnConflict.NEW_VERSION:
                self._note_expiry(item, study)
                self._external.put(item)
            return Committed(Disposition.ALREADY_HELD, Version(held.version))
        if made_of is None and item.on_conflict is OnConflict.REFUSE:
            return Committed(Disposition.CONFLICT, Version(held.version))
        if made_of is not None and held.warned:
            item = _as_warned(item)
        version = item.version if item.version > held.version else Version(self._fresh_version())
        self._keep(item, version, held, (study, series, held.key))
        return Committed(Disposition.NEW_VERSION, version)

    def _keep(
        self,
        item: Kept,
        version: Version,
        held: HeldInstance | None,
        place: tuple[StudyState, SeriesState, int],
    ) -> None:
        study, series, key = place
        self._note_expiry(item, study)
        self._external.put(item)
        described = item.description
        added = self._added.setdefault(item.partition, [0, 0, 0, 0])
        if study.row.created and not study.row.touched:
            added[0] += 1
        if series.row.created and not series.row.touched:
            added[1] += 1
            study.added_series += 1
        instances, size_bytes = 1, item.size_bytes
        if held is not None:
            instances, size_bytes = 0, item.size_bytes - held.size_bytes
        added[2] += instances
        added[3] += size_bytes
        if study.merge(described) and described.study.items:
            self._merge_items(Level.STUDY, study.row, described.study)
        if series.merge(described) and described.series.items:
            self._merge_items(Level.SERIES, series.row, described.series)
        study.row.take(key, version, instances, size_bytes)
        series.row.take(key, version, instances, size_bytes)
        keys = (study.row.key, series.row.key, key)
        self._extended.put(item, keys, replaces=held is not None)
        self._instances[series.row.key, described.uids.sop_instance] = self._writes.put(
            item, version, held, keys
        )

    def _note_expiry(self, item: Kept, study: StudyState) -> None:
        """The last store decides when a study expires; nothing has to be taken from a new one."""
        if item.expiry is None:
            return
        name = (item.partition, item.description.uids.study)
        if item.expiry.at is not None or not study.row.created or name in self._expiries:
            self._expiries[name] = item.expiry.at

    def _merge_items(self, level: Level, row: MergedLevel, said: LevelDescription) -> None:
        if row.items is None:
            row.items = {
                (path, at, value) for path, at, value in self._finder.items(level, row.key)
            }
        row.merge_items(said.items)


def _as_warned(item: Kept) -> Kept:
    """A revision repeats what its sender was told of once: that stays out of extended tags."""
    unread = replace(item.description, extended=NO_EXTENDED_VALUES)
    return replace(item, warned=True, description=unread)
