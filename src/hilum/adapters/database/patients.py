"""Patients: a Patient ID and who issued it, both as they came, inside a partition."""

from collections.abc import Collection
from typing import Final

from hilum.adapters.database.connections import Connection
from hilum.adapters.database.merging import ISSUER_OF_PATIENT_ID, PATIENT_ID, first_text
from hilum.adapters.database.states import StudyState

_FIND: Final = (
    "SELECT key FROM patient WHERE partition_key = ? AND patient_id = ? "
    "AND issuer_of_patient_id = ?"
)
_ADD: Final = (
    "INSERT INTO patient (partition_key, patient_id, issuer_of_patient_id, created) "
    "VALUES (?, ?, ?, ?) ON CONFLICT (partition_key, patient_id, issuer_of_patient_id) "
    "DO UPDATE SET patient_id = excluded.patient_id RETURNING key"
)
_DROP: Final = (
    "DELETE FROM patient WHERE key = ? AND merged_into_key IS NULL "
    "AND NOT EXISTS (SELECT 1 FROM study s WHERE s.patient_key = patient.key) "
    "AND NOT EXISTS (SELECT 1 FROM patient p WHERE p.merged_into_key = patient.key)"
)


def patient_key(connection: Connection, partition: int, attributes: bytes, now: int) -> int | None:
    """Find or add the patient that a study's attributes name; None when there is no Patient ID."""
    patient_id = first_text(attributes, PATIENT_ID)
    if patient_id is None:
        return None
    named = (partition, patient_id, first_text(attributes, ISSUER_OF_PATIENT_ID) or "")
    row = connection.execute(_FIND, named).fetchone()
    if row is None:
        row = connection.execute(_ADD, (*named, now)).fetchone()
    return int(row[0])


def patient_of(state: StudyState) -> tuple[int, str]:
    """Where a study stands when patients are added in an order that all processes keep."""
    return state.partition, str(state.row.values.get("PatientID"))


def drop_unused_patients(connection: Connection, keys: Collection[int]) -> None:
    """Remove those of these patients that have no study and no part in a merge any more."""
    connection.executemany(_DROP, [(key,) for key in keys])
