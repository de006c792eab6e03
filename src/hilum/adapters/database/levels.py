"""Study and series rows of a batch, with all that hangs on them: patients, modalities, names."""

from collections.abc import Callable, Sequence
from typing import Final

from hilum.adapters.database.connections import Connection, Dialect
from hilum.adapters.database.merging import MergedLevel
from hilum.adapters.database.modalities import (
    ADD_MODALITY,
    first_modalities,
    settle_modalities,
)
from hilum.adapters.database.patients import drop_unused_patients, patient_key, patient_of
from hilum.adapters.database.statements import insert_into, update_of
from hilum.adapters.database.states import (
    SERIES_KEYWORDS,
    STUDY_KEYWORDS,
    SeriesState,
    StudyState,
)
from hilum.adapters.database.tables import series, study
from hilum.adapters.database.writes import INSERT_ITEM
from hilum.domain.levels import Level

_STUDY_ROW: Final = (
    "key", "partition_key", *STUDY_KEYWORDS, "patient_key", "modalities", "attributes",
    "number_of_series", "number_of_instances", "size_bytes", "newest_version",
    "newest_instance_key", "created", "changed",
)  # fmt: skip
_SERIES_ROW: Final = (
    "key", "partition_key", "study_key", *SERIES_KEYWORDS, "shown_modality", "attributes",
    "number_of_instances", "size_bytes", "newest_version", "newest_instance_key", "created",
    "changed",
)  # fmt: skip
_INSERT_STUDY: Final = insert_into(study, _STUDY_ROW)
_INSERT_SERIES: Final = insert_into(series, _SERIES_ROW)
_COUNT_STUDY: Final = (
    "UPDATE study SET number_of_series = number_of_series + ?, number_of_instances = "
    "number_of_instances + ?, size_bytes = size_bytes + ?, newest_version = ?, "
    "newest_instance_key = ?, changed = ? WHERE key = ?"
)
_COUNT_SERIES: Final = (
    "UPDATE series SET number_of_instances = number_of_instances + ?, size_bytes = size_bytes + ?, "
    "newest_version = ?, newest_instance_key = ?, changed = ? WHERE key = ?"
)
_SAY_STUDY: Final = update_of(study, (*STUDY_KEYWORDS, "patient_key", "modalities", "attributes"))
_SAY_SERIES: Final = update_of(series, (*SERIES_KEYWORDS, "shown_modality", "attributes"))
_FORGET_ITEMS: Final = "DELETE FROM sequence_item WHERE level = ? AND owner_key = ?"


class LevelWriter:
    """Writes the studies and series of one batch."""

    def __init__(
        self,
        connection: Connection,
        dialect: Dialect,
        now: int,
        fresh_version: Callable[[], int],
    ) -> None:
        self._connection = connection
        self._dialect = dialect
        self._now = now
        self._fresh_version = fresh_version

    def write(self, studies: Sequence[StudyState], series_states: Sequence[SeriesState]) -> None:
        """Insert and update rows of touched states; parents come before their children."""
        studies = [state for state in studies if state.row.touched]
        series_states = [state for state in series_states if state.row.touched]
        created = [state for state in studies if state.row.created]
        held = [state for state in studies if not state.row.created]
        former = [each.patient_key for each in held if each.patient_changed and each.patient_key]
        for state in sorted((*created, *held), key=patient_of):
            if state.row.created or state.patient_changed:
                state.patient_key = patient_key(
                    self._connection, state.partition, state.row.attributes, self._now
                )
        self._insert_studies(created, series_states)
        self._write_series(series_states)
        self._update_studies(held)
        self._write_items(studies, series_states)
        self._dialect.lock_patients(self._connection, former)
        drop_unused_patients(self._connection, former)

    def _insert_studies(
        self, states: Sequence[StudyState], series_states: Sequence[SeriesState]
    ) -> None:
        if not states:
            return
        modality_rows = first_modalities(series_states)
        self._connection.executemany(_INSERT_STUDY, [self._study_row(state) for state in states])
        self._connection.executemany(ADD_MODALITY, modality_rows)
        self._dialect.add_names(
            self._connection, [(state.row.key, *state.names) for state in states]
        )

    def _study_row(self, state: StudyState) -> tuple[object, ...]:
        row = state.row
        return (
            row.key, state.partition, *map(row.values.get, STUDY_KEYWORDS), state.patient_key,
            state.modalities, row.attributes, state.added_series, row.added_instances,
            row.added_bytes, row.batch_version, row.newest_instance_key, self._now, self._now,
        )  # fmt: skip

    def _write_series(self, states: Sequence[SeriesState]) -> None:
        created = [self._series_row(state) for state in states if state.row.created]
        if created:
            self._connection.executemany(_INSERT_SERIES, created)
        held = [state for state in states if not state.row.created]
        if not held:
            return
        counts = [
            (each.added_instances, each.added_bytes, *self._newest(each), self._now, each.key)
            for each in (state.row for state in held)
        ]
        self._connection.executemany(_COUNT_SERIES, counts)
        said = [
            (
                *map(state.row.values.get, SERIES_KEYWORDS), state.shown_modality,
                state.row.attributes, state.row.key,
            )
            for state in held
            if state.row.said_otherwise
        ]  # fmt: skip
        if said:
            self._connection.executemany(_SAY_SERIES, said)

    def _series_row(self, state: SeriesState) -> tuple[object, ...]:
        row = state.row
        return (
            row.key, state.study.partition, state.study.row.key,
            *map(row.values.get, SERIES_KEYWORDS), state.shown_modality, row.attributes,
            row.added_instances, row.added_bytes, row.batch_version, row.newest_instance_key,
            self._now, self._now,
        )  # fmt: skip

    def _newest(self, row: MergedLevel) -> tuple[int, int]:
        grown = row.batch_version > row.newest_version
        version = row.batch_version if grown else self._fresh_version()
        return version, row.newest_instance_key

    def _update_studies(self, states: Sequence[StudyState]) -> None:
        if not states:
            return
        counts = [
            (
                state.added_series, state.row.added_instances, state.row.added_bytes,
                *self._newest(state.row), self._now, state.row.key,
            )
            for state in states
        ]  # fmt: skip
        self._connection.executemany(_COUNT_STUDY, counts)
        for state in states:
            if state.modalities_changed:
                state.modalities = settle_modalities(self._connection, state.row.key)
        said = [
            (
                *map(state.row.values.get, STUDY_KEYWORDS), state.patient_key, state.modalities,
                state.row.attributes, state.row.key,
            )
            for state in states
            if state.row.said_otherwise or state.modalities_changed
        ]  # fmt: skip
        if said:
            self._connection.executemany(_SAY_STUDY, said)
        renamed = [(each.row.key, *each.names) for each in states if each.renamed]
        if renamed:
            self._dialect.change_names(self._connection, renamed)

    def _write_items(
        self, studies: Sequence[StudyState], series_states: Sequence[SeriesState]
    ) -> None:
        for state in studies:
            self._replace_items(Level.STUDY, state.partition, state.row)
        for series_state in series_states:
            self._replace_items(Level.SERIES, series_state.study.partition, series_state.row)

    def _replace_items(self, level: Level, partition: int, row: MergedLevel) -> None:
        if not row.items_changed or row.items is None:
            return
        if not row.created:
            self._connection.execute(_FORGET_ITEMS, (level, row.key))
        self._connection.executemany(
            INSERT_ITEM, [(partition, level, row.key, *item) for item in sorted(row.items)]
        )
