"""Whether a condition of the standard is met (PS3.3 types 1C and 2C)."""

from typing import Any, Final

from hilum.validation.levels import Level

Expression = list[Any]
"""[operator, tag, index, values], or [and|or, expressions]; tools/iod_tables.py makes them. An
index of -1 stands for any value."""

_ANY_VALUE: Final = -1
_PRESENCE: Final = frozenset({"+", "-", "++"})


def is_met(expression: Expression, level: Level, local: frozenset[str]) -> bool:
    """Whether the attributes around `level` meet `expression`.

    `local` are the tags of the level's own table, which are looked for in this level alone. All
    others may stand in any level around it.
    """
    operator = expression[0]
    if operator == "and":
        return all(is_met(part, level, local) for part in expression[1])
    if operator == "or":
        return any(is_met(part, level, local) for part in expression[1])
    tag = expression[1]
    place = level if tag in local else level.around(tag)
    if operator in _PRESENCE:
        return _is_there(operator, tag, place)
    values, index = place.values(tag), expression[2]
    compared = values if index == _ANY_VALUE else values[index : index + 1]
    return any(
        value is not None and _compares(operator, value, expression[3]) for value in compared
    )


def _is_there(operator: str, tag: str, level: Level) -> bool:
    if operator == "++":
        return level.has_value(tag)
    return (tag in level.elements) == (operator == "+")


def _compares(operator: str, value: Any, wanted: list[Any]) -> bool:  # noqa: ANN401 - JSON value
    if operator == "!0":
        return value not in {0, "0", ""}
    if operator in {"=", "!="}:
        is_one = any(_same(value, each) for each in wanted)
        return is_one != (operator == "!=")
    try:
        difference = float(value) - float(wanted[0])
    except (TypeError, ValueError):
        return False
    return difference > 0 if operator == ">" else difference < 0


def _same(value: Any, wanted: str | int) -> bool:  # noqa: ANN401 - JSON value
    if isinstance(value, int | float):
        try:
            return float(wanted) == value
        except ValueError:
            return False
    return str(value).strip() == str(wanted).strip()
