"""Comparing the index with itself: every number that is kept beside the rows it counts."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from hilum.adapters.database.connections import Connection, Dialect
from hilum.adapters.database.extended_tables import VALUE_TABLES
from hilum.domain.maintenance import IndexProblem, ProblemKind

WRONG_SERIES: Final = (
    "SELECT e.key FROM series e WHERE NOT EXISTS (SELECT 1 FROM "
    "(SELECT count(*) AS instances, coalesce(sum(v.size_bytes), 0) AS size FROM instance i "
    "LEFT JOIN instance_version v ON v.version = i.version WHERE i.series_key = e.key) AS found "
    "WHERE (found.instances, found.size) = (e.number_of_instances, e.size_bytes)) "
    "OR NOT EXISTS (SELECT 1 FROM instance i WHERE i.key = e.newest_instance_key "
    "AND i.series_key = e.key) "
    "OR e.newest_version < (SELECT max(i.version) FROM instance i WHERE i.series_key = e.key)"
)
WRONG_STUDIES: Final = (
    "SELECT s.key FROM study s WHERE NOT EXISTS (SELECT 1 FROM "
    "(SELECT count(*) AS series, coalesce(sum(e.number_of_instances), 0) AS instances, "
    "coalesce(sum(e.size_bytes), 0) AS size FROM series e WHERE e.study_key = s.key) AS found "
    "WHERE (found.series, found.instances, found.size) = "
    "(s.number_of_series, s.number_of_instances, s.size_bytes)) "
    "OR NOT EXISTS (SELECT 1 FROM instance i WHERE i.key = s.newest_instance_key "
    "AND i.study_key = s.key) "
    "OR s.newest_version < (SELECT max(i.version) FROM instance i WHERE i.study_key = s.key)"
)
WRONG_MODALITIES: Final = (
    "SELECT s.key FROM study s WHERE s.modalities <> coalesce((SELECT {joined} FROM "
    "(SELECT DISTINCT e.shown_modality AS shown FROM series e WHERE e.study_key = s.key "
    "AND e.shown_modality IS NOT NULL ORDER BY 1) AS listed), '') "
    'OR EXISTS (SELECT e."Modality" FROM series e WHERE e.study_key = s.key '
    'AND e."Modality" IS NOT NULL EXCEPT SELECT m.modality FROM study_modality m '
    "WHERE m.study_key = s.key) "
    "OR EXISTS (SELECT m.modality FROM study_modality m WHERE m.study_key = s.key "
    'EXCEPT SELECT e."Modality" FROM series e WHERE e.study_key = s.key)'
)
WRONG_PARTITIONS: Final = (
    "SELECT p.key FROM partition p WHERE NOT EXISTS (SELECT 1 FROM (SELECT count(*) AS studies, "
    "coalesce(sum(s.number_of_series), 0) AS series, "
    "coalesce(sum(s.number_of_instances), 0) AS instances, coalesce(sum(s.size_bytes), 0) AS size "
    "FROM study s WHERE s.partition_key = p.key) AS found "
    "WHERE (found.studies, found.series, found.instances, found.size) = "
    "(p.number_of_studies, p.number_of_series, p.number_of_instances, p.size_bytes))"
)
EMPTY_SERIES: Final = (
    "SELECT e.key FROM series e WHERE NOT EXISTS "
    "(SELECT 1 FROM instance i WHERE i.series_key = e.key)"
)
EMPTY_STUDIES: Final = (
    "SELECT s.key FROM study s WHERE NOT EXISTS "
    "(SELECT 1 FROM instance i WHERE i.study_key = s.key)"
)
UNUSED_PATIENTS: Final = (
    "SELECT p.key FROM patient p WHERE p.merged_into_key IS NULL "
    "AND NOT EXISTS (SELECT 1 FROM study s WHERE s.patient_key = p.key) "
    "AND NOT EXISTS (SELECT 1 FROM patient o WHERE o.merged_into_key = p.key)"
)
ORPHANED_ITEMS: Final = (
    "SELECT q.key FROM sequence_item q WHERE CASE q.level "
    "WHEN 1 THEN NOT EXISTS (SELECT 1 FROM study s WHERE s.key = q.owner_key) "
    "WHEN 2 THEN NOT EXISTS (SELECT 1 FROM series e WHERE e.key = q.owner_key) "
    "ELSE NOT EXISTS (SELECT 1 FROM instance i WHERE i.key = q.owner_key) END"
)
ORPHANED_VERSIONS: Final = (
    "SELECT v.version FROM instance_version v WHERE NOT EXISTS "
    "(SELECT 1 FROM instance i WHERE i.key = v.instance_key)"
)
ORPHANED_DESCRIPTIONS: Final = (
    "SELECT d.instance_key FROM description d WHERE NOT EXISTS "
    "(SELECT 1 FROM instance i WHERE i.key = d.instance_key)"
)
ORPHANED_ORIGINALS: Final = (
    "SELECT o.instance_key FROM original o WHERE NOT EXISTS (SELECT 1 FROM instance i "
    "CROSS JOIN instance_version v ON v.instance_key = i.key "
    "WHERE i.key = o.instance_key AND v.version = o.version AND i.version <> o.version)"
)
ORPHANED_VALUES: Final = {
    table.name: (
        f"SELECT x.owner_key AS which, x.tag_key FROM {table.name} x "
        "LEFT JOIN extended_tag t ON t.key = x.tag_key WHERE t.status IS NULL OR "
        "(t.status <> 'deleting' AND CASE t.level "
        "WHEN 1 THEN NOT EXISTS (SELECT 1 FROM study s WHERE s.key = x.owner_key) "
        "WHEN 2 THEN NOT EXISTS (SELECT 1 FROM series e WHERE e.key = x.owner_key) "
        "ELSE NOT EXISTS (SELECT 1 FROM instance i WHERE i.key = x.owner_key) END)"
    )
    for table in VALUE_TABLES.values()
}
"""By table: queries for owner and tag."""
ORPHANED_ERRORS: Final = (
    "SELECT x.instance_key AS which, x.tag_key FROM extended_error x WHERE NOT EXISTS "
    "(SELECT 1 FROM instance i WHERE i.key = x.instance_key) OR NOT EXISTS "
    "(SELECT 1 FROM extended_tag t WHERE t.key = x.tag_key)"
)
WRONG_ERRORS: Final = (
    "SELECT t.key FROM extended_tag t WHERE t.status <> 'deleting' AND t.errors <> "
    "(SELECT count(*) FROM extended_error x WHERE x.tag_key = t.key)"
)
LOW_COUNTERS: Final = (
    "SELECT c.name FROM ({numbers}) AS c WHERE c.value < CASE c.name "
    "WHEN 'version' THEN (SELECT coalesce(max(version), 0) FROM instance_version) "
    "WHEN 'study' THEN (SELECT coalesce(max(key), 0) FROM study) "
    "WHEN 'series' THEN (SELECT coalesce(max(key), 0) FROM series) "
    "WHEN 'instance' THEN (SELECT coalesce(max(key), 0) FROM instance) ELSE c.value END"
)
_MISSING_DESCRIPTION: Final = (
    "SELECT i.key FROM instance i WHERE NOT EXISTS "
    "(SELECT 1 FROM description d WHERE d.instance_key = i.key)"
)
_MISSING_VERSION: Final = (
    "SELECT i.key FROM instance i WHERE NOT EXISTS (SELECT 1 FROM instance_version v "
    "WHERE v.version = i.version AND v.instance_key = i.key)"
)
_MISSING_FEED: Final = (
    "SELECT version FROM instance EXCEPT "
    "SELECT version FROM feed WHERE kind IN ('created', 'updated')"
)
_REPEATED_FEED: Final = (
    "SELECT version FROM feed WHERE kind IN ('created', 'updated') "
    "GROUP BY version HAVING count(*) > 1"
)


@dataclass(frozen=True, slots=True)
class _Check:
    kind: ProblemKind
    sql: str
    """A query for what is wrong; its one column says which."""
    text: str


def _first_of(sql: str) -> str:
    """The first column of a query for two."""
    return f"SELECT found.which FROM ({sql}) AS found"


_CHECKS: Final = (
    _Check(ProblemKind.WRONG_AGGREGATE, WRONG_SERIES, "series {} disagrees with its instances"),
    _Check(ProblemKind.WRONG_AGGREGATE, WRONG_STUDIES, "study {} disagrees with its series"),
    _Check(
        ProblemKind.WRONG_AGGREGATE,
        WRONG_MODALITIES,
        "study {} has other modalities than its series",
    ),
    _Check(ProblemKind.WRONG_AGGREGATE, WRONG_PARTITIONS, "partition {} has wrong counts"),
    _Check(ProblemKind.WRONG_AGGREGATE, LOW_COUNTERS, "counter {} is below what was given out"),
    _Check(ProblemKind.EMPTY_PARENT, EMPTY_SERIES, "series {} has no instances"),
    _Check(ProblemKind.EMPTY_PARENT, EMPTY_STUDIES, "study {} has no instances"),
    _Check(ProblemKind.ORPHANED_ROW, UNUSED_PATIENTS, "patient {} has no study"),
    _Check(ProblemKind.ORPHANED_ROW, ORPHANED_ITEMS, "sequence item {} has no owner"),
    _Check(ProblemKind.ORPHANED_ROW, ORPHANED_VERSIONS, "version {} has no instance"),
    _Check(ProblemKind.ORPHANED_ROW, ORPHANED_DESCRIPTIONS, "description {} has no instance"),
    _Check(ProblemKind.ORPHANED_ROW, ORPHANED_ORIGINALS, "original of {} has no version"),
    *(
        _Check(ProblemKind.ORPHANED_ROW, _first_of(sql), f"a value in {table} has no owner: {{}}")
        for table, sql in ORPHANED_VALUES.items()
    ),
    _Check(ProblemKind.ORPHANED_ROW, _first_of(ORPHANED_ERRORS), "error of {} has no instance"),
    _Check(ProblemKind.WRONG_AGGREGATE, WRONG_ERRORS, "extended tag {} has a wrong error count"),
    _Check(ProblemKind.MISSING_DESCRIPTION, _MISSING_DESCRIPTION, "instance {} has no description"),
    _Check(ProblemKind.MISSING_VERSION, _MISSING_VERSION, "instance {} has no row of its version"),
    _Check(ProblemKind.MISSING_FEED_ENTRY, _MISSING_FEED, "version {} was never announced"),
    _Check(ProblemKind.REPEATED_FEED_ENTRY, _REPEATED_FEED, "version {} was announced twice"),
)


def find_problems(connection: Connection, dialect: Dialect) -> list[IndexProblem]:
    """Run all checks in one transaction, so that what is committed meanwhile does not show."""
    connection.execute(dialect.begin_reading)
    dialect.expect_walks(connection)
    try:
        damage = [
            IndexProblem(ProblemKind.DAMAGED_FILE, text) for text in dialect.damage(connection)
        ]
        return damage or list(_compare(connection, dialect))
    finally:
        connection.rollback()


def _compare(connection: Connection, dialect: Dialect) -> Iterator[IndexProblem]:
    for check in _CHECKS:
        sql = _of_dialect(check.sql, dialect)
        rows, example = connection.execute(
            f"WITH wrong (which) AS ({sql}) SELECT count(*), min(which) FROM wrong"
        ).fetchone()
        if rows:
            yield IndexProblem(check.kind, check.text.format(example), rows)
    names = dialect.wrong_names(connection)
    if names:
        yield IndexProblem(ProblemKind.WRONG_NAMES, "names of studies are indexed wrongly", names)


def _of_dialect(sql: str, dialect: Dialect) -> str:
    if sql is WRONG_MODALITIES:
        return wrong_modalities(dialect)
    return low_counters(dialect) if sql is LOW_COUNTERS else sql


def low_counters(dialect: Dialect) -> str:
    """A query for the names of what gave out numbers it does not know of."""
    return LOW_COUNTERS.format(numbers=dialect.numbers)


def wrong_modalities(dialect: Dialect) -> str:
    """A query for the studies whose modalities are not those of their series."""
    return WRONG_MODALITIES.format(joined=dialect.joined("listed.shown"))
