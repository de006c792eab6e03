"""Conditions of a query as SQL: what each kind of match means for a column.

Columns hold folded values; an empty value is NULL. Aliases: `s` study, `e` series, `i` instance.
"""

from collections.abc import Sequence
from typing import Final

from hilum.adapters.database.connections import Dialect, Sql
from hilum.adapters.database.extended_tables import VALUE_TABLES
from hilum.adapters.database.questions import MODALITIES_IN_STUDY
from hilum.adapters.database.statements import marks
from hilum.adapters.database.tables import INTEGER_KEYWORDS
from hilum.domain.extended_tags import ValueKind
from hilum.domain.levels import Level
from hilum.domain.queries import (
    AnyCondition,
    Between,
    Condition,
    DateTimeBetween,
    Empty,
    Equals,
    ExtendedCondition,
    ItemCondition,
    Like,
    Match,
    OneOf,
    Words,
)

ALIASES: Final = {Level.STUDY: "s", Level.SERIES: "e", Level.INSTANCE: "i"}
TRUE: Final[Sql] = ("TRUE", ())
FALSE: Final[Sql] = ("FALSE", ())
_DATE_LENGTH: Final = 8


def condition_sql(dialect: Dialect, condition: AnyCondition) -> Sql:
    """One condition on the row of its level."""
    if isinstance(condition, ItemCondition):
        return _items(dialect, condition)
    if isinstance(condition, ExtendedCondition):
        return _extended(dialect, condition)
    if condition.keyword == MODALITIES_IN_STUDY:
        return _modalities(dialect, condition.match)
    return _column(dialect, condition)


def _column(dialect: Dialect, condition: Condition) -> Sql:
    alias, match = ALIASES[condition.level], condition.match
    column = f'{alias}."{condition.keyword}"'
    if isinstance(match, DateTimeBetween):
        return _date_time(column, f'{alias}."{match.time_keyword}"', match)
    if condition.keyword in INTEGER_KEYWORDS:
        return _number(dialect, column, match)
    return match_sql(dialect, column, match)


def match_sql(dialect: Dialect, column: str, match: Match) -> Sql:
    """What a match on a text column means; `column` is SQL."""
    if isinstance(match, Equals):
        return f"{column} = ?", (str(match.value),)
    if isinstance(match, OneOf):
        return _one_of(column, match.values)
    if isinstance(match, Between):
        return between(column, match.low, match.high)
    if isinstance(match, Like):
        return like(dialect, column, match.pattern)
    if isinstance(match, Words):
        if not match.words:
            return TRUE
        return dialect.consecutive(column, match.words)
    if isinstance(match, Empty):
        return f"{column} IS NULL", ()
    message = f"{type(match).__name__} is no match for one column"
    raise TypeError(message)


def _number(dialect: Dialect, column: str, match: Match) -> Sql:
    """Numbers are equal when they are equal as numbers: `0003` is 3 (spec 4.3)."""
    if isinstance(match, Equals):
        number = _integer(match.value)
        return FALSE if number is None else (f"{column} = ?", (number,))
    if isinstance(match, OneOf):
        numbers = [number for number in map(_integer, match.values) if number is not None]
        return (f"{column} IN ({marks(len(numbers))})", tuple(numbers)) if numbers else FALSE
    return match_sql(dialect, f"CAST({column} AS TEXT)", match)


def _integer(value: str | int | float) -> int | None:
    try:
        number = int(value)
    except ValueError:
        return None
    return number if -(2**63) <= number < 2**63 else None


def _one_of(column: str, values: Sequence[str]) -> Sql:
    if not values:
        return FALSE
    return f"{column} IN ({marks(len(values))})", tuple(values)


def between(column: str, low: str | None, high: str | None) -> Sql:
    if low is None and high is None:
        return f"{column} IS NOT NULL", ()
    if low is None:
        return f"{column} <= ?", (high,)
    if high is None:
        return f"{column} >= ?", (low,)
    return f"{column} BETWEEN ? AND ?", (low, high)


def like(dialect: Dialect, column: str, pattern: str) -> Sql:
    """A pattern is a range of its prefix first, which an index can walk, then a pattern."""
    prefix = prefix_of(pattern)
    if prefix == pattern:
        return f"{column} = ?", (pattern,)
    if not pattern.strip("*"):
        return TRUE
    wanted, parameters = begins_with(column, prefix)
    if pattern == prefix + "*":
        return wanted, parameters
    sql, more = dialect.wildcard(column, pattern)
    return f"{wanted} AND {sql}", (*parameters, *more)


def prefix_of(pattern: str) -> str:
    """The characters before the first wild card."""
    ends = [at for at in (pattern.find("*"), pattern.find("?")) if at >= 0]
    return pattern[: min(ends)] if ends else pattern


def begins_with(column: str, prefix: str) -> Sql:
    if not prefix:
        return f"{column} IS NOT NULL", ()
    after = text_after(prefix)
    if after is None:
        return f"{column} >= ?", (prefix,)
    return f"{column} >= ? AND {column} < ?", (prefix, after)


def text_after(prefix: str) -> str | None:
    """The least text that sorts after all with this prefix (by code points); None when none is."""
    while prefix:
        last = ord(prefix[-1])
        if last < 0x10FFFF:
            following = 0xE000 if last == 0xD7FF else last + 1  # between lie no characters
            return prefix[:-1] + chr(following)
        prefix = prefix[:-1]
    return None


def _date_time(date: str, time: str, match: DateTimeBetween) -> Sql:
    """A date without a time may be any moment of its day."""
    days, parameters = between(date, *days_of(match))
    sql, values = [days], [*parameters]
    if match.low is not None:
        sql.append(f"{date} || coalesce({time}, '235959.999999') >= ?")
        values.append(match.low)
    if match.high is not None:
        sql.append(f"{date} || coalesce({time}, '000000.000000') <= ?")
        values.append(match.high)
    return " AND ".join(sql), tuple(values)


def days_of(match: DateTimeBetween) -> tuple[str | None, str | None]:
    """The days a date and time range touches."""
    low, high = match.low, match.high
    return low and low[:_DATE_LENGTH], high and high[:_DATE_LENGTH]


def _modalities(dialect: Dialect, match: Match) -> Sql:
    if isinstance(match, Empty):
        return "NOT EXISTS (SELECT 1 FROM study_modality m WHERE m.study_key = s.key)", ()
    sql, parameters = match_sql(dialect, "m.modality", match)
    return (
        f"EXISTS (SELECT 1 FROM study_modality m WHERE m.study_key = s.key AND {sql})",
        parameters,
    )


def _items(dialect: Dialect, condition: ItemCondition) -> Sql:
    sql, parameters = item_sql(dialect, condition)
    owner = f"{ALIASES[condition.level]}.key"
    return f"EXISTS (SELECT 1 FROM sequence_item q0 WHERE q0.owner_key = {owner} AND {sql})", (
        parameters
    )


def item_sql(dialect: Dialect, condition: ItemCondition) -> Sql:
    """All keys within one item: that of the first, `q0`."""
    sql: list[str] = []
    values: list[object] = []
    for at, (path, match) in enumerate(condition.keys):
        wanted, parameters = match_sql(dialect, f'q{at}."value"', match)
        one = f"q{at}.level = {int(condition.level)} AND q{at}.path = ? AND {wanted}"
        if at:
            one = (
                f"EXISTS (SELECT 1 FROM sequence_item q{at} WHERE q{at}.owner_key = q0.owner_key "
                f"AND q{at}.item = q0.item AND {one})"
            )
        sql.append(one)
        values.extend((path, *parameters))
    return (" AND ".join(sql), tuple(values)) if sql else TRUE


def _extended(dialect: Dialect, condition: ExtendedCondition) -> Sql:
    table, owner = VALUE_TABLES[condition.kind].name, f"{ALIASES[condition.level]}.key"
    held = f"SELECT 1 FROM {table} x WHERE x.tag_key = ? AND x.owner_key = {owner}"
    if isinstance(condition.match, Empty):
        return f"NOT EXISTS ({held})", (condition.tag_key,)
    wanted, parameters = extended_sql(dialect, condition)
    return f"EXISTS ({held} AND {wanted})", (condition.tag_key, *parameters)


def extended_sql(dialect: Dialect, condition: ExtendedCondition) -> Sql:
    """What a match that is not for emptiness means for the value of a row `x`."""
    match = condition.match
    if condition.kind is not ValueKind.TEXT and isinstance(match, Equals):
        if isinstance(match.value, int) and not -(2**63) <= match.value < 2**63:
            return FALSE
        return "x.value = ?", (match.value,)
    return match_sql(dialect, "x.value", match)
