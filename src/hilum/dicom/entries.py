"""One element's bytes to its `Entry`: VR, JSON text, value, problems and the context it leaves."""

from typing import Final

from hilum.dicom.bulk_marks import inline_text, mark_of
from hilum.dicom.charsets import charset_for
from hilum.dicom.elements import BulkElement, ElementPath, ProblemKind, ValueProblem
from hilum.dicom.memo import Context, Entry
from hilum.dicom.shapes import CONTEXT_TAGS, empty_of, has_json, opening_of
from hilum.dicom.values import CONVERTERS
from hilum.dicom.vr import (
    BY_NAME,
    LUT_DATA,
    LUT_DESCRIPTOR,
    PIXEL_REPRESENTATION,
    SPECIFIC_CHARACTER_SET,
    US_OR_SS,
    VR,
    dictionary_vr,
    is_private,
    is_private_creator,
    private_vr,
    settle,
)

_LONGEST_CHARSET_BYTES: Final = 256
_LONGEST_SHORT_VALUE: Final = 0xFFFF
"""A standard element of VR UN that is shorter was given the wrong VR (PS3.5 6.2.2 note 5)."""


class SignUnknown(Exception):
    """An element is US or SS and PixelRepresentation, which decides, was not read yet."""


def implied_vr(tag: int, written: VR | None, length: int, context: Context) -> VR:
    """Return the VR of an element that says none (implicit VR), or UN.

    UN when nobody knows. Raises `SignUnknown`.
    """
    if is_private(tag):
        if is_private_creator(tag):
            return BY_NAME["LO"]
        name = private_vr(tag, context.creator_of(tag))
    elif written is None or length < _LONGEST_SHORT_VALUE:
        name = dictionary_vr(tag)
    else:
        name = None
    if name == US_OR_SS and context.key.is_signed is None:
        raise SignUnknown
    is_single = tag == LUT_DATA and context.key.has_single_entry_lut
    return settle(name, is_signed=bool(context.key.is_signed), has_single_entry_lut=is_single)


def value_entry(raw: bytes, tag: int, vr: VR, head: int, context: Context) -> Entry:
    """Decode the element `raw`, whose value starts after `head` bytes."""
    if not has_json(tag):
        return Entry(tag, len(raw), b"")
    value = raw[head:]
    content, problem = CONVERTERS[vr.name](value, context.surroundings, tag)
    entry = Entry(tag, len(raw), element_text(tag, vr, content))
    if tag in CONTEXT_TAGS or is_private_creator(tag):
        problem = _change_context(entry, value, context) or problem
    if problem is not None:
        entry.problems = (ValueProblem(ElementPath((), tag), vr.name, *problem),)
    return entry


def bulk_entry(
    tag: int, vr: VR, head: int, length: int | None, size: int, context: Context
) -> Entry:
    """Return the entry of an element that is left out of the JSON."""
    text = b""
    if context.key.inline_bytes is not None:
        if not has_json(tag):
            return Entry(tag, size, text)
        text = mark_of(tag)
    entry = Entry(tag, size, text)
    entry.bulk = (BulkElement(ElementPath((), tag), vr.name, head, length),)
    return entry


def inline_entry(raw: bytes, tag: int, vr: VR, head: int, context: Context) -> Entry:
    """Return the entry of the element `raw`, whose bulk value is written into the JSON."""
    if not has_json(tag):
        return Entry(tag, len(raw), b"")
    little = context.is_little_endian
    return Entry(tag, len(raw), inline_text(tag, vr, raw[head:], is_little_endian=little))


def element_text(tag: int, vr: VR, content: bytes) -> bytes:
    """Return `"GGGGEEEE":{...}` with `content` between the brackets of the value array."""
    return opening_of(tag, vr) + content + b"]}" if content else empty_of(tag, vr)


def _change_context(entry: Entry, value: bytes, context: Context) -> tuple[ProblemKind, str] | None:
    """Set the context that `entry` leaves, and return what is wrong with a character set."""
    problem = None
    after = context
    if entry.tag == SPECIFIC_CHARACTER_SET:
        charset = charset_for(value[:_LONGEST_CHARSET_BYTES])
        after = context.with_charset(charset)
        if charset.problem is not None:
            problem = (ProblemKind.CHARSET, charset.problem)
    elif entry.tag == PIXEL_REPRESENTATION:
        after = context.with_sign(value[:2] not in (b"", b"\0\0"))
    elif entry.tag == LUT_DESCRIPTOR:
        entries = int.from_bytes(value[:2], "little" if context.key.is_little_endian else "big")
        after = context.with_single_entry_lut() if entries == 1 else context
    else:
        text, _ = context.key.charset.decode(value)
        after = context.with_creator(entry.tag, text.rstrip(" \0"))
    entry.after = None if after is context else after
    return problem
