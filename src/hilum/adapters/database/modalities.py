"""The modalities of a study: shown as they came, matched folded."""

from collections.abc import Iterable
from typing import Final

from hilum.adapters.database.connections import Connection
from hilum.adapters.database.states import SeriesState, StudyState

ADD_MODALITY: Final = (
    "INSERT INTO study_modality (study_key, modality, partition_key) VALUES (?, ?, ?)"
)
_ADD_ALL: Final = (
    "INSERT INTO study_modality (study_key, modality, partition_key) "
    'SELECT DISTINCT study_key, "Modality", partition_key FROM series '
    'WHERE study_key = ? AND "Modality" IS NOT NULL ON CONFLICT DO NOTHING'
)
_DROP: Final = (
    "DELETE FROM study_modality WHERE study_key = ? AND modality NOT IN "
    '(SELECT "Modality" FROM series WHERE study_key = ? AND "Modality" IS NOT NULL)'
)
_SHOWN: Final = (
    "SELECT DISTINCT shown_modality FROM series WHERE study_key = ? "
    "AND shown_modality IS NOT NULL ORDER BY 1"
)
SEPARATOR: Final = "\\"
"""Between the values of a DICOM attribute, so in none of them (PS3.5 section 6.4)."""


def first_modalities(series: Iterable[SeriesState]) -> list[tuple[int, str, int]]:
    """Fill in `modalities` of the studies that are new; their rows for `ADD_MODALITY`."""
    rows: dict[tuple[int, str], int] = {}
    shown: dict[StudyState, set[str]] = {}
    for each in series:
        study, modality = each.study, each.row.values.get("Modality")
        if study.row.created and modality is not None:
            rows[study.row.key, modality] = study.partition
            if each.shown_modality is not None:
                shown.setdefault(study, set()).add(each.shown_modality)
    for study, modalities in shown.items():
        study.modalities = SEPARATOR.join(sorted(modalities))
    return [(*key, partition) for key, partition in rows.items()]


def settle_modalities(connection: Connection, study_key: int) -> str:
    """Make the modalities of a study those of its series; the text for its row."""
    connection.execute(_DROP, (study_key, study_key))
    connection.execute(_ADD_ALL, (study_key,))
    return SEPARATOR.join(row[0] for row in connection.execute(_SHOWN, (study_key,)).fetchall())
