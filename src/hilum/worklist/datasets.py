"""Whether a data set that came from outside is one, and how large it is. It is JSON, no more."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from hilum.dicom.attributes import keyword_of, tag_of
from hilum.dicom.dictionary import DICTIONARY
from hilum.domain.errors import InvalidUID, LimitExceeded
from hilum.domain.identifiers import parse_uid
from hilum.domain.workitems import InvalidWorkitem, WorkitemDataset

_TAG: Final = re.compile(r"[0-9A-Fa-f]{8}", re.ASCII)
_VR: Final = re.compile(r"[A-Z]{2}", re.ASCII)
_DATE_TIME: Final = re.compile(
    r"[0-9]{4}((0[1-9]|1[0-2])((0[1-9]|[12][0-9]|3[01])(([01][0-9]|2[0-3])([0-5][0-9]"
    r"(([0-5][0-9]|60)(\.[0-9]{1,6})?)?)?)?)?)?([+-][01][0-9][0-5][0-9])?",
    re.ASCII,
)
_TEXTS: Final = ("InlineBinary", "BulkDataURI")
_MEMBERS: Final = frozenset({"vr", "Value", *_TEXTS})
_NUMBERS: Final = frozenset("DS FL FD IS SL SS SV UL US UV".split())
_ENUMERATED: Final[Mapping[str, frozenset[str]]] = {
    f"{tag_of(keyword):08X}": frozenset(values.split())
    for keyword, values in (
        ("ScheduledProcedureStepPriority", "HIGH MEDIUM LOW"),
        ("InputReadinessState", "INCOMPLETE UNAVAILABLE READY"),
    )
}
_TRANSACTION: Final = f"{tag_of('TransactionUID'):08X}"
_CODE_MEANING: Final = f"{tag_of('CodeMeaning'):08X}"
Dataset = dict[str, Any]


@dataclass(frozen=True, slots=True)
class WorkitemLimits:
    """Plain values; defaults as in the settings of the section `worklist`."""

    elements: int = 20_000
    """Of one data set, and values of these; those in items included."""
    nesting: int = 16
    """Sequences within sequences."""


@dataclass(slots=True)
class _Checking:
    limits: WorkitemLimits
    elements: int = 0

    def count(self, more: int) -> None:
        """Raises `LimitExceeded`."""
        self.elements += more
        if self.elements > self.limits.elements:
            limit = self.limits.elements
            raise LimitExceeded("worklist.elements", limit, "The data set has too many elements")


def checked(raw: object, limits: WorkitemLimits) -> Dataset:
    """Return a data set with upper-case keys. Raises `InvalidWorkitem`, `LimitExceeded`.

    Messages name attributes, never values.
    """
    return _dataset(raw, _Checking(limits), "", 0)


def has_value(dataset: WorkitemDataset, tag: str) -> bool:
    """Whether an attribute is there with a value that is not empty."""
    return any(value not in (None, "", {}) for value in dataset.get(tag, {}).get("Value", ()))


def _dataset(raw: object, checking: _Checking, where: str, depth: int) -> Dataset:
    if not isinstance(raw, Mapping):
        _refuse(where, "it should be a data set in DICOM JSON: an object")
    if depth > checking.limits.nesting:
        limit = checking.limits.nesting
        raise LimitExceeded("worklist.nesting", limit, "Sequences lie too deep in each other")
    read: Dataset = {}
    for key, element in raw.items():
        if not isinstance(key, str) or _TAG.fullmatch(key) is None:
            _refuse(where, "its members are named by tags: 8 hexadecimal digits")
        tag = key.upper()
        if tag in read:
            _refuse(_within(where, tag), "it is there twice")
        checking.count(1)
        read[tag] = _element(tag, element, checking, where, depth)
    return dict(sorted(read.items()))


def _element(tag: str, raw: object, checking: _Checking, where: str, depth: int) -> Dataset:
    name = _within(where, tag)
    if not isinstance(raw, Mapping) or not raw.keys() <= _MEMBERS:
        _refuse(name, "it should be an object with vr and Value")
    if where and tag == _TRANSACTION:
        _refuse(name, "whoever reads the item would learn who may change the work item")
    vr = raw.get("vr")
    if not isinstance(vr, str) or _VR.fullmatch(vr) is None:
        _refuse(name, "its vr is missing")
    known = DICTIONARY.get(int(tag, 16))
    if known is not None and vr not in known[0].split(" or ") and vr != "UN":
        _refuse(name, f"its vr is {known[0]}")
    values = raw.get("Value")
    if values is None:
        return _without_values(name, vr, raw)
    if not isinstance(values, list):
        _refuse(name, "its Value should be a list")
    checking.count(max(0, len(values) - 1))
    if vr == "SQ":
        items = [_dataset(item or {}, checking, name, depth + 1) for item in values]
        if _is_code_sequence(tag) and not all(has_value(item, _CODE_MEANING) for item in items):
            _refuse(name, "each item needs a CodeMeaning")
        return {"vr": vr, "Value": items} if items else {"vr": vr}
    for value in values:
        _value(name, tag, vr, value)
    return {"vr": vr, "Value": list(values)} if values else {"vr": vr}


def _without_values(name: str, vr: str, raw: Mapping[str, Any]) -> Dataset:
    told = {member: raw[member] for member in _TEXTS if raw.get(member) is not None}
    if not all(isinstance(text, str) for text in told.values()):
        _refuse(name, f"its {' or '.join(told)} should be a text")
    return {"vr": vr, **told}


def _value(name: str, tag: str, vr: str, value: object) -> None:
    if value is None:
        return
    if vr == "PN":
        if not isinstance(value, Mapping) or not all(
            isinstance(each, str) for each in value.values()
        ):
            _refuse(name, "a name is an object with Alphabetic and the like")
    elif vr in _NUMBERS:
        if not _is_number(value):
            _refuse(name, "it should be a number")
    elif not isinstance(value, str):
        _refuse(name, "it should be a text")
    elif vr == "UI" and value:
        try:
            parse_uid(value)
        except InvalidUID:
            _refuse(name, "it is not a UID (PS3.5 section 9.1)")
    elif vr == "DT" and value and _DATE_TIME.fullmatch(value.strip()) is None:
        _refuse(name, "a date and time is written YYYYMMDDHHMMSS.FFFFFF+ZZXX")
    elif tag in _ENUMERATED and value.strip() not in _ENUMERATED[tag]:
        _refuse(name, f"it is one of {', '.join(sorted(_ENUMERATED[tag]))}")


def _is_number(value: object) -> bool:
    if isinstance(value, str):  # of IS, DS and what exceeds 53 bits (PS3.18 section F.2.3)
        try:
            float(value or "0")
        except ValueError:
            return False
        return "_" not in value
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_code_sequence(tag: str) -> bool:
    known = DICTIONARY.get(int(tag, 16))
    return known is not None and known[4].endswith("CodeSequence")


def _within(where: str, tag: str) -> str:
    name = keyword_of(int(tag, 16)) or tag
    return f"{where}.{name}" if where else name


def _refuse(where: str, reason: str) -> NoReturn:
    message = f"{where or 'The data set'} is not valid: {reason}."
    raise InvalidWorkitem(message)
