"""Extended query tags in a query string: by which can be matched, and with what."""

import math
from dataclasses import dataclass
from typing import Final

from hilum.dicom.attributes import Folding, folding_of
from hilum.domain.errors import InvalidQuery
from hilum.domain.extended_tags import ExtendedTag, TagStatus, ValueKind
from hilum.domain.queries import DateTimeBetween, Equals, ExtendedCondition
from hilum.wire.query_values import literal_match, standard_match

ERRONEOUS_HEADER: Final = "erroneous-dicom-attributes"
"""Names the attributes of a search by which some instances could not be indexed."""


@dataclass(frozen=True, slots=True)
class _Matched:
    vr: str
    folding: Folding


def demand_ready(name: str, tag: ExtendedTag) -> None:
    """Raise `InvalidQuery` unless queries by the tag are possible and allowed."""
    if tag.status is not TagStatus.READY:
        raise InvalidQuery(
            name,
            f"the extended query tag is not queryable, it is {tag.status.value}: the archive "
            "indexes what it holds, see its operation",
        )
    if not tag.query_enabled:
        raise InvalidQuery(
            name,
            "Query is disabled on this extended query tag: see its errors, and enable it "
            "again (PATCH) to search all the same",
        )


def extended_condition(
    name: str, value: str, tag: ExtendedTag, *, literal: bool, fuzzy: bool, maximum_list: int
) -> ExtendedCondition | None:
    """Read a value; None when any value matches. Raises `InvalidQuery`, never naming the value."""
    if tag.kind is ValueKind.REAL:
        equals = _number(name, value, literal=literal)
        return None if equals is None else _condition(name, tag, equals)
    folding = folding_of(tag.vr)
    if literal:
        match = literal_match(name, value, folding, fuzzy=fuzzy)
    else:
        matched = _Matched(tag.vr, folding)
        read = standard_match(name, value, matched, fuzzy=fuzzy, maximum_list=maximum_list)
        if read is None:
            return None
        match = read
    if isinstance(match, DateTimeBetween):
        raise InvalidQuery(name, "it cannot be matched together with a time")
    return ExtendedCondition(name, tag.key, tag.level, tag.kind, match)


def _condition(name: str, tag: ExtendedTag, match: Equals) -> ExtendedCondition:
    return ExtendedCondition(name, tag.key, tag.level, tag.kind, match)


def _number(name: str, text: str, *, literal: bool) -> Equals | None:
    text = text.strip()
    if not text and not literal:
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or "_" in text:
        raise InvalidQuery(name, "it is not a number")
    return Equals(number)
