"""One query language for QIDO-RS, C-FIND and federation: conditions as data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hilum.domain.extended_tags import ValueKind
from hilum.domain.identifiers import (
    DEFAULT_PARTITION,
    PartitionKey,
    SeriesInstanceUID,
    StudyInstanceUID,
)
from hilum.domain.levels import Level


@dataclass(frozen=True, slots=True)
class Equals:
    """Single value matching (PS3.4 section C.2.2.2.1); `value` is folded as the column is."""

    value: str | int | float


@dataclass(frozen=True, slots=True)
class Like:
    """Wild card matching (PS3.4 section C.2.2.2.4): `*` any run, `?` one character; folded."""

    pattern: str


@dataclass(frozen=True, slots=True)
class OneOf:
    """List of UID matching (PS3.4 section C.2.2.2.2), and several values of one attribute."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Between:
    """Range matching (PS3.4 section C.2.2.2.5), both ends inclusive, None is open.

    Ends are normalised so that comparing text compares time: `YYYYMMDD`, `HHMMSS.FFFFFF`.
    """

    low: str | None
    high: str | None


@dataclass(frozen=True, slots=True)
class DateTimeBetween:
    """Combined date and time range (PS3.4 section C.2.2.2.5.3): `YYYYMMDDHHMMSS.FFFFFF` ends."""

    time_keyword: str
    low: str | None
    high: str | None


@dataclass(frozen=True, slots=True)
class Words:
    """Fuzzy matching of a name: each word is a prefix of consecutive words of the name, folded."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Empty:
    """The attribute is there without a value, or not there (asked for as two quotation marks)."""


Match = Equals | Like | OneOf | Between | DateTimeBetween | Words | Empty


@dataclass(frozen=True, slots=True)
class Condition:
    """One attribute to match, at the level where the archive indexes it."""

    keyword: str
    level: Level
    match: Match


@dataclass(frozen=True, slots=True)
class ItemCondition:
    """Sequence matching (PS3.4 section C.2.2.2.6): all keys must match within one item."""

    sequence: str
    level: Level
    keys: tuple[tuple[str, Equals | Like | OneOf | Between], ...]
    """Pairs of `SequenceItemValue.path` and match."""


@dataclass(frozen=True, slots=True)
class ExtendedCondition:
    """A match on what instances say in an extended query tag."""

    name: str
    """As the caller wrote it."""
    tag_key: int
    level: Level
    kind: ValueKind
    match: Equals | Like | OneOf | Between | Words | Empty


AnyCondition = Condition | ItemCondition | ExtendedCondition


@dataclass(frozen=True, slots=True)
class Query:
    """A search at one level, inside a study or series when those are set."""

    level: Level
    conditions: Sequence[AnyCondition] = ()
    study: StudyInstanceUID | None = None
    series: SeriesInstanceUID | None = None
    partition: PartitionKey = DEFAULT_PARTITION
    limit: int = 100
    offset: int = 0


@dataclass(frozen=True, slots=True)
class SearchRow:
    """One match. The JSON objects hold what `LevelDescription.attributes` holds, by level.

    Study and series objects are those of the newest instance that had each attribute.
    """

    study: bytes
    series: bytes | None
    instance: bytes | None
    computed: Mapping[str, Any]
    """`ModalitiesInStudy` (list), `NumberOfStudyRelatedSeries`, `NumberOfStudyRelatedInstances`,
    `NumberOfSeriesRelatedInstances`, as far as the level knows them."""
    newest: int
    """Row key of the newest instance: whose metadata answers for attributes not in the index."""


@dataclass(frozen=True, slots=True)
class SearchPage:
    """Rows newest first, and whether more would have followed."""

    rows: Sequence[SearchRow]
    more: bool
