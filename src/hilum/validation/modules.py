"""An instance against its IOD: which modules are there, and what they demand."""

from typing import Final

from hilum.validation.attributes import check_level
from hilum.validation.conditions import is_met
from hilum.validation.findings import Findings
from hilum.validation.groups import check_groups
from hilum.validation.levels import Level
from hilum.validation.standard import IOD, Use, standard
from hilum.validation.tables import all_tags, ready, telling_tags

SOP_CLASS_UID: Final = "00080016"
_NAMES: Final = (SOP_CLASS_UID, "00080018", "0020000D", "0020000E")
_NUMBER_OF_FRAMES: Final = "00280008"
_REPEATING: Final = ("50", "60")
_PRIVATE_ROOT: Final = "1.2.840.10008."


def check_modules(root: Level, findings: Findings) -> IOD | None:
    """Report what contradicts the IOD of the instance; return it when there is one."""
    sop_class = root.first(SOP_CLASS_UID)
    if not sop_class:
        _check_names(root, findings)
        return None
    iod = standard().iod_of(str(sop_class))
    if iod is None:
        is_private = not str(sop_class).startswith(_PRIVATE_ROOT)
        findings.add(
            "sop-class-unknown", root.path(SOP_CLASS_UID),
            expected=f"a storage SOP class of the tables ({standard().source})",
            found="a private SOP class" if is_private else f"{sop_class}", section="PS3.4 B.5",
        )  # fmt: skip
        return None
    repeats = tuple(
        sorted({tag[:4] for tag in root.elements if tag.startswith(_REPEATING) and tag[3] != "1"})
    )
    there = tuple(use.table for use in iod.modules if is_there(root, iod, use, repeats))
    idle = tuple(use.table for use in iod.modules if use.table not in there)
    check_level(root, ready(there, repeats, idle), findings)
    _check_single_frame(root, iod, findings)
    if iod.groups:
        check_groups(root, iod, findings)
    return iod


def _check_names(root: Level, findings: Findings) -> None:
    """Report what every instance needs, whatever it is."""
    for tag in _NAMES:
        if not root.has_value(tag):
            is_empty = tag in root.elements
            findings.add(
                "value-missing" if is_empty else "attribute-missing", root.path(tag),
                expected="type 1 of every instance", found="no value" if is_empty else "absent",
                section="PS3.3 C.12.1",
            )  # fmt: skip


def is_there(root: Level, iod: IOD, use: Use, repeats: tuple[str, ...]) -> bool:
    """Whether a module is mandatory, required by its condition, or in use."""
    if use.usage == "M":
        return True
    condition = use.condition
    if (
        condition is not None
        and condition.expression is not None
        and condition.kind in {"R", "X"}
        and is_met(condition.expression, root, frozenset())
    ):
        return True
    tags = telling_tags(iod, use)
    if not root.elements.keys().isdisjoint(tags):
        return True
    return any(tag[4] != "x" and "x" in tag and f"{group}{tag[4:]}" in root.elements
               for tag in tags for group in repeats)  # fmt: skip


def _check_single_frame(root: Level, iod: IOD, findings: Findings) -> None:
    number = root.number(_NUMBER_OF_FRAMES)
    if number is not None and number != 1 and _NUMBER_OF_FRAMES not in all_tags(iod):
        findings.add(
            "frames-number", root.path(_NUMBER_OF_FRAMES),
            expected=f"absent or 1: {iod.name} has one frame", found=str(number),
            section="PS3.3 A.1.4",
        )  # fmt: skip
