"""Reads elements that are no sequences and not read swiftly: special, long, bulk, or damaged."""

from typing import Final

from hilum.dicom.budget import Budget
from hilum.dicom.elements import PixelDataSpan
from hilum.dicom.entries import bulk_entry, implied_vr, inline_entry, value_entry
from hilum.dicom.errors import MalformedElement
from hilum.dicom.fragments import walk_fragments
from hilum.dicom.heads import Head
from hilum.dicom.memo import Context, Entry
from hilum.dicom.report import Report
from hilum.dicom.shapes import learn_shape
from hilum.dicom.vr import (
    BY_NAME,
    ITEM_DELIMITER,
    PIXEL_DATA_TAGS,
    SEQUENCE_DELIMITER,
    UNDEFINED_LENGTH,
    VR,
    Kind,
)
from hilum.dicom.window import NO_TAG, Window

ZEROS_TAG: Final = 0xFFFFFFFF
"""Of the pseudo element that zeros at the end of a file become."""
ITEM_BYTES: Final = (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")
"""The tag of an item in little and in big endian."""
_NEVER_INLINE: Final = PIXEL_DATA_TAGS | {0x7FE00001, 0x7FE00002}
"""Pixel data, and its Extended Offset Table, which is looked up in the file (PS3.3 C.7.6.3.1.8)."""
_MOST_ZEROS: Final = 1024 * 1024


class LoneElements:
    """Decodes single elements of one source, reporting and remembering what there is."""

    __slots__ = ("_budget", "_report", "_window")

    def __init__(self, window: Window, budget: Budget, report: Report) -> None:
        self._window = window
        self._budget = budget
        self._report = report

    def decode(
        self, position: int, context: Context, head: Head, vr: VR, raw: bytes
    ) -> tuple[Entry, bytes]:
        """Return the entry of an element of VR `vr`, and its bytes when they are remembered.

        `raw` is the whole element, or empty when it is too long to be looked at by that.
        """
        if head.length == UNDEFINED_LENGTH:
            return self._encapsulated(position, context, head, vr), b""
        if vr.kind is Kind.VALUE:
            return self._value(position, context, head, vr, raw)
        return self._bulk(position, context, head, vr, raw)

    def implied_vr(self, position: int, context: Context, head: Head) -> VR:
        """Return the VR of an element that says none, or UN.

        UN of undefined length is a sequence (PS3.5 6.2.2), and so is what has items; what is called
        a sequence by a dictionary, but has none, is just bytes.
        """
        is_undefined = head.length == UNDEFINED_LENGTH
        if is_undefined and head.vr is not None:
            return BY_NAME["SQ"]
        vr = implied_vr(head.tag, head.vr, head.length, context)
        if head.length == 0 or not (vr.kind is Kind.SEQUENCE or is_undefined):
            return vr
        index = self._window.load(position, head.size + 4) + head.size
        has_items = self._window.buffer[index : index + 4] in ITEM_BYTES
        if is_undefined:
            return BY_NAME["SQ"] if has_items and vr.kind is Kind.UNKNOWN else vr
        return vr if has_items else BY_NAME["UN"]

    def _value(
        self, position: int, context: Context, head: Head, vr: VR, raw: bytes
    ) -> tuple[Entry, bytes]:
        size = head.size + head.length
        self._budget.take(0, position + size)
        if not raw:
            index = self._window.load(position, size)
            long = self._window.buffer[index : index + size]
            entry = value_entry(long, head.tag, vr, head.size, context)
        else:
            entry = value_entry(raw, head.tag, vr, head.size, context)
            if context.is_little_endian:
                learn_shape(raw, head.tag, vr, is_implicit=context.is_implicit)
            is_only_text = entry.text and not entry.problems and entry.after is None
            self._budget.remember(context, raw, entry.text if is_only_text else entry)
        self._report.add(entry.problems, (), position)
        return entry, raw

    def _bulk(
        self, position: int, context: Context, head: Head, vr: VR, raw: bytes
    ) -> tuple[Entry, bytes]:
        tag, _, head_size, length = head
        most = context.key.inline_bytes
        if most is not None and (length == 0 or (length <= most and tag not in _NEVER_INLINE)):
            return self._inline(position, context, head, vr, raw)
        entry = bulk_entry(tag, vr, head_size, length, head_size + length, context)
        self._budget.header_end += length
        self._report.add((), entry.bulk, position)
        if tag in PIXEL_DATA_TAGS:
            span = PixelDataSpan(tag, vr.name, position + head_size, length)
            self._report.add_pixel_data(span)
        elif raw:
            self._budget.remember(context, raw, entry)
        return entry, raw

    def _inline(
        self, position: int, context: Context, head: Head, vr: VR, raw: bytes
    ) -> tuple[Entry, bytes]:
        size = head.size + head.length
        self._budget.take(0, position + size)
        element = raw
        if not raw:
            index = self._window.load(position, size)
            element = self._window.buffer[index : index + size]
        entry = inline_entry(element, head.tag, vr, head.size, context)
        if head.tag in PIXEL_DATA_TAGS:
            span = PixelDataSpan(head.tag, vr.name, position + head.size, head.length)
            self._report.add_pixel_data(span)
        elif raw:
            self._budget.remember(context, raw, entry)
        return entry, raw

    def _encapsulated(self, position: int, context: Context, head: Head, vr: VR) -> Entry:
        """Return the entry of a value in fragments (PS3.5 A.4), of which only heads are read."""
        if vr.kind is Kind.VALUE:
            raise MalformedElement(head.tag, position, f"VR {vr.name} cannot have undefined length")
        offset = position + head.size
        offsets, lengths, after = walk_fragments(
            self._window.source,
            offset,
            head.tag,
            self._budget.limits,
            is_little_endian=context.is_little_endian,
        )
        self._budget.header_end += after - offset
        name = "OB" if head.vr is None and vr.name == "OW" else vr.name
        size = after - position
        entry = bulk_entry(head.tag, BY_NAME[name], head.size, None, size, context)
        self._report.add((), entry.bulk, position)
        self._report.add_pixel_data(PixelDataSpan(head.tag, name, offset, None, offsets, lengths))
        return entry

    def delimiter(self, position: int, head: Head) -> Entry:
        """Return a pseudo element for an item or sequence delimiter."""
        if head.tag not in (ITEM_DELIMITER, SEQUENCE_DELIMITER):
            raise MalformedElement(head.tag, position, "it has no place between elements")
        return Entry(head.tag, 8, b"")

    def ending(self, position: int, end: int) -> Entry:
        """Return a pseudo element for zeros up to `end`, with which some writers fill up files."""
        if end - position <= _MOST_ZEROS:
            index = self._window.load(position, end - position)
            rest = self._window.buffer[index : index + end - position]
            if rest.count(0) == len(rest):
                return Entry(ZEROS_TAG, end - position, b"")
        raise self._window.unfinished(NO_TAG, position, end, "an element head")
