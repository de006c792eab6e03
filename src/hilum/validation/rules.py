"""What the standard says in prose across attributes, and no table of modules can tell."""

import math
from collections.abc import Iterable
from typing import Any, Final

from hilum.validation.findings import Findings
from hilum.validation.groups import PER_FRAME, SHARED
from hilum.validation.levels import Level

_STUDY, _SERIES, _SOP_INSTANCE = "0020000D", "0020000E", "00080018"
_FRAME_OF_REFERENCE: Final = "00200052"
_NAMES: Final = (_STUDY, _SERIES, _SOP_INSTANCE, _FRAME_OF_REFERENCE)
_SPACINGS: Final = {
    "00280030": "PS3.3 C.7.6.2",
    "00181164": "PS3.3 C.8.4.2",
    "00182010": "PS3.3 C.8.6.1",
}
_ASPECT_RATIO: Final = "00280034"
_ORIENTATION: Final = "00200037"
_VECTORS: Final = ("00189090",)
_ORIENTATION_VALUES: Final = 6
_TOLERANCE: Final = 1e-3
_CONTENT, _REFERENCED = "0040A730", "00081199"
_EVIDENCE: Final = ("0040A375", "0040A385")
_SERIES_REFERENCED, _INSTANCE = "00081115", "00081155"


def check_rules(root: Level, findings: Findings) -> None:
    """Report contradictions among attributes of the data set."""
    _check_uids(root, findings)
    for tag, section in _SPACINGS.items():
        values = numbers(root.values(tag))
        if any(value <= 0 for value in values):
            findings.add(
                "value-out-of-range", root.path(tag), expected="more than 0", found="0 or less",
                section=section,
            )  # fmt: skip
        if values and _ASPECT_RATIO in root.elements:
            findings.add(
                "attribute-not-allowed", root.path(_ASPECT_RATIO),
                expected="absent where the spacing of pixels is told", found="present",
                section="PS3.3 C.7.6.3.1.7",
            )  # fmt: skip
    _check_vectors(root, findings)
    if _CONTENT in root.elements:
        _check_evidence(root, findings)


def check_required(root: Level, required: Iterable[int], findings: Findings) -> None:
    """Report attributes that a profile wants with a value, and that have none."""
    for number in required:
        tag = f"{number:08X}"
        if not root.has_value(tag):
            findings.add(
                "required-attribute", root.path(tag), expected="a value, as the profile requires",
                found="no value" if tag in root.elements else "absent",
            )  # fmt: skip


def _check_uids(root: Level, findings: Findings) -> None:
    seen: dict[str, str] = {}
    for tag in _NAMES:
        uid = root.first(tag)
        if isinstance(uid, str) and uid:
            if uid in seen:
                for one, other in ((seen[uid], tag), (tag, seen[uid])):
                    findings.add(
                        "uid-reused", root.path(one), expected="a UID of its own",
                        found=f"that of ({other[:4]},{other[4:]})", section="PS3.5 9",
                    )  # fmt: skip
            seen.setdefault(uid, tag)


def _check_vectors(root: Level, findings: Findings) -> None:
    values = numbers(root.values(_ORIENTATION))
    if len(values) == _ORIENTATION_VALUES:
        row, column = values[:3], values[3:]
        if not (_is_unit(row) and _is_unit(column)):
            _bad_vector(root, _ORIENTATION, "vectors of length 1", findings)
        elif abs(sum(a * b for a, b in zip(row, column, strict=True))) > _TOLERANCE:
            _bad_vector(root, _ORIENTATION, "vectors at a right angle", findings)
    for level in _places(root):
        for tag in _VECTORS:
            if tag in level.elements and not _is_unit(numbers(level.values(tag))):
                _bad_vector(level, tag, "a vector of length 1", findings)


def _bad_vector(level: Level, tag: str, expected: str, findings: Findings) -> None:
    findings.add(
        "value-out-of-range", level.path(tag), expected=expected, found="others",
        section="PS3.3 C.7.6.2.1.1",
    )  # fmt: skip


def _places(root: Level) -> list[Level]:
    """The data set, and items of functional groups two levels down."""
    places = [root]
    for sequence in (SHARED, PER_FRAME):
        for item in root.below(sequence):
            for tag in item.elements:
                places.extend(item.below(tag))
    return places


def numbers(values: list[Any]) -> list[float]:
    """Return the values when all of them are numbers, else none."""
    found = []
    for value in values:
        try:
            found.append(float(value))
        except (TypeError, ValueError):
            return []
    return found


def _is_unit(vector: list[float]) -> bool:
    return len(vector) == 3 and abs(math.hypot(*vector) - 1) <= _TOLERANCE


def _check_evidence(root: Level, findings: Findings) -> None:
    """Every instance that content refers to is listed as evidence (PS3.3 C.17.2)."""
    listed = {
        reference.first(_INSTANCE)
        for sequence in _EVIDENCE
        for study in root.below(sequence)
        for series in study.below(_SERIES_REFERENCED)
        for reference in series.below(_REFERENCED)
    }
    pending = list(root.below(_CONTENT))
    while pending:
        item = pending.pop()
        pending.extend(item.below(_CONTENT))
        for reference in item.below(_REFERENCED):
            if reference.has_value(_INSTANCE) and reference.first(_INSTANCE) not in listed:
                findings.add(
                    "reference-unlisted", reference.path(_INSTANCE),
                    expected="an instance of Current Requested Procedure Evidence Sequence or "
                    "Pertinent Other Evidence Sequence", found="another", section="PS3.3 C.17.2",
                )  # fmt: skip
