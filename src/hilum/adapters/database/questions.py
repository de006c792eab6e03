"""Which conditions the index can answer: known attributes, and bounds on what is asked at once.

Doors have bounds of their own; these keep the database within its limits whoever asks.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from hilum.adapters.database.tables import keywords_at
from hilum.domain.errors import InvalidQuery
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
    Words,
)

MODALITIES_IN_STUDY: Final = "ModalitiesInStudy"
_HELD: Final = {level: frozenset(keywords_at(level)) for level in Level}
_MOST_CONDITIONS: Final = 100
_MOST_VALUES: Final = 1000
_MOST_WORDS: Final = 32
_LONGEST_VALUE: Final = 4096


def check(conditions: Sequence[AnyCondition], level: Level) -> None:
    """Raise `InvalidQuery` for what rows of this level and those above cannot answer."""
    if len(conditions) > _MOST_CONDITIONS:
        name = _name(conditions[_MOST_CONDITIONS])
        raise InvalidQuery(name, f"it is one of more than {_MOST_CONDITIONS} conditions")
    values = 0
    for condition in conditions:
        _check_place(condition, level)
        for text in _texts(condition):
            values += 1
            _check_text(_name(condition), text)
        if values > _MOST_VALUES:
            raise InvalidQuery(_name(condition), f"more than {_MOST_VALUES} values are asked for")


def _name(condition: AnyCondition) -> str:
    if isinstance(condition, ExtendedCondition):
        return condition.name
    return condition.keyword if isinstance(condition, Condition) else condition.sequence


def _check_place(condition: AnyCondition, level: Level) -> None:
    name = _name(condition)
    if condition.level > level:
        raise InvalidQuery(name, f"it describes a deeper level than the {level.name.lower()}")
    if isinstance(condition, ItemCondition):
        return
    match = condition.match
    if isinstance(match, Words) and len(match.words) > _MOST_WORDS:
        raise InvalidQuery(name, f"more than {_MOST_WORDS} words are asked for")
    if isinstance(condition, ExtendedCondition) or name == MODALITIES_IN_STUDY:
        return
    held = _HELD[condition.level]
    keywords = [name]
    if isinstance(match, DateTimeBetween):
        keywords.append(match.time_keyword)
    for keyword in keywords:
        if keyword not in held:
            of = condition.level.name.lower()
            raise InvalidQuery(keyword, f"the {of} index does not hold it")


def _check_text(name: str, text: str) -> None:
    if len(text) > _LONGEST_VALUE:
        raise InvalidQuery(name, f"a value is longer than {_LONGEST_VALUE} characters")
    if "\0" in text:
        raise InvalidQuery(name, "a value has a NUL in it")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidQuery(name, "a value is no valid Unicode text") from None


def _texts(condition: AnyCondition) -> Iterator[str]:
    if isinstance(condition, Condition | ExtendedCondition):
        yield from _texts_of(condition.match)
        return
    for path, match in condition.keys:
        yield path
        yield from _texts_of(match)


def _texts_of(match: Match) -> Iterator[str]:
    if isinstance(match, Equals):
        yield str(match.value)
    elif isinstance(match, Like):
        yield match.pattern
    elif isinstance(match, OneOf):
        yield from match.values
    elif isinstance(match, Words):
        yield from match.words
    elif isinstance(match, Between | DateTimeBetween):
        yield from (end for end in (match.low, match.high) if end is not None)
