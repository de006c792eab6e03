"""Which attributes can become extended query tags (Azure DICOM service, section 8.2)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hilum.dicom.dictionary import TAGS
from hilum.dicom.vr import dictionary_vr, is_private
from hilum.domain.extended_tags import EXTENDED_VRS, InvalidExtendedTag, NewExtendedTag
from hilum.domain.levels import Level

CORE_KEYWORDS: Final = (
    "StudyInstanceUID PatientName PatientID PatientBirthDate AccessionNumber "
    "ReferringPhysicianName StudyDate StudyDescription ModalitiesInStudy SeriesInstanceUID "
    "Modality PerformedProcedureStepStartDate ManufacturerModelName SOPInstanceUID"
).split()
"""What can always be searched by."""
_CORE: Final = frozenset(TAGS[keyword] for keyword in CORE_KEYWORDS)
_HEXADECIMAL: Final = re.compile(r"[0-9A-Fa-f]{8}", re.ASCII)
_CREATOR: Final = re.compile(r"[^\\\x00-\x1a\x1c-\x1f\x7f]{1,64}")
_FIRST_GROUP: Final = 0x0008
_FIRST_PRIVATE_ELEMENT: Final = 0x1000
_LEVELS: Final = {level.name.lower(): level for level in Level}
_LONGEST_TOLD: Final = 64


@dataclass(frozen=True, slots=True)
class AskedTag:
    """A tag as a client asks for it; None is not given."""

    path: str | None
    vr: str | None
    private_creator: str | None
    level: str | None


def parse_path(text: str) -> str:
    """8 upper-case hexadecimal digits of a keyword or a tag. Raises `InvalidExtendedTag`."""
    if _HEXADECIMAL.fullmatch(text):
        return text.upper()
    tag = TAGS.get(text)
    if not text or tag is None:
        what = repr(text[:_LONGEST_TOLD])
        raise InvalidExtendedTag(
            f"{what} names no attribute: give a keyword of PS3.6 or a tag of 8 hexadecimal digits, "
            "of the top level of the data set."
        )
    return f"{tag:08X}"


def checked_tags(asked: Sequence[AskedTag]) -> Sequence[NewExtendedTag]:
    """Check all that is asked for at once. Raises `InvalidExtendedTag`."""
    if not asked:
        raise InvalidExtendedTag("Name at least one attribute.")
    tags = [checked(each) for each in asked]
    named: set[str] = set()
    for tag in tags:
        if tag.path in named:
            raise InvalidExtendedTag(f"{tag.path} is named more than once.")
        named.add(tag.path)
    return tags


def checked(asked: AskedTag) -> NewExtendedTag:
    """Check one. Raises `InvalidExtendedTag`."""
    path = parse_path((asked.path or "").strip())
    level = _LEVELS.get((asked.level or "").strip().lower())
    if level is None:
        raise InvalidExtendedTag(f'{path}: "level" should be Study, Series or Instance.')
    tag, vr = int(path, 16), (asked.vr or "").strip().upper()
    creator = (asked.private_creator or "").strip()
    if is_private(tag):
        _demand_private(path, tag, vr, creator)
    else:
        if creator:
            raise InvalidExtendedTag(f'{path} is a standard attribute: leave "privateCreator" out.')
        vr = _standard_vr(path, tag, vr)
    if vr not in EXTENDED_VRS:
        offered = ", ".join(sorted(EXTENDED_VRS))
        raise InvalidExtendedTag(f"{path}: VR {vr[:2]} cannot be indexed, only {offered}.")
    return NewExtendedTag(path, vr, creator, level)


def _demand_private(path: str, tag: int, vr: str, creator: str) -> None:
    if tag & 0xFFFF < _FIRST_PRIVATE_ELEMENT:
        raise InvalidExtendedTag(f"{path} is no private attribute with a value of its own.")
    if not vr:
        raise InvalidExtendedTag(f'{path} is private: "vr" is required.')
    if _CREATOR.fullmatch(creator) is None:
        raise InvalidExtendedTag(
            f'{path} is private: "privateCreator" is required, a text of at most 64 characters '
            "without backslashes and control characters."
        )


def _standard_vr(path: str, tag: int, vr: str) -> str:
    name = dictionary_vr(tag)
    if tag in _CORE:
        raise InvalidExtendedTag(f"{path} is already supported: it can always be searched by.")
    if name is None or tag >> 16 < _FIRST_GROUP or not tag & 0xFFFF:
        raise InvalidExtendedTag(f"{path} is no attribute of PS3.6 in a data set.")
    allowed = name.replace("_", " or ").split(" or ")
    if not vr and len(allowed) == 1:
        return allowed[0]
    if vr not in allowed:
        mending = '"vr" should be that, or be left out' if len(allowed) == 1 else 'name one as "vr"'
        raise InvalidExtendedTag(f"{path} has VR {name}: {mending}.")
    return vr
