"""Other values for text attributes of a file, all else as it is: pixel data byte for byte.

A value that the file's specific character set cannot hold has the whole data set written in UTF-8
(PS3.3 C.12.1.1.2), if all its other text can be told for certain; otherwise it is refused.
"""

from collections.abc import Sequence
from typing import ClassVar, Final, NamedTuple

from hilum.dicom.charsets import RESETS, TEXT_RESETS, Charset, charset_for
from hilum.dicom.errors import TruncatedInstance, tag_text
from hilum.dicom.mending.revision_mark import RevisionMark
from hilum.dicom.mending.tree import Element, LooseFile, by_tag, found, put
from hilum.dicom.sources import Source
from hilum.dicom.vr import PIXEL_DATA, SPECIFIC_CHARACTER_SET
from hilum.domain.errors import UnreadableInstance
from hilum.domain.implementation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME

_UTF_8: Final = b"ISO_IR 192"
_ESCAPE: Final = b"\x1b"
_GROUP_LENGTH: Final = 0x00020000
_META_VERSION: Final = 0x00020001
_MEDIA_SOP_CLASS: Final = 0x00020002
_MEDIA_SOP_INSTANCE: Final = 0x00020003
_TRANSFER_SYNTAX: Final = 0x00020010
_IMPLEMENTATION: Final = 0x00020012
_VERSION_NAME: Final = 0x00020013
_SOP_CLASS: Final = 0x00080016
_SOP_INSTANCE: Final = 0x00080018
_DIGITAL_SIGNATURES: Final = 0xFFFAFFFA


class NotRestatable(UnreadableInstance):
    """A file whose values cannot be changed without guessing, or without breaking something."""

    code: ClassVar[str] = "not-restatable"
    title: ClassVar[str] = "The file cannot be changed"


class Statement(NamedTuple):
    """What an attribute is to say."""

    tag: int
    vr: str
    text: str
    """All values, joined by a backslash."""


def restate(file: LooseFile, wanted: Sequence[Statement], mark: RevisionMark) -> bool:
    """Change `file`; False, and nothing is changed, when it says all of it already.

    Raises `NotRestatable`; `TruncatedInstance` when pixel data is missing.
    """
    declared = found(file.elements, SPECIFIC_CHARACTER_SET)
    value = declared.value if declared is not None and isinstance(declared.value, bytes) else b""
    charset = charset_for(value[:256])
    held = by_tag(file.elements)
    news = [each for each in wanted if not _says(held.get(each.tag), each, charset)]
    if not news:
        return False
    _demand_changeable(file)
    encoded = [charset.encode(each.text, RESETS.get(each.vr)) for each in news]
    if any(each is None for each in encoded):
        replaced = {each.tag for each in news}
        left = [each for each in file.elements if each.tag not in replaced]
        _write_in_utf_8(left, file.source, charset)
        file.put(Element(SPECIFIC_CHARACTER_SET, "CS", _UTF_8))
        encoded = [each.text.encode() for each in news]
    for each, written in zip(news, encoded, strict=True):
        file.put(Element(each.tag, each.vr, written or b""))
    _drop_group_lengths(file.elements)
    file.meta = _meta(file, mark)
    return True


def _says(element: Element | None, wanted: Statement, charset: Charset) -> bool:
    if element is None or element.vr != wanted.vr or not isinstance(element.value, bytes):
        return False
    text, is_valid = charset.decode(element.value, RESETS.get(wanted.vr, TEXT_RESETS))
    return is_valid and text.rstrip(" \0") == wanted.text.rstrip(" ")


def _demand_changeable(file: LooseFile) -> None:
    pixels = file.get(PIXEL_DATA)
    if pixels is not None and pixels.missing:
        missing = f"its value lacks {pixels.missing} bytes"
        raise TruncatedInstance(PIXEL_DATA, len(file.source), missing)
    if file.get(_DIGITAL_SIGNATURES) is not None:
        raise NotRestatable(
            "it is signed (Digital Signatures Sequence), which a change would break"
        )


def _write_in_utf_8(elements: list[Element], source: Source, charset: Charset) -> None:
    """Write the text of a data set in UTF-8. Items that declare a set of their own keep it."""
    for element in elements:
        for item in element.items or ():
            if found(item.elements, SPECIFIC_CHARACTER_SET) is None:
                _write_in_utf_8(item.elements, source, charset)
                _drop_group_lengths(item.elements)
        resets = RESETS.get(element.vr)
        if element.items is not None or resets is None:
            continue
        value = element.value
        if not isinstance(value, bytes):
            value = bytes(source[value.offset : value.offset + value.length])
        if value.isascii() and _ESCAPE not in value:
            continue
        text, is_valid = charset.decode(value, resets)
        if not is_valid or charset.problem is not None:
            declared = "\\".join(charset.terms) or "none"
            message = (
                f"a new value does not fit its Specific Character Set ({declared}), and it cannot "
                f"be written in UTF-8, since {tag_text(element.tag)} holds text that is not in "
                "that set"
            )
            raise NotRestatable(message)
        element.value = text.rstrip("\0").encode()


def _drop_group_lengths(elements: list[Element]) -> None:
    """Retired since 2008 (PS3.5 7.2), and wrong after a change."""
    elements[:] = [each for each in elements if each.tag & 0xFFFF]


def _meta(file: LooseFile, mark: RevisionMark) -> list[Element]:
    """File meta of a file that this program wrote (PS3.10 7.1), without the group length."""
    meta = [each for each in file.former_meta if each.tag != _GROUP_LENGTH]
    kept = {each.tag for each in meta}
    for tag, vr, value in (
        (_META_VERSION, "OB", b"\0\1"),
        (_MEDIA_SOP_CLASS, "UI", file.text(_SOP_CLASS).encode()),
        (_MEDIA_SOP_INSTANCE, "UI", file.text(_SOP_INSTANCE).encode()),
        (_TRANSFER_SYNTAX, "UI", file.transfer_syntax_uid.encode()),
    ):
        if tag not in kept:
            put(meta, Element(tag, vr, value))
    put(meta, Element(_IMPLEMENTATION, "UI", IMPLEMENTATION_CLASS_UID.encode()))
    put(meta, Element(_VERSION_NAME, "SH", IMPLEMENTATION_VERSION_NAME.encode()))
    for element in mark.elements():
        put(meta, element)
    return meta
