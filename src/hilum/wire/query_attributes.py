"""Attributes of a query string: which can be matched on here, and with what."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Final

from pydicom.datadict import tag_for_keyword

from hilum.dicom.attributes import INDEXED_ITEMS, IndexedAttribute, IndexedItem, tag_of
from hilum.domain.errors import InvalidQuery
from hilum.domain.extended_tags import ExtendedTag
from hilum.domain.levels import Level
from hilum.domain.queries import (
    AnyCondition,
    Between,
    Condition,
    DateTimeBetween,
    Equals,
    ExtendedCondition,
    ItemCondition,
    Like,
    Match,
    OneOf,
)
from hilum.wire.extended_query import demand_ready, extended_condition
from hilum.wire.query_values import literal_match, standard_match
from hilum.wire.search_rules import SEARCHABLE, SearchRules

_HEXADECIMAL: Final = re.compile(r"[0-9A-Fa-f]{8}", re.ASCII)

_LONGEST_NAME: Final = 64
_REPEATABLE: Final = re.compile(r"[A-Za-z0-9.]{1,64}", re.ASCII)
NO_ATTRIBUTE: Final = "no attribute has this keyword, nor is it a tag of 8 hexadecimal digits"

# PS3.4 section C.2.2.2.5.3: two ranges on such a pair mean one span of time.
_PAIRED_TIMES: Final = {
    f"{prefix}Date": f"{prefix}Time"
    for prefix in ("Study", "Series", "Content", "Acquisition", "PerformedProcedureStepStart")
}
_ITEMS: Final = {(tag_of(item.sequence), tag_of(item.keyword)): item for item in INDEXED_ITEMS}


@dataclass(slots=True)
class Reading:
    """What was read so far of the attributes of one query string."""

    rules: SearchRules
    level: Level
    path_level: Level | None
    fuzzy: bool
    conditions: dict[str, Condition] = field(default_factory=dict)
    items: dict[str, list[tuple[IndexedItem, Equals | Like | OneOf | Between]]] = field(
        default_factory=dict
    )
    tags: set[str] = field(default_factory=set)
    """Attributes to return because they were named, as DICOM JSON keys."""
    seen: set[str] = field(default_factory=set)
    extended: Mapping[str, ExtendedTag] = field(default_factory=dict)
    """What an operator has indexed besides, by DICOM JSON key."""
    extended_conditions: list[ExtendedCondition] = field(default_factory=list)
    extended_named: list[tuple[str, ExtendedTag]] = field(default_factory=list)
    """Those that were matched on, and how they were written."""


def read_attribute(reading: Reading, name: str, value: str) -> None:
    if "." in name and not reading.rules.literal:
        _read_item(reading, name, value)
        return
    tag = _demand_tag(reading, name, name)
    key = f"{tag:08X}"
    if key in reading.seen:
        raise InvalidQuery(printable(name), "the attribute is given more than once")
    reading.seen.add(key)
    attribute = reading.rules.searchable.get(tag)
    if attribute is None and key in reading.extended:
        _read_extended(reading, name, value, reading.extended[key])
        return
    if attribute is None or not _allowed(reading, attribute.level):
        if attribute is None and not reading.rules.literal and not value.strip():
            reading.tags.add(key)  # universal matching: wanted back, whatever its value
            return
        raise InvalidQuery(printable(name), _not_searchable(reading, attribute))
    reading.tags.add(key)
    label = attribute.keyword
    if reading.rules.literal:
        match = literal_match(label, value, attribute.folding, fuzzy=reading.fuzzy)
    else:
        maximum = reading.rules.maximum_list_values
        read = standard_match(label, value, attribute, fuzzy=reading.fuzzy, maximum_list=maximum)
        if read is None:
            return
        match = read
    reading.conditions[label] = Condition(label, attribute.level, match)


def _read_extended(reading: Reading, name: str, value: str, tag: ExtendedTag) -> None:
    if not _allowed(reading, tag.level):
        level = tag.level.name.lower()
        raise InvalidQuery(
            name, f"it is an extended query tag of the {level} level, not to be searched for here"
        )
    demand_ready(name, tag)
    reading.tags.add(tag.path)
    reading.extended_named.append((name, tag))
    condition = extended_condition(
        name,
        value,
        tag,
        literal=reading.rules.literal,
        fuzzy=reading.fuzzy,
        maximum_list=reading.rules.maximum_list_values,
    )
    if condition is not None:
        reading.extended_conditions.append(condition)


def _read_item(reading: Reading, name: str, value: str) -> None:
    """Read `Sequence.Attribute=value` (PS3.18 section 8.3.4.1)."""
    path = tuple(_demand_tag(reading, part, name) for part in name.split("."))
    key = "".join(f"{tag:08X}" for tag in path)
    if key in reading.seen:
        raise InvalidQuery(printable(name), "the attribute is given more than once")
    reading.seen.add(key)
    reading.tags.add(f"{path[0]:08X}")
    item = _ITEMS.get((path[0], path[1])) if len(path) == 2 else None
    if item is None or not _allowed(reading, item.level):
        if item is None and not value.strip():
            return
        raise InvalidQuery(printable(name), _not_searchable(reading, item))
    label = f"{item.sequence}.{item.keyword}"
    maximum = reading.rules.maximum_list_values
    match = standard_match(label, value, item, fuzzy=False, maximum_list=maximum)
    if match is None:
        return
    if not isinstance(match, (Equals, Like, OneOf, Between)):
        raise InvalidQuery(label, "empty values cannot be matched inside a sequence")
    reading.items.setdefault(item.sequence, []).append((item, match))


@lru_cache(maxsize=1024)
def _known_tag(name: str) -> int | None:
    tag = tag_for_keyword(name)
    return None if tag is None else int(tag)


def find_tag(name: str) -> int | None:
    """Tag of a keyword of PS3.6 or of 8 hexadecimal digits; None when it is neither."""
    if _HEXADECIMAL.fullmatch(name) is not None:
        return int(name, 16)
    return _known_tag(name) if len(name) <= _LONGEST_NAME else None


def _demand_tag(reading: Reading, part: str, name: str) -> int:
    tag = find_tag(part)
    if tag is None:
        raise InvalidQuery(printable(name), f"{NO_ATTRIBUTE}; {_offer(reading)}")
    return tag


def _allowed(reading: Reading, level: Level) -> bool:
    if level > reading.level:
        return False
    in_path = reading.path_level is not None and level <= reading.path_level
    return reading.rules.path_levels or not in_path


def _not_searchable(reading: Reading, attribute: IndexedAttribute | IndexedItem | None) -> str:
    why = "it cannot be searched for"
    if attribute is not None:
        why = f"it is an attribute of the {attribute.level.name.lower()} level"
    return f"{why}; {_offer(reading)}"


def _offer(reading: Reading) -> str:
    offered = [
        candidate.keyword
        for candidate in reading.rules.searchable.values()
        if _allowed(reading, candidate.level)
    ]
    offered += [path for path, tag in reading.extended.items() if _allowed(reading, tag.level)]
    if not reading.rules.literal:
        offered += [
            f"{item.sequence}.{item.keyword}"
            for item in INDEXED_ITEMS
            if _allowed(reading, item.level)
        ]
    return f"here can be searched for {', '.join(offered)}"


def conditions_of(reading: Reading) -> list[AnyCondition]:
    conditions = reading.conditions
    if not reading.rules.literal:
        for date_keyword, time_keyword in _PAIRED_TIMES.items():
            _combine(conditions, date_keyword, time_keyword)
    extended = reading.extended_conditions
    for condition in conditions.values():
        _demand_order(condition.keyword, condition.match)
    for each in extended:
        _demand_order(each.name, each.match)
    keys = sum(len(keys) for keys in reading.items.values()) + len(extended)
    if len(conditions) + keys > reading.rules.maximum_conditions:
        allowed = reading.rules.maximum_conditions
        raise InvalidQuery("", f"at most {allowed} attributes are matched at once")
    items = [
        ItemCondition(sequence, keys[0][0].level, tuple((item.path, match) for item, match in keys))
        for sequence, keys in reading.items.items()
    ]
    return [*conditions.values(), *items, *extended]


def _combine(conditions: dict[str, Condition], date_keyword: str, time_keyword: str) -> None:
    dates, times = conditions.get(date_keyword), conditions.get(time_keyword)
    if dates is None or times is None:
        return
    if not (isinstance(dates.match, Between) and isinstance(times.match, Between)):
        return
    low = high = None
    if dates.match.low is not None:
        low = dates.match.low + (times.match.low or "000000.000000")
    if dates.match.high is not None:
        high = dates.match.high + (times.match.high or "235960.999999")
    conditions[date_keyword] = Condition(
        date_keyword, dates.level, DateTimeBetween(time_keyword, low, high)
    )
    del conditions[time_keyword]


def _demand_order(name: str, match: Match) -> None:
    if not isinstance(match, (Between, DateTimeBetween)):
        return
    if match.low is not None and match.high is not None and match.low > match.high:
        raise InvalidQuery(name, "the range ends before it begins")


def means_attribute(name: str) -> bool:
    """Tell an attribute, even a misspelt one, from what clients add for others.

    Keywords of PS3.6 begin with a capital; `accept`, `callback`, `_` and the like do not, and
    must not fail a search (PS3.18 section 8.3.1: unsupported parameters are ignored). A keyword
    in another case is no such parameter: ignoring `patientid=` would answer with every patient.
    """
    return (
        name[:1].isupper()
        or name[:1].isdigit()
        or _HEXADECIMAL.fullmatch(name) is not None
        or name.lower() in _lower_case_keywords()
    )


@cache
def _lower_case_keywords() -> frozenset[str]:
    return frozenset(attribute.keyword.lower() for attribute in SEARCHABLE)


def printable(name: str) -> str:
    """A parameter's name as it may be repeated in an error.

    Only what can be the name of an attribute is: a value put in its place by mistake may name a
    patient.
    """
    return name if _REPEATABLE.fullmatch(name) else "(not the name of an attribute)"
