"""Reads a file as a tree, past wrong lengths where what is there shows the right ones.

What cannot be told is not guessed: `MalformedElement` and `TruncatedInstance` are raised then, as
by `hilum.dicom.reader`.
"""

from typing import Final, NamedTuple

from hilum.dicom.elements import ElementPath
from hilum.dicom.errors import MalformedElement, TruncatedInstance
from hilum.dicom.heads import Head, looks_explicit, read_item_head, read_uncommon_head
from hilum.dicom.limits import HeaderLimits
from hilum.dicom.lone_elements import ITEM_BYTES
from hilum.dicom.mending.tree import Element, Flaw, Form, Item, LooseFile, Span, Value
from hilum.dicom.part10 import read_opening
from hilum.dicom.sources import InflatedSource, Source
from hilum.dicom.transfer_syntaxes import encoding_of
from hilum.dicom.vr import (
    BY_CODE,
    BY_NAME,
    ITEM,
    ITEM_DELIMITER,
    PIXEL_DATA_TAGS,
    SEQUENCE_DELIMITER,
    UNDEFINED_LENGTH,
    VR,
    Kind,
    dictionary_vr,
    is_private,
    is_private_creator,
    settle,
)
from hilum.dicom.window import Window
from hilum.domain.errors import LimitExceeded

_META_FORM: Final = Form(is_implicit=False, is_little_endian=True)
_IMPLICIT: Final = Form(is_implicit=True, is_little_endian=True)
_PREAMBLE_BYTES: Final = 128
_IN_MEMORY_BYTES: Final = 64 * 1024
"""Longer values stay where they are."""
_MOST_TRAILING_BYTES: Final = 1 << 20
_PIXEL_GROUP: Final = 0x7FE00000
_ELEMENT_BYTES: Final = 300
"""What an element takes in memory beside its value."""
_MOST_FLAWS: Final = 1000

_Items = tuple[tuple[int, int], ...]


class _Ended(NamedTuple):
    position: int
    by: int
    """Tag of the delimiter, or of the item that begins where an element was expected; 0."""


def read_loosely(
    source: Source,
    limits: HeaderLimits,
    memory_bytes: int,
    setting: str = "quarantine.repair_bytes",
) -> LooseFile:
    """Read `source` as a tree that takes about `memory_bytes` at most, which is a `setting`.

    Raises the errors of `hilum.dicom.errors`, and `LimitExceeded`.
    """
    opening = read_opening(source)
    before = bytes(source[0 : opening.dataset_offset])
    encoding = encoding_of(opening.transfer_syntax_uid)
    start = opening.dataset_offset
    if encoding.is_deflated:
        source, start = InflatedSource(source, start, limits), 0
    head = bytes(source[start : start + 6])
    is_implicit = encoding.is_implicit if len(head) < 6 else not looks_explicit(head[4:6])
    form = Form(is_implicit, encoding.is_little_endian)
    reader = _Reader(source, limits, memory_bytes, setting)
    return LooseFile(
        source=source,
        opening=before,
        preamble=before[:_PREAMBLE_BYTES] if opening.has_preamble else b"",
        former_meta=_meta(before, limits) if opening.has_file_meta else [],
        meta=None,
        transfer_syntax_uid=opening.transfer_syntax_uid,
        is_guessed=opening.guessed,
        is_deflated=encoding.is_deflated,
        form=form,
        elements=reader.read(start, form),
        flaws=reader.flaws,
    )


def _meta(before: bytes, limits: HeaderLimits) -> list[Element]:
    start = before.find(b"\x02\0", 0 if before[:2] == b"\x02\0" else before.find(b"DICM") + 4)
    reader = _Reader(before, limits, len(before) * 100, "")
    elements = reader.read(max(0, start), _META_FORM)
    return [each for each in elements if each.tag >> 16 == 0x0002]


class _Reader:
    def __init__(
        self, source: Source, limits: HeaderLimits, memory_bytes: int, setting: str
    ) -> None:
        self._source = source
        self._window = Window(source)
        self._end = len(source)
        self._limits = limits
        self._memory_bytes = memory_bytes
        self._setting = setting
        self._taken = 0
        self._elements = 0
        self.flaws: list[Flaw] = []

    def read(self, position: int, form: Form) -> list[Element]:
        """All elements from `position` on."""
        elements: list[Element] = []
        self._read_level(elements, position, self._end, form, ())
        return elements

    def _read_level(
        self, elements: list[Element], position: int, end: int | None, form: Form, items: _Items
    ) -> _Ended:
        """Read the elements of a level into `elements`; `end` is None when a delimiter ends it."""
        while end is None or position < end:
            if self._end - position < 8:
                self._flaw(items, None, "what follows the last element is shorter than an element")
                return _Ended(self._end, 0)
            head = self._head(position, form)
            if head.tag in {ITEM_DELIMITER, SEQUENCE_DELIMITER}:
                if items and end is not None:
                    self._flaw(items, None, "a delimiter ends an item before its length does")
                if items:
                    return _Ended(position + 8, head.tag)
                self._flaw(items, None, "a delimiter stands outside of any sequence")
                position += 8
                continue
            if head.tag == ITEM:
                if items:
                    self._flaw(items, None, "another item begins before this one ends")
                    return _Ended(position, ITEM)
                position = self._more_items(elements, position, form)
                continue
            if not items and self._is_rest(elements, position, head):
                self._flaw(items, None, "bytes that are no element follow the last element")
                return _Ended(self._end, 0)
            element, position = self._read_element(head, position, form, items)
            elements.append(element)
            if end is not None and position > end:
                self._flaw(items, None, "an item is longer than its length says")
                end = position
        return _Ended(position, 0)

    def _head(self, position: int, form: Form) -> Head:
        window = self._window
        available = self._end - position
        index = window.load(position, min(12, available))
        data = window.buffer[index : index + 12]
        tag, length = read_item_head(data, 0, is_little_endian=form.is_little_endian)
        if form.is_implicit or tag >= ITEM:
            return Head(tag, None, 8, length)
        vr = BY_CODE.get(data[4:6])
        if vr is not None and not vr.has_long_length:
            return Head(tag, vr, 8, _length(data[6:8], form))
        found, size, length = read_uncommon_head(data, 0, available, vr, form.is_little_endian)
        return Head(tag, found, size, length)

    def _is_rest(self, elements: list[Element], position: int, head: Head) -> bool:
        """Whether what is at `position` of the data set is no element, but fills up the file."""
        rest = self._end - position
        if rest > _MOST_TRAILING_BYTES:
            return False
        if head.tag == 0 and head.length == 0:
            return not any(bytes(self._source[position : self._end]))
        if not elements or elements[-1].tag < _PIXEL_GROUP:
            return False
        is_too_long = head.length != UNDEFINED_LENGTH and head.size + head.length > rest
        return head.tag <= elements[-1].tag or is_too_long

    def _read_element(
        self, head: Head, position: int, form: Form, items: _Items
    ) -> tuple[Element, int]:
        self._count()
        code = b"" if form.is_implicit or head.vr is None else self._code(position)
        vr = head.vr or _implied_vr(head.tag)
        element = Element(head.tag, vr.name, code=code)
        offset = position + head.size
        if self._is_sequence(head, vr.kind, offset):
            element.vr = "SQ" if head.vr is None else vr.name
            element.is_open = head.length == UNDEFINED_LENGTH
            end = None if element.is_open else offset + head.length
            inner = _IMPLICIT if vr.name == "UN" and not form.is_implicit else form
            element.items = []
            return element, self._read_items(element, offset, end, inner, items)
        if head.length == UNDEFINED_LENGTH:
            element.is_open = True
            element.vr = "OB" if head.vr is None and vr.name in {"OW", "UN"} else vr.name
            return element, self._read_fragments(element, offset, form, items)
        return element, self._read_value(element, offset, head.length, items)

    def _code(self, position: int) -> bytes:
        index = self._window.load(position, 8)
        code = self._window.buffer[index + 4 : index + 6]
        return b"" if code in BY_CODE else code

    def _is_sequence(self, head: Head, kind: Kind, offset: int) -> bool:
        if kind is Kind.SEQUENCE:
            return True if head.vr is not None or head.length == 0 else self._has_item(offset)
        return head.length == UNDEFINED_LENGTH and kind is Kind.UNKNOWN and self._has_item(offset)

    def _has_item(self, offset: int) -> bool:
        start = bytes(self._source[offset : offset + 4])
        return start in ITEM_BYTES or start == b"\xfe\xff\xdd\xe0"

    def _read_value(self, element: Element, offset: int, length: int, items: _Items) -> int:
        path = ElementPath(items, element.tag)
        if offset + length > self._end:
            if items or element.tag not in PIXEL_DATA_TAGS:
                missing = f"it needs {length} bytes where {self._end - offset} are left"
                raise TruncatedInstance(element.tag, offset, missing)
            element.missing = offset + length - self._end
            length = self._end - offset
        elif length % 2:
            self._add(Flaw(path, "its value has an odd length"))
        element.value = self._value(offset, length)
        return offset + length

    def _value(self, offset: int, length: int) -> Value:
        if length > _IN_MEMORY_BYTES:
            return Span(offset, length)
        self._take(length)
        index = self._window.load(offset, length)
        return self._window.buffer[index : index + length]

    def _read_fragments(self, element: Element, offset: int, form: Form, items: _Items) -> int:
        """Find the delimiter behind fragments (PS3.5 A.4), of which only heads are read."""
        position = offset
        for _ in range(self._limits.fragments):
            if self._end - position < 8:
                break
            head = bytes(self._source[position : position + 8])
            tag, length = read_item_head(head + bytes(4), 0, is_little_endian=form.is_little_endian)
            if tag == SEQUENCE_DELIMITER:
                element.value = Span(offset, position + 8 - offset)
                return position + 8
            if tag != ITEM or position + 8 + length > self._end:
                raise MalformedElement(element.tag, position, "a fragment is damaged")
            position += 8 + length
        else:
            raise self._limits.exceeded("fragments", "The pixel data has more fragments")
        self._add(Flaw(ElementPath(items, element.tag), "no delimiter ends its fragments"))
        element.value = Span(offset, position - offset)
        element.tail = b"\xfe\xff\xdd\xe0" + bytes(4)
        return self._end

    def _more_items(self, elements: list[Element], position: int, form: Form) -> int:
        """Read items behind the end that their sequence claims to have."""
        if not elements or elements[-1].items is None:
            raise MalformedElement(ITEM, position, "it has no place between elements")
        sequence = elements[-1]
        self._flaw((), sequence.tag, "its length leaves out items that follow")
        inner = sequence.items[0].form if sequence.items else form
        return self._read_items(sequence, position, position + 1, inner, ())

    def _read_items(
        self, sequence: Element, position: int, end: int | None, form: Form, items: _Items
    ) -> int:
        while end is None or position < end:
            if self._end - position < 8:
                self._flaw(items, sequence.tag, "its delimiter is missing")
                return self._end
            index = self._window.load(position, 8)
            head = self._window.buffer[index : index + 8]
            tag, length = read_item_head(head, 0, is_little_endian=form.is_little_endian)
            if tag == SEQUENCE_DELIMITER:
                if end is not None:
                    self._flaw(items, sequence.tag, "a delimiter ends it before its length does")
                return position + 8
            if tag != ITEM:
                self._flaw(items, sequence.tag, "it ends before its length or delimiter says")
                return position
            item, ended = self._read_item(sequence, position + 8, length, end, form, items)
            sequence_items = sequence.items if sequence.items is not None else []
            sequence_items.append(item)
            position = ended.position
            if ended.by == SEQUENCE_DELIMITER:
                self._flaw(items, sequence.tag, "its delimiter stands inside its last item")
                return position
        if position > end:
            self._flaw(items, sequence.tag, "it is longer than its length says")
        return position

    def _read_item(
        self,
        sequence: Element,
        position: int,
        length: int,
        end: int | None,
        form: Form,
        items: _Items,
    ) -> tuple[Item, _Ended]:
        inside = (*items, (sequence.tag, len(sequence.items or ())))
        if len(inside) > self._limits.nesting_levels:
            raise self._limits.exceeded("nesting_levels", "Sequences are nested deeper")
        self._count()
        if length == UNDEFINED_LENGTH:
            return self._tried(position, None, form, inside)
        ends = [position + length]
        if end is not None and end < position + length and end > position + 1:
            ends.insert(0, end)  # one of the two lengths is wrong: what fits is right
        for each in ends:
            known = len(self.flaws)
            try:
                item, ended = self._tried(position, min(each, self._end), form, inside)
            except (MalformedElement, TruncatedInstance):
                if each == ends[-1]:
                    raise
            else:
                if len(self.flaws) == known or each == ends[-1]:
                    return item, ended
            del self.flaws[known:]
        raise MalformedElement(sequence.tag, position, "no length of its items fits")

    def _tried(
        self, position: int, end: int | None, form: Form, inside: _Items
    ) -> tuple[Item, _Ended]:
        if not form.is_implicit and self._end - position >= 8:
            index = self._window.load(position, 8)
            head = self._window.buffer[index : index + 6]
            if head[:2] not in {b"\xfe\xff", b"\xff\xfe"} and not looks_explicit(head[4:6]):
                form = Form(is_implicit=True, is_little_endian=form.is_little_endian)
        item = Item([], form, is_open=end is None)
        return item, self._read_level(item.elements, position, end, form, inside)

    def _count(self) -> None:
        self._elements += 1
        if self._elements > self._limits.elements:
            raise self._limits.exceeded("elements", "The data set has more elements")
        self._take(_ELEMENT_BYTES)

    def _take(self, size_bytes: int) -> None:
        self._taken += size_bytes
        if self._taken > self._memory_bytes:
            what = "The data set takes too much memory to be changed"
            raise LimitExceeded(self._setting, self._memory_bytes, what)

    def _flaw(self, items: _Items, tag: int | None, text: str) -> None:
        if tag is None and items:
            items, tag = items[:-1], items[-1][0]
        self._add(Flaw(None if tag is None else ElementPath(items, tag), text))

    def _add(self, flaw: Flaw) -> None:
        if len(self.flaws) < _MOST_FLAWS:
            self.flaws.append(flaw)


def _length(data: bytes, form: Form) -> int:
    return int.from_bytes(data, "little" if form.is_little_endian else "big")


def _implied_vr(tag: int) -> VR:
    if is_private(tag):
        return BY_NAME["LO" if is_private_creator(tag) else "UN"]
    return settle(dictionary_vr(tag), is_signed=False, has_single_entry_lut=False)
