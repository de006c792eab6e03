"""Conditions of the standard in prose to expressions, by the grammar of `dicom-validator`."""

import json
import re
from typing import Any, Final

from dicom_validator.spec_reader.condition import (  # type: ignore[import-not-found]
    Condition,
    ConditionType,
)
from dicom_validator.spec_reader.condition_parser import (  # type: ignore[import-not-found]
    ConditionParser,
)

from tools.iods import by_hand

_OTHERWISE: Final = re.compile(r"present otherwise|not be present if|shall not", re.IGNORECASE)
_HALF_READ: Final = re.compile(r"\bor 1\.2\.840|non-zero value", re.IGNORECASE)
"""Sentences of which the grammar drops a part that matters."""
_ANY_VALUE: Final = re.compile(r"\ba value of\b")
_UIDS: Final = frozenset({"00080016", "00081150"})
_LOOSE: Final = re.compile(r"\bor\b|\be\.g\.|\bmay\b", re.IGNORECASE)
_WORDS: Final = {
    "=": "Value Type (0040,A040) is {0} or alike",
    "-": "the item is not a reference to another",
}
Expression = list[Any]
ANY_VALUE: Final = -1
"""As index of a value."""


class Conditions:
    """Remembers every condition once; conditions are told by their place in `rows`."""

    def __init__(self, dictionary: dict[str, dict[str, str]]) -> None:
        self._parser = ConditionParser(dictionary)
        self._known: dict[str, int] = {}
        self._parsed: dict[tuple[str, bool], list[Any]] = {}
        self.rows: list[list[Any]] = []
        """[kind, expression, sentence]: kind R requires when met, X forbids when not met too, N
        forbids when met, U says nothing a program could judge, P cannot be ruled out when met."""

    def place(self, tag: str, sentence: str, otherwise: str) -> int:
        """Return the place of a condition; `otherwise` is the whole description around it."""
        read = by_hand.read(tag, sentence)
        if read is not None:
            return self._place([*read, sentence])
        strict = bool(sentence) and not _OTHERWISE.search(otherwise)
        key = (sentence, strict)
        if key not in self._parsed:
            self._parsed[key] = self._row(sentence, is_strict=strict)
        return self._place(self._parsed[key])

    def both(self, expression: Expression, place: int) -> int:
        """Return the place of the condition that adds `expression` to the one at `place`."""
        kind, other, sentence = self.rows[place] if place >= 0 else ("R", None, "")
        if kind == "U":
            return place
        whole = expression if other is None else ["and", [expression, other]]
        words = f"Required if {_WORDS[expression[0]]}. {sentence}".format(*expression[3])
        return self._place(["R", whole, words.strip()])

    def _place(self, row: list[Any]) -> int:
        key = json.dumps(row)
        if key not in self._known:
            self._known[key] = len(self.rows)
            self.rows.append(row)
        return self._known[key]

    def expression(self, text: str) -> Expression | None:
        """Return the expression of `Required if <text>`; None where it is beyond the grammar."""
        condition = self._parser.parse(f"Required if {text}.")
        return None if condition.type == ConditionType.UserDefined else _expression(condition)

    def _row(self, sentence: str, *, is_strict: bool) -> list[Any]:
        condition = (
            self._parser.parse(sentence) if sentence else Condition(ConditionType.UserDefined)
        )
        expression = _expression(condition)
        if _HALF_READ.search(sentence) and "points to" not in sentence:
            expression = None
        elif expression is not None and _ANY_VALUE.search(sentence):
            expression = _of_any_value(expression)
        if expression is None or condition.type in {
            ConditionType.UserDefined,
            ConditionType.MandatoryPerFrame,
            ConditionType.UserDefinedPerFrame,
            ConditionType.MandatoryShared,
            ConditionType.UserDefinedShared,
        }:
            return ["U", None, sentence]
        if condition.type == ConditionType.NotAllowedOrUserDefined:
            return ["N", expression, sentence]
        if condition.other_condition is not None:
            return ["R", expression, sentence]
        forbids = condition.type == ConditionType.MandatoryOrNotAllowed or (
            is_strict and not _LOOSE.search(sentence)
        )
        return ["X" if forbids else "R", expression, sentence]


def _expression(condition: Condition) -> Expression | None:
    """Return [operator, tag, index, values], or [and|or, expressions]."""
    for word, parts in (("and", condition.and_conditions), ("or", condition.or_conditions)):
        if parts:
            found = [_expression(part) for part in parts]
            return None if None in found else [word, found]
    if condition.operator is None or condition.tag is None:
        return None
    operator = getattr(condition.operator, "value", condition.operator)
    if operator in {"=", "!=", ">", "<", "=>"} and not condition.values:
        return None
    tag = condition.tag.strip("()").replace(",", "").upper()
    values = list(condition.values)
    if operator == "=>":
        return ["=", tag, ANY_VALUE, [f"{int(value):08X}" for value in values]]
    if tag in _UIDS and not all("." in str(value) for value in values):
        return None  # the grammar stops at the first dot of a UID that is not quoted
    return [operator, tag, condition.index, values]


def _of_any_value(expression: Expression) -> Expression:
    """Return an expression about one attribute so that any of its values will do."""
    if expression[0] in {"and", "or"}:
        return expression
    operator, tag, _, *rest = expression
    return [operator, tag, ANY_VALUE, *rest]
