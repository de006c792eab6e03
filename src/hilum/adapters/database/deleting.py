"""Taking instances out of the index, and the queue of objects that then wait to be freed.

A delete is set-based SQL inside one transaction: no row passes through Python, so a study of any
length is deleted in constant memory.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from hilum.adapters.database.change_feed import feed_time
from hilum.adapters.database.connections import Connection, Dialect
from hilum.adapters.database.extended_rows import forget_owners, forget_scope
from hilum.adapters.database.external_metadata import FORGET_EXTERNAL
from hilum.adapters.database.modalities import settle_modalities
from hilum.adapters.database.patients import drop_unused_patients
from hilum.adapters.database.reading import place
from hilum.domain.identifiers import Scope
from hilum.domain.levels import Level
from hilum.domain.origins import Origin
from hilum.domain.records import DueDeletion, FeedKind

_FIND: Final = (
    "SELECT s.key, s.patient_key, NULL, NULL FROM study s "
    'WHERE s."StudyInstanceUID" = ? AND s.partition_key = ?',
    "SELECT s.key, s.patient_key, e.key, NULL FROM study s CROSS JOIN series e "
    'ON e.study_key = s.key WHERE e."SeriesInstanceUID" = ? AND s."StudyInstanceUID" = ? '
    "AND s.partition_key = ?",
    "SELECT s.key, s.patient_key, e.key, i.key FROM study s CROSS JOIN series e "
    "ON e.study_key = s.key CROSS JOIN instance i ON i.series_key = e.key "
    'WHERE i."SOPInstanceUID" = ? AND e."SeriesInstanceUID" = ? AND s."StudyInstanceUID" = ? '
    "AND s.partition_key = ?",
)
_GONE: Final = ("i.study_key = ?", "i.series_key = ?", "i.key = ?")
_COUNT: Final = (
    "SELECT count(*), coalesce(sum(v.size_bytes), 0) FROM instance i "
    "LEFT JOIN instance_version v ON v.version = i.version WHERE "
)
_ANNOUNCE: Final = (
    "INSERT INTO feed (time, partition_key, kind, study_instance_uid, series_instance_uid, "
    "sop_instance_uid, version, correlation_id) "
    'SELECT ?, i.partition_key, ?, s."StudyInstanceUID", e."SeriesInstanceUID", '
    'i."SOPInstanceUID", i.version, ? FROM instance i CROSS JOIN series e ON e.key = i.series_key '
    "CROSS JOIN study s ON s.key = i.study_key WHERE {} ORDER BY i.key"
)
_QUEUE: Final = (
    "INSERT INTO deletion (partition_key, object_key, due, attempts, created) "
    "SELECT i.partition_key, v.object_key, ?, 0, ? FROM instance i "
    "CROSS JOIN instance_version v ON v.version = i.version WHERE {} ORDER BY i.key"
)
_QUEUE_ORIGINALS: Final = (
    "INSERT INTO deletion (partition_key, object_key, due, attempts, created) "
    "SELECT i.partition_key, v.object_key, ?, 0, ? FROM instance i "
    "CROSS JOIN original o ON o.instance_key = i.key "
    "CROSS JOIN instance_version v ON v.version = o.version WHERE {} ORDER BY i.key"
)
_FORGET: Final = (
    "DELETE FROM original WHERE instance_key IN (SELECT i.key FROM instance i WHERE {})",
    "DELETE FROM description WHERE instance_key IN (SELECT i.key FROM instance i WHERE {})",
    "DELETE FROM sequence_item WHERE level = 3 AND owner_key IN "
    "(SELECT i.key FROM instance i WHERE {})",
    "DELETE FROM instance_version WHERE instance_key IN (SELECT i.key FROM instance i WHERE {})",
)
_DROP_INSTANCES: Final = "DELETE FROM instance AS i WHERE {}"
_EMPTY_SERIES: Final = (
    "SELECT e.key FROM series e WHERE e.study_key = ? AND e.key = coalesce(?, e.key) "
    "AND NOT EXISTS (SELECT 1 FROM instance i WHERE i.series_key = e.key)"
)
_FORGET_ITEMS: Final = "DELETE FROM sequence_item WHERE level = ? AND owner_key = ?"
SETTLE_SERIES: Final = (
    "UPDATE series SET (number_of_instances, size_bytes) = (SELECT count(*), "
    "coalesce(sum(v.size_bytes), 0) FROM instance i LEFT JOIN instance_version v "
    "ON v.version = i.version WHERE i.series_key = series.key), newest_instance_key = "
    "(SELECT i.key FROM instance i WHERE i.series_key = series.key ORDER BY i.version DESC "
    "LIMIT 1), newest_version = ?, changed = ? WHERE key = ?"
)
SETTLE_STUDY: Final = (
    "UPDATE study SET (number_of_series, number_of_instances, size_bytes) = (SELECT count(*), "
    "sum(e.number_of_instances), sum(e.size_bytes) FROM series e WHERE e.study_key = study.key), "
    "newest_instance_key = (SELECT i.key FROM series e JOIN instance i "
    "ON i.key = e.newest_instance_key WHERE e.study_key = study.key ORDER BY i.version DESC "
    "LIMIT 1), newest_version = ?, changed = ?, modalities = ? WHERE key = ?"
)
_FORGET_EXPIRY: Final = (
    "DELETE FROM study_expiry WHERE partition_key = ? AND study_instance_uid = ?"
)
_COUNT_PARTITION: Final = (
    "UPDATE partition SET number_of_studies = number_of_studies - ?, number_of_series = "
    "number_of_series - ?, number_of_instances = number_of_instances - ?, size_bytes = "
    "size_bytes - ? WHERE key = ?"
)


def delete_scope(
    connection: Connection,
    dialect: Dialect,
    scope: Scope,
    origin: Origin,
    now: int,
    clock: Callable[[], int] | None = None,
) -> int:
    """Delete what the scope holds inside the open transaction; how many instances went.

    `clock`: see `commit_batch`.
    """
    dialect.lock_studies(connection, [(scope.partition, scope.study)])
    depth, parameters = place(scope)
    found = connection.execute(_FIND[depth], parameters).fetchone()
    if found is None:
        return 0
    study_key, patient, series_key, instance_key = found
    gone, key = _GONE[depth], (study_key, series_key, instance_key)[depth]
    instances, size_bytes = connection.execute(_COUNT + gone, (key,)).fetchone()
    kind, correlation = FeedKind.DELETED.value, origin.correlation_id
    dialect.lock_patients(connection, [] if patient is None else [patient])
    for sql in (_QUEUE, _QUEUE_ORIGINALS):
        connection.execute(sql.format(gone), (now, now, key))
    for sql in _FORGET:
        connection.execute(sql.format(gone), (key,))
    forget_scope(connection, gone, key)
    # Announced late, since others cannot announce anything until this transaction has ended.
    time = feed_time(connection, dialect, now, clock)
    connection.execute(_ANNOUNCE.format(gone), (time, kind, correlation, key))
    connection.execute(_DROP_INSTANCES.format(gone), (key,))
    series = _drop_empty_series(connection, study_key, series_key)
    if series_key is not None and not series:
        connection.execute(SETTLE_SERIES, (_fresh_version(connection, dialect), now, series_key))
    studies = _settle_study(connection, dialect, study_key, patient, now)
    if studies:
        connection.execute(_FORGET_EXPIRY, (scope.partition, scope.study))
        connection.execute(FORGET_EXTERNAL, (scope.partition, scope.study))
    counts = (studies, series, instances, size_bytes, scope.partition)
    connection.execute(_COUNT_PARTITION, counts)
    return int(instances)


def _fresh_version(connection: Connection, dialect: Dialect) -> int:
    return dialect.draw(connection, "version", 1)[0]


def _drop_empty_series(connection: Connection, study_key: int, series_key: int | None) -> int:
    found = connection.execute(_EMPTY_SERIES, (study_key, series_key)).fetchall()
    connection.executemany(_FORGET_ITEMS, [(int(Level.SERIES), key) for (key,) in found])
    forget_owners(connection, Level.SERIES, [key for (key,) in found])
    connection.executemany("DELETE FROM series WHERE key = ?", found)
    return len(found)


def _settle_study(
    connection: Connection, dialect: Dialect, study_key: int, patient: int | None, now: int
) -> int:
    """Make the study's row agree with what is left; 1 when nothing is and the row went too."""
    if connection.execute("SELECT 1 FROM series WHERE study_key = ?", (study_key,)).fetchone():
        modalities = settle_modalities(connection, study_key)
        settled = (_fresh_version(connection, dialect), now, modalities, study_key)
        connection.execute(SETTLE_STUDY, settled)
        return 0
    connection.execute("DELETE FROM study_modality WHERE study_key = ?", (study_key,))
    connection.execute(_FORGET_ITEMS, (int(Level.STUDY), study_key))
    forget_owners(connection, Level.STUDY, [study_key])
    dialect.remove_names(connection, [study_key])
    connection.execute("DELETE FROM study WHERE key = ?", (study_key,))
    drop_unused_patients(connection, [] if patient is None else [patient])
    return 1


def read_due(connection: Connection, now: int, limit: int) -> list[DueDeletion]:
    rows = connection.execute(
        "SELECT key, object_key, attempts FROM deletion WHERE due <= ? ORDER BY due, key LIMIT ?",
        (now, limit),
    ).fetchall()
    return [DueDeletion(*row) for row in rows]


def forget_freed(connection: Connection, keys: Sequence[int]) -> None:
    connection.executemany("DELETE FROM deletion WHERE key = ?", [(key,) for key in keys])


def postpone(connection: Connection, key: int, until: int) -> None:
    parameters: tuple[Any, ...] = (until, key)
    connection.execute(
        "UPDATE deletion SET due = ?, attempts = attempts + 1 WHERE key = ?", parameters
    )
