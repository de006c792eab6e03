"""`fix-vr-values` and `fix-uids`: values that mean something, but not in the form of their VR."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from hilum.dicom.grammar import PATTERNS, first_problem
from hilum.dicom.mending.tree import walk
from hilum.submissions.mending.draft import Change, Draft
from hilum.validation.part10 import is_uid

_DATE: Final = re.compile(r"(\d{4})[-./](\d{2})[-./](\d{2})")
_TIME: Final = re.compile(r"(\d{2}):?(\d{2})(?::?(\d{2})(\.\d+)?)?")
_DATE_TIME: Final = re.compile(
    r"(\d{4})[-./](\d{2})[-./](\d{2})(?:[T ]+([0-9:.]+))?(Z|[+-]\d{2}:?\d{2})?"
)
_AGE: Final = re.compile(r"(\d{1,3}) ?([DWMYdwmy])")
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f]+")
_SPACES: Final = re.compile(r" {2,}")
_THOUSANDS: Final = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")
"""`1,234` is either of two numbers that are far apart."""
_LONGEST_DECIMAL: Final = 16
_MICROSECOND_DIGITS: Final = 7


def fix_vr_values(draft: Draft, _: str) -> Sequence[Change]:
    return _rewritten(draft, _RULES, "written in the form of its VR")


def fix_uids(draft: Draft, _: str) -> Sequence[Change]:
    return _rewritten(draft, {"UI": _uid}, "written without leading zeros and stray dots")


def _rewritten(draft: Draft, rules: "Mapping[str, Rule]", text: str) -> Sequence[Change]:
    changes = []
    for path, element in walk(draft.file.elements):
        rule, former = rules.get(element.vr), element.value
        if rule is None or not isinstance(former, bytes) or not former.isascii():
            continue
        values = former.decode().split("\\")
        if not _is_wrong(element.vr, former, values):
            continue
        mended = "\\".join(rule(value) for value in values)
        if not _is_wrong(element.vr, mended.encode(), mended.split("\\")):
            element.value = mended.encode()
            changes.append(Change(path, text, element.vr, former, is_nonconforming=True))
    return changes


def _is_wrong(vr: str, raw: bytes, values: list[str]) -> bool:
    if vr == "UI":
        values = [value.rstrip("\0") for value in values]
        return any(value != "" and not is_uid(value) for value in values)
    pattern = PATTERNS.get(vr)
    if pattern is not None and pattern.fullmatch(raw) is not None:
        return False
    return first_problem(vr, [value.strip(" \0") for value in values]) is not None


Rule = Callable[[str], str]


def _stripped(value: str) -> str:
    return value.strip(" \0")


def _date(value: str) -> str:
    return _DATE.sub(r"\1\2\3", _stripped(value))


def _time(value: str) -> str:
    found = _TIME.fullmatch(_stripped(value))
    if found is None:
        return value
    hour, minute, second, fraction = found.groups("")
    return hour + minute + second + fraction[:_MICROSECOND_DIGITS]


def _date_time(value: str) -> str:
    found = _DATE_TIME.fullmatch(_stripped(value))
    if found is None:
        return value
    year, month, day, time, offset = found.groups("")
    offset = "+0000" if offset == "Z" else offset.replace(":", "")
    return year + month + day + (_time(time) if time else "") + offset


def _age(value: str) -> str:
    found = _AGE.fullmatch(_stripped(value))
    return value if found is None else f"{int(found[1]):03d}{found[2].upper()}"


def _code(value: str) -> str:
    return _stripped(value).upper()


def _decimal(value: str) -> str:
    text = _stripped(value)
    if _THOUSANDS.fullmatch(text) is not None:
        return value
    if "," in text and "." not in text:
        text = text.replace(",", ".", 1)
    try:
        number = float(text)
    except ValueError:
        return value
    for digits in range(_LONGEST_DECIMAL, 5, -1):
        if len(text) <= _LONGEST_DECIMAL:
            break
        text = f"{number:.{digits}g}"
    return text


def _integer(value: str) -> str:
    try:
        number = float(_stripped(value))
    except ValueError:
        return value
    return str(int(number)) if number.is_integer() else value


def _line(value: str) -> str:
    return _SPACES.sub(" ", _CONTROLS.sub(" ", value)).strip()


def _uid(value: str) -> str:
    components = [part.strip(" ") for part in value.strip(" \0.").split(".")]
    return ".".join(part.lstrip("0") or part[:1] for part in components)


_RULES: Final[Mapping[str, Rule]] = {
    "AE": _stripped,
    "AS": _age,
    "CS": _code,
    "DA": _date,
    "DS": _decimal,
    "DT": _date_time,
    "IS": _integer,
    "LO": _line,
    "SH": _line,
    "TM": _time,
    "UR": _stripped,
}
