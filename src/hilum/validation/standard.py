"""The tables of PS3.3 in iods.json, which tools/iod_tables.py makes, ready to be asked."""

from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Any, Final, NamedTuple

import orjson

from hilum.validation.conditions import Expression


class Condition(NamedTuple):
    """When an attribute or module is required."""

    kind: str
    """R: required when met. X: and forbidden when not. N: forbidden when met. U: not to be judged
    by a program. P: cannot be ruled out when met, so that the attribute may be wanting."""
    expression: Expression | None
    sentence: str


class Terms(NamedTuple):
    """Values that an attribute may have."""

    is_enumerated: bool
    value: int
    """From 1; 0 for every value."""
    condition: Expression | None
    terms: frozenset[str | int]


class Rule(NamedTuple):
    """What one table says of one attribute."""

    tag: str
    type: str
    """1, 1C, 2, 2C or 3 (PS3.5 7.4)."""
    condition: Condition | None
    terms: tuple[Terms, ...]
    items: "Table | None"
    fewest: int
    most: int
    """Items; 0 for no bound."""
    table: "Table"


class Table:
    """Attributes of one level of a module or macro."""

    __slots__ = ("_node", "_rules", "_standard", "name", "section")

    def __init__(self, standard: "Standard", node: int, name: str, section: str) -> None:
        self._standard = standard
        self._node = node
        self._rules: tuple[Rule, ...] | None = None
        self.name = name
        self.section = section

    @property
    def tags(self) -> frozenset[str]:
        return frozenset(rule.tag for rule in self.rules)

    @property
    def rules(self) -> tuple[Rule, ...]:
        if self._rules is None:
            self._rules = tuple(self._rule(*row) for row in self._standard.raw["nodes"][self._node])
        return self._rules

    def _rule(
        self,
        tag: str,
        kind: str,
        condition: int,
        terms: list[int],
        items: int,
        fewest: int,
        most: int,
    ) -> Rule:
        standard = self._standard
        return Rule(
            tag,
            kind,
            standard.condition(condition),
            tuple(standard.terms(place) for place in terms),
            None if items < 0 else Table(standard, items, self.name, self.section),
            fewest,
            most,
            self,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Use:
    """A module or functional group in an IOD."""

    table: Table
    usage: str
    """M, C or U (PS3.3 A.1.3)."""
    condition: Condition | None


@dataclass(frozen=True, slots=True, eq=False)
class IOD:
    """An information object definition."""

    name: str
    modules: tuple[Use, ...]
    groups: tuple[Use, ...]
    """Functional group macros, of IODs that have functional groups."""


class Standard:
    """The tables; what is asked for first is made first."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self.raw = raw
        self._iods: dict[int, IOD] = {}
        self._conditions: dict[int, Condition] = {}
        self._terms: dict[int, Terms] = {}

    @property
    def source(self) -> str:
        return str(self.raw["source"])

    @cached_property
    def _tables(self) -> dict[str, list[Table]]:
        return {
            kind: [Table(self, node, name, section) for name, section, node in self.raw[kind]]
            for kind in ("modules", "macros")
        }

    def iod_of(self, sop_class_uid: str) -> IOD | None:
        """Return the IOD of a storage SOP class; None when the tables do not have it."""
        place = self.raw["sop_classes"].get(sop_class_uid)
        if place is None:
            return None
        if place not in self._iods:
            name, modules, groups = self.raw["iods"][place]
            self._iods[place] = IOD(
                name, self._uses("modules", modules), self._uses("macros", groups)
            )
        return self._iods[place]

    def _uses(self, kind: str, rows: list[list[Any]]) -> tuple[Use, ...]:
        tables = self._tables[kind]
        return tuple(
            Use(tables[place], usage, self.condition(condition)) for place, usage, condition in rows
        )

    def condition(self, place: int) -> Condition | None:
        if place < 0:
            return None
        if place not in self._conditions:
            self._conditions[place] = Condition(*self.raw["conditions"][place])
        return self._conditions[place]

    def terms(self, place: int) -> Terms:
        if place not in self._terms:
            kind, value, condition, terms = self.raw["terms"][place]
            self._terms[place] = Terms(kind == "E", value, condition, frozenset(terms))
        return self._terms[place]


_FILE: Final = "iods.json"


@cache
def standard() -> Standard:
    """Return the tables, read when first asked for: some milliseconds."""
    return Standard(orjson.loads(files("hilum.validation").joinpath(_FILE).read_bytes()))
