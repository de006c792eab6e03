"""One level of a data set against tables of attributes: types, terms, items."""

from typing import Final

from hilum.validation.conditions import is_met
from hilum.validation.findings import Findings
from hilum.validation.levels import Element, Level, is_filled
from hilum.validation.standard import Rule, Terms
from hilum.validation.tables import Ready, ready

_MOST_TERMS_SHOWN: Final = 12
_SHOWN_VRS: Final = frozenset({"CS", "US", "SS", "UL", "SL", "IS"})
_PATIENT_GROUPS: Final = ("0010", "0012", "0032", "0038")
_IMAGE_TYPE: Final = "00080008"
_MODALITY_VALUE: Final = 3


def check_level(level: Level, tables: Ready, findings: Findings) -> None:
    """Report what `level` lacks, what it should not have, and go down into its sequences."""
    elements = level.elements
    for tag, rule in tables.demands:
        element = elements.get(tag)
        if element is None:
            _check_absent(level, tag, rule, tables, findings)
        elif rule.condition is not None:
            _check_allowed(level, tag, rule, tables, findings)
    for tag, element in elements.items():
        rules = tables.rules.get(tag)
        if rules is not None:
            _check_present(level, tag, element, rules, findings)


def _check_absent(level: Level, tag: str, rule: Rule, tables: Ready, findings: Findings) -> None:
    condition = rule.condition
    if condition is not None and (
        condition.kind == "N"
        or condition.expression is None
        or not is_met(condition.expression, level, tables.local)
    ):
        return
    expected = f"type {rule.type} of {rule.table.name}"
    if condition is not None:
        expected += f": {condition.sentence}"
    code = "attribute-missing"
    if condition is not None and condition.kind == "P":
        code = "attribute-perhaps-missing"
    findings.add(
        code, level.path(tag), expected=expected, found="absent",
        section=section_of(rule),
    )  # fmt: skip


def _check_allowed(level: Level, tag: str, rule: Rule, tables: Ready, findings: Findings) -> None:
    condition = rule.condition
    if condition is None or condition.expression is None:
        return
    if condition.kind in {"R", "P"}:
        return
    if is_met(condition.expression, level, tables.local) == (condition.kind == "N"):
        if any(each.type in {"1", "2", "3"} for each in tables.rules[tag]):
            return  # another module of the same instance allows it
        findings.add(
            "attribute-not-allowed", level.path(tag),
            expected=f"absent from {rule.table.name} unless its condition is met: "
            f"{condition.sentence}",
            found="present", section=section_of(rule),
        )  # fmt: skip


def _check_present(
    level: Level, tag: str, element: Element, rules: tuple[Rule, ...], findings: Findings
) -> None:
    is_sequence = element["vr"] == "SQ"
    if not is_filled(element):
        for rule in rules:
            if rule.type in {"1", "1C"}:
                findings.add(
                    "value-missing", level.path(tag), expected=f"a value: type {rule.type} of "
                    f"{rule.table.name}", found="no value", section=section_of(rule),
                )  # fmt: skip
                return
    if is_sequence:
        _check_sequence(level, tag, element, rules, findings)
        return
    if any(rule.terms for rule in rules):
        _check_terms(level, tag, element, rules, findings)


def _check_sequence(
    level: Level, tag: str, element: Element, rules: tuple[Rule, ...], findings: Findings
) -> None:
    number = len(element.get("Value", ()))
    for rule in rules:
        most, fewest = rule.most, rule.fewest
        if (most and number > most) or (fewest and number < fewest and rule.type == "3"):
            findings.add(
                "items-number", level.path(tag),
                expected=f"{f'at most {most}' if number else 'at least 1'} in {rule.table.name}",
                found=f"{number} items", section=section_of(rule),
            )  # fmt: skip
            break
    tables = tuple(dict.fromkeys(rule.items for rule in rules if rule.items is not None))
    if tables:
        nested = ready(tables)
        for item in level.below(tag):
            check_level(item, nested, findings)


def _check_terms(
    level: Level, tag: str, element: Element, rules: tuple[Rule, ...], findings: Findings
) -> None:
    lists = [
        (rule, terms)
        for rule in rules
        for terms in rule.terms
        if terms.condition is None or is_met(terms.condition, level, frozenset())
    ]
    values = element.get("Value", ())
    for place, value in enumerate(values, 1):
        applying = [each for each in lists if each[1].value in {0, place}]
        if value is None or not applying:
            continue
        term = value.strip(" ") if isinstance(value, str) else value
        if isinstance(term, dict):
            continue  # written with a VR it cannot have, which is told elsewhere
        refusing = [each for each in applying if term not in each[1].terms]
        if not refusing:
            continue
        enumerated = [each for each in refusing if each[1].is_enumerated]
        if enumerated:
            _report_term("value-not-enumerated", level, tag, value, enumerated[0], findings)
        elif len(refusing) == len(applying):
            _report_term("value-not-defined", level, tag, value, refusing[0], findings)
    if tag == _IMAGE_TYPE and len(values) < _MODALITY_VALUE:
        for rule, terms in lists:
            if terms.value == _MODALITY_VALUE:
                _report_short_type(level, rule, len(values), findings)
                break


def _report_short_type(level: Level, rule: Rule, number: int, findings: Findings) -> None:
    findings.add(
        "multiplicity", level.path(_IMAGE_TYPE),
        expected=f"a value 3, which {rule.table.name} defines", found=f"{number} values",
        section="PS3.3 C.7.6.1.1.2",
    )  # fmt: skip


def _report_term(
    code: str,
    level: Level,
    tag: str,
    value: str | int,
    of: tuple[Rule, Terms],
    findings: Findings,
) -> None:
    rule, terms = of
    shown = sorted(map(str, terms.terms))
    rest = len(shown) - _MOST_TERMS_SHOWN
    expected = ", ".join(shown[:_MOST_TERMS_SHOWN]) + (f" or {rest} others" if rest > 0 else "")
    findings.add(
        code, level.path(tag), expected=f"{expected} ({rule.table.name})",
        found=shown_value(tag, level.elements[tag]["vr"], value), section=section_of(rule),
    )  # fmt: skip


def shown_value(tag: str, vr: str, value: str | int) -> str:
    """Return a value that cannot tell of a patient, or else how long it is."""
    if vr in _SHOWN_VRS and not tag.startswith(_PATIENT_GROUPS) and len(str(value)) <= 16:
        return str(value)
    return f"another text of {len(str(value))} characters"


def section_of(rule: Rule) -> str:
    return f"PS3.3 {rule.table.section}"
