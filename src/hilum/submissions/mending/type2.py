"""`add-type2`: attributes that must be there but may be empty (PS3.5 7.4.3)."""

from collections.abc import Sequence
from typing import Final

from hilum.dicom.attributes import tag_of
from hilum.dicom.elements import ElementPath
from hilum.dicom.mending.tree import Element, found, level_at, put
from hilum.dicom.vr import dictionary_vr, settle
from hilum.submissions.mending.draft import Change, Draft
from hilum.validation.instance import examine_header
from hilum.validation.standard import standard

_MISSING: Final = "attribute-missing"
_TYPE_2: Final = ("type 2 ", "type 2C ")
"""How `hilum.validation.attributes` begins to tell what is expected."""
_OF_EVERY_INSTANCE: Final = tuple(
    tag_of(keyword)
    for keyword in (
        "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime",
        "ReferringPhysicianName", "StudyID", "AccessionNumber",
    )
)  # fmt: skip
"""PS3.3 C.7.1.1 and C.7.2.1, which every composite instance has."""


def add_type2(draft: Draft, _: str) -> Sequence[Change]:
    changes: list[Change] = []
    for path in _missing(draft):
        place = level_at(draft.file.elements, path.items)
        if place is None or found(place[0], path.tag) is not None:
            continue
        put(place[0], _empty(path.tag))
        changes.append(Change(path, "added, empty", _vr(path.tag)))
    return changes


def _missing(draft: Draft) -> Sequence[ElementPath]:
    source, header = draft.header()
    sop_class = header.text(0x00080016) or ""
    if standard().iod_of(sop_class) is None:
        return [ElementPath((), tag) for tag in _OF_EVERY_INSTANCE]
    return [
        finding.path
        for finding in examine_header(source, header).findings
        if finding.code == _MISSING
        and finding.path is not None
        and finding.expected.startswith(_TYPE_2)
    ]


def _empty(tag: int) -> Element:
    vr = _vr(tag)
    return Element(tag, vr, items=[] if vr == "SQ" else None)


def _vr(tag: int) -> str:
    return settle(dictionary_vr(tag), is_signed=False, has_single_entry_lut=False).name
