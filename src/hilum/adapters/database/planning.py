"""Choosing how to walk the tables for a search, so that each walk goes along an index.

A search wants the newest rows first, so every plan is one of two:

- *ordered*: walk an index whose order is that of the answer and stop when the page is full. Right
  when the index alone is narrow (a UID, a patient, the inside of a study) or when nearly every row
  matches (a listing).
- *narrow*: find what matches by an index in another order (a date range, a prefix of a name, words,
  an item), sort the keys, take the page. Right when few rows match.

A planner cannot tell which from the text of a range. So a `Lead` that is not narrow for certain is
probed first: does it have more than a few hundred rows? If so the newest rows are walked, some
thousands at most, and only when these do not fill the page all matches are sorted after all.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from hilum.adapters.database.conditions import (
    ALIASES,
    condition_sql,
    extended_sql,
    item_sql,
    match_sql,
    prefix_of,
)
from hilum.adapters.database.connections import Dialect, Source, Sql
from hilum.adapters.database.extended_tables import VALUE_TABLES
from hilum.adapters.database.questions import MODALITIES_IN_STUDY
from hilum.adapters.database.tables import NAMED
from hilum.domain.identifiers import PartitionKey
from hilum.domain.levels import Level
from hilum.domain.queries import (
    AnyCondition,
    Condition,
    Empty,
    Equals,
    ExtendedCondition,
    ItemCondition,
    Like,
    OneOf,
    Words,
)

TABLES: Final = {Level.STUDY: "study", Level.SERIES: "series", Level.INSTANCE: "instance"}
_UNIQUE: Final = {
    "StudyInstanceUID": "ix_study_StudyInstanceUID_partition_key",
    "SeriesInstanceUID": "ix_series_SeriesInstanceUID_study_key",
    "SOPInstanceUID": "ix_instance_SOPInstanceUID_series_key",
}
_IDENTIFIERS: Final = ("PatientID", "AccessionNumber", "StudyID")
_INDEXED: Final = {
    *_IDENTIFIERS,
    "PatientName",
    "PatientBirthDate",
    "StudyDate",
    "ReferringPhysicianName",
    "Modality",
    "PerformedProcedureStepStartDate",
}


IDENTIFYING: Final = 2
"""The largest rank whose matches are so few that they are walked without a look at others."""


@dataclass(frozen=True, slots=True)
class Lead:
    """A way into the tables that a condition offers: an index, or a query for keys."""

    rank: int
    """Smaller is narrower, as far as can be told without looking."""
    level: Level
    at: int
    """Which of the query's conditions it answers."""
    index: str
    """Index whose columns the condition is on; empty when there are `keys`."""
    keys: Sql
    """A query for the keys of the rows, otherwise for as many rows as match (to be probed)."""
    in_order: bool = False
    """Whether its rows can be walked in the order of their keys."""
    source: Source | None = None
    """What is walked then, instead of an index."""
    unique: bool = False
    """Whether the index is that of a UID, so that very few rows can match."""
    replaces: bool = False
    """Whether `keys` are exactly the rows of the condition, which need not be asked again."""


def leads(
    dialect: Dialect,
    conditions: Sequence[AnyCondition],
    partition: PartitionKey,
) -> list[Lead]:
    """All ways in that the conditions offer, the most promising first."""
    found: list[Lead] = []
    for at, condition in enumerate(conditions):
        if isinstance(condition, ItemCondition):
            found.append(_item_lead(dialect, at, condition, partition))
        elif isinstance(condition, ExtendedCondition):
            found.extend(_extended_lead(dialect, at, condition, partition))
        elif condition.keyword == MODALITIES_IN_STUDY:
            found.extend(_modality_lead(dialect, at, condition, partition))
        elif condition.keyword in _UNIQUE:
            found.extend(_uid_lead(at, condition))
        elif isinstance(condition.match, Words):
            found.extend(_words_lead(dialect, at, condition))
        elif condition.keyword in _INDEXED:
            found.extend(_column_lead(dialect, at, condition, partition))
    found.sort(key=lambda lead: lead.rank)
    return found


def _uid_lead(at: int, condition: Condition) -> Iterator[Lead]:
    match = condition.match
    if isinstance(match, Equals | OneOf):
        rank = 0 if isinstance(match, Equals) else 1
        index = _UNIQUE[condition.keyword]
        yield Lead(rank, condition.level, at, index, ("", ()), unique=True)


def _words_lead(dialect: Dialect, at: int, condition: Condition) -> Iterator[Lead]:
    match = condition.match
    if isinstance(match, Words) and match.words and condition.keyword in NAMED:
        source = dialect.with_words(condition.keyword, match.words)
        yield Lead(5, condition.level, at, "", source.keys, in_order=True, source=source)


def _column_lead(
    dialect: Dialect, at: int, condition: Condition, partition: PartitionKey
) -> Iterator[Lead]:
    keyword, level, match = condition.keyword, condition.level, condition.match
    if isinstance(match, Like) and not prefix_of(match.pattern):
        return
    index = f"ix_{TABLES[level]}_partition_key_{keyword}_key"
    alias = ALIASES[level]
    wanted, parameters = condition_sql(dialect, condition)
    sql = (
        f"SELECT 1 FROM {TABLES[level]} {alias}{dialect.using(index)} "
        f"WHERE {alias}.partition_key = ? AND {wanted}"
    )
    in_order = isinstance(match, Equals | Empty)
    rank = 4
    if keyword == "Modality" or isinstance(match, Empty):
        rank = 6
    elif in_order:
        rank = 2 if keyword in _IDENTIFIERS else 3
    yield Lead(rank, level, at, index, (sql, (partition, *parameters)), in_order=in_order)


def _modality_lead(
    dialect: Dialect, at: int, condition: Condition, partition: PartitionKey
) -> Iterator[Lead]:
    if isinstance(condition.match, Empty):
        return
    wanted, parameters = match_sql(dialect, "m.modality", condition.match)
    source = Source(
        "study_modality m",
        "m.study_key",
        f"m.partition_key = ? AND {wanted}",
        (partition, *parameters),
    )
    yield Lead(
        6,
        Level.STUDY,
        at,
        "",
        source.keys,
        in_order=isinstance(condition.match, Equals),
        source=source,
        replaces=True,
    )


def _item_lead(
    dialect: Dialect, at: int, condition: ItemCondition, partition: PartitionKey
) -> Lead:
    wanted, parameters = item_sql(dialect, condition)
    sql = f"SELECT q0.owner_key FROM sequence_item q0 WHERE q0.partition_key = ? AND {wanted}"
    return Lead(3, condition.level, at, "", (sql, (partition, *parameters)), replaces=True)


def _extended_lead(
    dialect: Dialect, at: int, condition: ExtendedCondition, partition: PartitionKey
) -> Iterator[Lead]:
    """Values of one tag and partition lie together; of equal ones their owners lie in order."""
    if isinstance(condition.match, Empty):
        return
    table = VALUE_TABLES[condition.kind].name
    wanted, parameters = extended_sql(dialect, condition)
    using = dialect.using(f"ix_{table}_tag_key_partition_key_value_owner_key")
    source = Source(
        f"{table} x{using}",
        "x.owner_key",
        f"x.tag_key = ? AND x.partition_key = ? AND {wanted}",
        (condition.tag_key, partition, *parameters),
    )
    exact = isinstance(condition.match, Equals)
    yield Lead(
        3 if exact else 4,
        condition.level,
        at,
        "",
        source.keys,
        in_order=exact and condition.level is Level.STUDY,
        source=source,
        replaces=True,
    )
