"""Making right what `checking` finds wrong and rows can tell; and starting from nothing."""

from typing import Final

from hilum.adapters.database.change_feed import last_position
from hilum.adapters.database.checking import (
    EMPTY_SERIES,
    EMPTY_STUDIES,
    ORPHANED_DESCRIPTIONS,
    ORPHANED_ERRORS,
    ORPHANED_ITEMS,
    ORPHANED_ORIGINALS,
    ORPHANED_VALUES,
    ORPHANED_VERSIONS,
    UNUSED_PATIENTS,
    WRONG_ERRORS,
    WRONG_PARTITIONS,
    WRONG_SERIES,
    WRONG_STUDIES,
    low_counters,
    wrong_modalities,
)
from hilum.adapters.database.connections import Connection, Dialect
from hilum.adapters.database.deleting import SETTLE_SERIES, SETTLE_STUDY
from hilum.adapters.database.extended_tables import VALUE_TABLES
from hilum.adapters.database.modalities import settle_modalities
from hilum.adapters.database.tables import POSITION_FLOOR

_FORGET_VERSION: Final = ("DELETE FROM instance_version WHERE version = ?",)
_FORGET_ORIGINAL: Final = ("DELETE FROM original WHERE instance_key = ?",)
_FORGET_DESCRIPTION: Final = ("DELETE FROM description WHERE instance_key = ?",)
_FORGET_SERIES: Final = (
    "DELETE FROM sequence_item WHERE level = 2 AND owner_key = ?",
    "DELETE FROM series WHERE key = ?",
)
_FORGET_STUDY: Final = (
    "DELETE FROM sequence_item WHERE level = 1 AND owner_key = ?",
    "DELETE FROM study_modality WHERE study_key = ?",
    "DELETE FROM external_value WHERE (partition_key, study_instance_uid) IN "
    '(SELECT s.partition_key, s."StudyInstanceUID" FROM study s WHERE s.key = ?)',
    "DELETE FROM study WHERE key = ?",
)
_FORGET_ERROR: Final = ("DELETE FROM extended_error WHERE instance_key = ? AND tag_key = ?",)
_SETTLE_PARTITION: Final = (
    "UPDATE partition SET (number_of_studies, number_of_series, number_of_instances, size_bytes) "
    "= (SELECT count(*), coalesce(sum(s.number_of_series), 0), "
    "coalesce(sum(s.number_of_instances), 0), coalesce(sum(s.size_bytes), 0) "
    "FROM study s WHERE s.partition_key = partition.key) WHERE key = ?"
)
_HIGHEST: Final = {
    "version": "SELECT max(version) FROM instance_version",
    "study": "SELECT max(key) FROM study",
    "series": "SELECT max(key) FROM series",
    "instance": "SELECT max(key) FROM instance",
}
_KEEP_POSITIONS: Final = (
    "INSERT INTO counter (name, value) VALUES (?, ?) "
    "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)
_SETTLE_ERRORS: Final = (
    "UPDATE extended_tag SET errors = (SELECT count(*) FROM extended_error x "
    "WHERE x.tag_key = extended_tag.key) WHERE key = ?"
)
_EVERYTHING: Final = (
    *(table.name for table in VALUE_TABLES.values()),
    "extended_error",
    "sequence_item",
    "original",
    "description",
    "instance_version",
    "instance",
    "series",
    "study_modality",
    "study",
    "patient",
    "feed",
    "deletion",
)


def recount(connection: Connection, dialect: Dialect, now: int) -> int:
    """Mend inside the open transaction; how many rows were changed or removed."""
    dialect.lock_all(connection)
    dialect.expect_walks(connection)
    changed = _forget(connection, ORPHANED_ITEMS, ("DELETE FROM sequence_item WHERE key = ?",))
    changed += _forget(connection, ORPHANED_DESCRIPTIONS, _FORGET_DESCRIPTION)
    changed += _forget(connection, ORPHANED_VERSIONS, _FORGET_VERSION)
    changed += _forget(connection, ORPHANED_ORIGINALS, _FORGET_ORIGINAL)
    changed += _forget(connection, EMPTY_SERIES, _FORGET_SERIES)
    changed += _forget(connection, EMPTY_STUDIES, _FORGET_STUDY)
    for table, orphans in ORPHANED_VALUES.items():
        forget = f"DELETE FROM {table} WHERE owner_key = ? AND tag_key = ?"
        changed += _forget(connection, orphans, (forget,))
    changed += _forget(connection, ORPHANED_ERRORS, _FORGET_ERROR)
    changed += _forget(connection, WRONG_ERRORS, (_SETTLE_ERRORS,))
    changed += _settle_series(connection, dialect, now)
    changed += _settle_studies(connection, dialect, now)
    changed += _forget(connection, UNUSED_PATIENTS, ("DELETE FROM patient WHERE key = ?",))
    changed += _forget(connection, WRONG_PARTITIONS, (_SETTLE_PARTITION,))
    changed += _raise_counters(connection, dialect)
    return changed + dialect.rebuild_names(connection)


def wipe(connection: Connection, dialect: Dialect) -> None:
    """Empty the archive's tables inside the open transaction; numbers given out stay given out."""
    dialect.lock_all(connection)
    connection.execute(_KEEP_POSITIONS, (POSITION_FLOOR, last_position(connection)))
    for table in _EVERYTHING:
        connection.execute(f"DELETE FROM {table}")
    connection.execute(
        "UPDATE partition SET number_of_studies = 0, number_of_series = 0, "
        "number_of_instances = 0, size_bytes = 0"
    )
    dialect.rebuild_names(connection)


def _forget(connection: Connection, which: str, statements: tuple[str, ...]) -> int:
    """Run statements on each key that `which` finds."""
    found = connection.execute(which).fetchall()
    for sql in statements:
        connection.executemany(sql, found)
    return len(found)


def _settle_series(connection: Connection, dialect: Dialect, now: int) -> int:
    found = connection.execute(WRONG_SERIES).fetchall()
    if found:
        version = dialect.draw(connection, "version", 1)[0]
        connection.executemany(SETTLE_SERIES, [(version, now, key) for (key,) in found])
    return len(found)


def _settle_studies(connection: Connection, dialect: Dialect, now: int) -> int:
    modalities = wrong_modalities(dialect)
    found = connection.execute(f"{WRONG_STUDIES} UNION {modalities}").fetchall()
    if found:
        version = dialect.draw(connection, "version", 1)[0]
        rows = [(version, now, settle_modalities(connection, key), key) for (key,) in found]
        connection.executemany(SETTLE_STUDY, rows)
    return len(found)


def _raise_counters(connection: Connection, dialect: Dialect) -> int:
    found = connection.execute(low_counters(dialect)).fetchall()
    for (name,) in found:
        dialect.raise_to(connection, name, connection.execute(_HIGHEST[name]).fetchone()[0])
    return len(found)
