"""Functional groups of multi-frame objects (PS3.3 C.7.6.16)."""

from typing import Final

from hilum.validation.attributes import check_level
from hilum.validation.conditions import is_met
from hilum.validation.findings import Findings
from hilum.validation.levels import Level
from hilum.validation.standard import IOD, Use
from hilum.validation.tables import ready

SHARED: Final = "52009229"
PER_FRAME: Final = "52009230"
_NUMBER_OF_FRAMES: Final = "00280008"
_SECTION: Final = "PS3.3 C.7.6.16.1.2"


def check_groups(root: Level, iod: IOD, findings: Findings) -> None:
    """Report functional groups that are missing, told twice or wrong inside."""
    shared = list(root.below(SHARED))
    frames = list(root.below(PER_FRAME))
    number = root.number(_NUMBER_OF_FRAMES) or 1
    if PER_FRAME in root.elements and len(frames) != number:
        findings.add(
            "frames-number", root.path(PER_FRAME), expected=f"an item for each of {number} frames",
            found=f"{len(frames)} items", section=_SECTION,
        )  # fmt: skip
    tables = ready(tuple(use.table for use in iod.groups))
    for item in (*shared, *frames):
        check_level(item, tables._replace(demands=()), findings)
    for use in iod.groups:
        _check_place(root, use, shared, frames, findings)


def _check_place(
    root: Level, use: Use, shared: list[Level], frames: list[Level], findings: Findings
) -> None:
    tags = [rule.tag for rule in use.table.rules if rule.items is not None]
    if not tags:
        return
    tag = tags[0]
    is_shared = any(tag in item.elements for item in shared)
    lacking = [item for item in frames if tag not in item.elements]
    if is_shared and len(lacking) < len(frames):
        findings.add(
            "functional-group-twice", frames[0].path(tag),
            expected=f"{use.table.name} for all frames or for each",
            found="both", section=_SECTION,
        )  # fmt: skip
    elif not is_shared and lacking and (_is_needed(root, use) or len(lacking) < len(frames)):
        findings.add(
            "functional-group-missing", lacking[0].path(tag),
            expected=f"{use.table.name} in the shared item or in that of each frame",
            found=f"in none of {len(lacking)} frames", section=f"PS3.3 {use.table.section}",
        )  # fmt: skip
    elif not is_shared and not frames and _is_needed(root, use):
        findings.add(
            "functional-group-missing", root.path(SHARED), expected=f"{use.table.name}",
            found="absent", section=f"PS3.3 {use.table.section}",
        )  # fmt: skip


def _is_needed(root: Level, use: Use) -> bool:
    if use.usage == "M":
        return True
    condition = use.condition
    return (
        condition is not None
        and condition.expression is not None
        and condition.kind in {"R", "X"}
        and is_met(condition.expression, root, frozenset())
    )
