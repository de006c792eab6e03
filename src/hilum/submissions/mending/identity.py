"""`new-sop-instance-uid` and `fix-meta`: what names the instance, in the file meta too."""

import uuid
from collections.abc import Sequence
from typing import Final

from hilum.dicom.elements import ElementPath
from hilum.dicom.mending.tree import Element, LooseFile, found, text_of
from hilum.dicom.transfer_syntaxes import (
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    encoding_of,
)
from hilum.domain.implementation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from hilum.submissions.mending.draft import Change, Draft
from hilum.validation.part10 import is_uid

SOP_CLASS_UID: Final = 0x00080016
SOP_INSTANCE_UID: Final = 0x00080018
_GROUP_LENGTH: Final = 0x00020000
_VERSION: Final = 0x00020001
_MEDIA_SOP_CLASS: Final = 0x00020002
_MEDIA_SOP_INSTANCE: Final = 0x00020003
_TRANSFER_SYNTAX: Final = 0x00020010
_IMPLEMENTATION: Final = 0x00020012
_VERSION_NAME: Final = 0x00020013
_LONGEST_NAME: Final = 16


def new_sop_instance_uid(draft: Draft, _: str) -> Sequence[Change]:
    former = draft.file.get(SOP_INSTANCE_UID)
    value = former.value if former is not None and isinstance(former.value, bytes) else None
    uid = f"2.25.{uuid.uuid4().int}"
    draft.file.put(Element(SOP_INSTANCE_UID, "UI", uid.encode()))
    is_wrong = value is not None and not is_uid(text_of(former))
    return [Change(ElementPath((), SOP_INSTANCE_UID), "made anew", "UI", value, is_wrong)]


def fix_meta(draft: Draft, _: str) -> Sequence[Change]:
    """Make preamble and group 0002 as PS3.10 7.1 has them; what is right there stays."""
    file = draft.file
    syntax = _transfer_syntax(file)
    if syntax is None:
        return []
    meta = _meta(file, syntax)
    former = {each.tag: _trimmed(each) for each in file.former_meta if each.tag != _GROUP_LENGTH}
    changes = [
        Change(ElementPath((), each.tag), "rebuilt from the data set")
        for each in meta
        if former.get(each.tag) != _trimmed(each)
    ]
    file.meta = meta
    composed = draft.composed()
    if bytes(composed[0 : len(file.opening)]) == file.opening and not changes:
        file.meta = None
        return []
    file.transfer_syntax_uid = syntax
    return changes or [Change(None, "preamble and file meta information written anew")]


def _meta(file: LooseFile, syntax: str) -> list[Element]:
    """Elements of group 0002 in the order of their tags, without the group length."""
    kept = {each.tag: each for each in file.former_meta if each.tag != _GROUP_LENGTH}
    kept[_VERSION] = Element(_VERSION, "OB", b"\0\1")
    for tag, in_data_set in (
        (_MEDIA_SOP_CLASS, SOP_CLASS_UID),
        (_MEDIA_SOP_INSTANCE, SOP_INSTANCE_UID),
    ):
        if uid := file.text(in_data_set):
            kept[tag] = Element(tag, "UI", uid.encode())
    kept[_TRANSFER_SYNTAX] = Element(_TRANSFER_SYNTAX, "UI", syntax.encode())
    name = text_of(kept.get(_VERSION_NAME))
    if not is_uid(text_of(kept.get(_IMPLEMENTATION))):
        kept[_IMPLEMENTATION] = Element(_IMPLEMENTATION, "UI", IMPLEMENTATION_CLASS_UID.encode())
        name = IMPLEMENTATION_VERSION_NAME
    if name:
        kept[_VERSION_NAME] = Element(_VERSION_NAME, "SH", name[:_LONGEST_NAME].encode())
    else:
        kept.pop(_VERSION_NAME, None)
    return [kept[tag] for tag in sorted(kept)]


def _transfer_syntax(file: LooseFile) -> str | None:
    """The syntax that the data set is in; None when nothing tells which compression it has."""
    told = encoding_of(file.transfer_syntax_uid)
    agrees = told.is_implicit == file.form.is_implicit
    if agrees and not file.is_guessed and is_uid(file.transfer_syntax_uid):
        return file.transfer_syntax_uid
    pixels = found(file.elements, 0x7FE00010)
    if file.is_deflated or (pixels is not None and pixels.is_open):
        return None
    if not file.form.is_little_endian:
        return EXPLICIT_VR_BIG_ENDIAN
    return IMPLICIT_VR_LITTLE_ENDIAN if file.form.is_implicit else EXPLICIT_VR_LITTLE_ENDIAN


def _trimmed(element: Element) -> bytes:
    value = element.value if isinstance(element.value, bytes) else b""
    return value if element.vr == "OB" else value.rstrip(b" \0")
