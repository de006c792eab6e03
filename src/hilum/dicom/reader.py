"""Reads the elements of a data set in one pass; the heart of the header transcoder.

Two loops read elements: `read` remembers and reuses runs of elements, `_read_item` does not. Both
ask `_next` for one element at a time, which looks its bytes up in the memo before it decodes them.
Positions are bytes from the start of the source; the window `_buffer` begins at `_base`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

from hilum.dicom.elements import BulkElement, ElementPath, PixelDataSpan, ProblemKind, ValueProblem
from hilum.dicom.entries import bulk_entry, element_text, implied_vr, json_value, value_entry
from hilum.dicom.errors import MalformedElement, TruncatedInstance
from hilum.dicom.fragments import walk_fragments
from hilum.dicom.heads import Head, looks_explicit, read_item_head, read_uncommon_head
from hilum.dicom.limits import HeaderLimits
from hilum.dicom.memo import Context, Entry, JsonValue, Run
from hilum.dicom.sources import WINDOW_BYTES, Source
from hilum.dicom.vr import (
    BY_CODE,
    BY_NAME,
    ITEM,
    ITEM_DELIMITER,
    PIXEL_DATA_TAGS,
    REMEMBERED_BYTES,
    SEQUENCE_DELIMITER,
    UNDEFINED_LENGTH,
    VR,
    Kind,
)

_LONGEST_RUN_BYTES: Final = 64 * 1024
_PROBLEMS_PER_ELEMENT: Final = 100
"""Problems reported under one top-level element; a sequence of thousands of bad items says no more
than its first hundred."""
_ZEROS_TAG: Final = 0xFFFFFFFF
"""Of the pseudo element that zeros at the end of a file become."""
_MOST_ZEROS: Final = 1024 * 1024
_ITEM_BYTES: Final = (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")
"""The tag of an item in little and in big endian."""


class DisorderedTags(Exception):
    """Tags do not ascend (PS3.5 7.1), so runs cannot be trusted: read without them."""


class ElementReader:
    """Reads one data set once. `problems`, `bulk`, `values` and `pixel_data` fill on the way."""

    def __init__(self, source: Source, limits: HeaderLimits) -> None:
        self._source = source
        self._size = len(source)
        self._limits = limits
        self._buffer = source if isinstance(source, bytes) else b""
        self._base = 0
        self._start = 0
        self._skipped = 0
        """Bytes of bulk values, which nobody looked at."""
        self._count = 0
        self._path: tuple[tuple[int, int], ...] = ()
        self._problem_room = _PROBLEMS_PER_ELEMENT
        self.problems: list[ValueProblem] = []
        self.bulk: list[BulkElement] = []
        self.values: dict[int, JsonValue] = {}
        self.pixel_data: PixelDataSpan | None = None

    def read(self, start: int, context: Context) -> bytes:
        """Return the DICOM JSON object of the data set that starts at byte `start`.

        Raises `DisorderedTags` or `SignUnknown` when it has to be read another way, and every
        `UnreadableInstance` or `LimitExceeded` that the data set deserves.
        """
        self._start = position = start
        parts: list[bytes] = []
        streak: list[Entry] = []
        streak_start = start
        last_tag = -1
        while position < self._size:
            self._problem_room = _PROBLEMS_PER_ELEMENT
            entry = self._next(position, self._size, context)
            if entry.tag <= last_tag:
                raise DisorderedTags
            before, begin = context, position
            position += entry.size
            if entry.tag >= ITEM:  # a stray delimiter, or zeros at the end of the file
                continue
            last_tag = entry.tag
            context = self._take(entry, parts, context)
            run = None if entry.is_fresh else self._matching_run(entry, position)
            if run is None and not entry.is_fresh:
                if not streak:
                    streak_start = position
                streak.append(entry)
                if position - streak_start < _LONGEST_RUN_BYTES:
                    continue
                before, begin = context, position
            self._learn(streak, streak_start, begin, before)
            streak = []
            if run is not None:
                context, last_tag = self._take_run(run, position, parts), run.last_tag
                position += len(run.tail)
        self._learn(streak, streak_start, position, context)
        return b"{%b}" % b",".join(parts)

    def read_disordered(self, start: int, context: Context) -> bytes:
        """Do what `read` does, for tags in any order; the last of equal tags counts."""
        self._start = start
        text, _, _ = self._read_item(start, self._size, context, is_open=False)
        return text

    def _take(self, entry: Entry, parts: list[bytes], context: Context) -> Context:
        if entry.text:
            parts.append(entry.text)
        if entry.value is not None:
            self.values[entry.tag] = entry.value
        return entry.after or context

    def _matching_run(self, entry: Entry, position: int) -> Run | None:
        index = position - self._base
        for run in entry.runs:
            if self._buffer.startswith(run.tail, index):
                return run
        return None

    def _take_run(self, run: Run, position: int, parts: list[bytes]) -> Context:
        self._count_elements(run.count, position)
        if run.text:
            parts.append(run.text)
        if run.values:
            self.values.update(run.values)
        if run.problems or run.bulk:
            self._report(run.problems, run.bulk, position)
        return run.after

    def _learn(self, streak: list[Entry], start: int, end: int, after: Context) -> None:
        """Remember that the elements of `streak` but its first lie between `start` and `end`."""
        index = start - self._base
        if len(streak) > 1 and index >= 0:
            tail = self._buffer[index : end - self._base]
            after.remember_run(streak[0], Run(tail, streak[1:], after))

    def _report(
        self, problems: Sequence[ValueProblem], bulk: Sequence[BulkElement], position: int
    ) -> None:
        """Report what lies relative to `position` and to the current path."""
        path = self._path
        for problem in problems[: self._problem_room]:
            where = ElementPath(path + problem.path.items, problem.path.tag)
            self.problems.append(ValueProblem(where, problem.vr, problem.kind, problem.reason))
        self._problem_room -= len(problems)
        for element in bulk:
            where = ElementPath(path + element.path.items, element.path.tag)
            offset = position + element.offset
            self.bulk.append(BulkElement(where, element.vr, offset, element.length))

    def _next(self, position: int, end: int, context: Context) -> Entry:
        """Return the element at `position`; what it reports besides its entry is reported."""
        index = position - self._base
        if index + 12 > len(self._buffer) or end - position < 8:
            if end - position < 8:
                return self._ending(position, end)
            index = self._load(position, 12)
        buffer = self._buffer
        group, element, code, length = context.unpack_head(buffer, index)
        vr, head, remembered = None, 8, REMEMBERED_BYTES
        if code:
            vr = BY_CODE.get(code)
            if vr is None or vr.has_long_length:
                vr, head, length = read_uncommon_head(
                    buffer, index, end - position, vr, is_little_endian=context.is_little_endian
                )
            if vr is not None:
                remembered = vr.remembered_bytes
        tag = group << 16 | element
        raw = None
        if length <= remembered:
            size = head + length
            if size > end - position:
                raise self._overrun(tag, position, size, end)
            if index + size > len(buffer):
                index = self._load(position, size)
                buffer = self._buffer
            raw = buffer[index : index + size]
            entry = context.known.get(raw)
            if entry is not None:
                entry.is_fresh = False
                self._count_elements(entry.count, position)
                if entry.problems or entry.bulk:
                    self._report(entry.problems, entry.bulk, position)
                return entry
        elif length != UNDEFINED_LENGTH and head + length > end - position:
            raise self._overrun(tag, position, head + length, end)
        return self._decode(position, end, context, Head(tag, vr, head, length), raw)

    def _count_elements(self, number: int, position: int) -> None:
        self._count += number
        if self._count > self._limits.elements:
            raise self._limits.exceeded("elements", "The data set has more elements")
        if position - self._start - self._skipped > self._limits.header_bytes:
            raise self._limits.exceeded("header_bytes", "The header is longer")

    def _decode(
        self, position: int, end: int, context: Context, head: Head, raw: bytes | None
    ) -> Entry:
        """Return the entry of an element the memo does not know; `raw` when it shall know it."""
        tag, vr, _, length = head
        if tag >= ITEM:
            return self._delimiter(position, head)
        if tag == 0 and length == 0:
            return self._ending(position, end)
        self._count_elements(1, position)
        is_undefined = length == UNDEFINED_LENGTH
        if is_undefined and vr is not None and vr.kind is Kind.UNKNOWN:
            return self._sequence(position, end, context, head, None)
        if vr is None or vr.kind is Kind.UNKNOWN:
            vr = implied_vr(tag, vr, length, context)
        if vr.kind is Kind.SEQUENCE or (is_undefined and self._starts_item(position, head, vr)):
            return self._sequence(position, end, context, head, raw)
        if is_undefined:
            return self._encapsulated(position, context, head, vr)
        return self._plain_element(position, context, head, vr, raw)

    def _plain_element(
        self, position: int, context: Context, head: Head, vr: VR, raw: bytes | None
    ) -> Entry:
        """Return the entry of an element of defined length that is no sequence."""
        tag, _, head_size, length = head
        size = head_size + length
        if vr.kind is not Kind.VALUE:
            entry = bulk_entry(tag, vr, head_size, length, size)
            self._skipped += length
            if tag in PIXEL_DATA_TAGS:
                raw = None
                self._found_pixel_data(PixelDataSpan(tag, vr.name, position + head_size, length))
        elif raw is not None:
            entry = value_entry(raw, tag, vr, head_size, context)
        else:
            if length > self._limits.header_bytes:
                raise self._limits.exceeded("header_bytes", "A value in the header is longer")
            index = self._load(position, size)
            entry = value_entry(self._buffer[index : index + size], tag, vr, head_size, context)
        if raw is not None:
            context.remember(raw, entry)
        if entry.problems or entry.bulk:
            self._report(entry.problems, entry.bulk, position)
        return entry

    def _starts_item(self, position: int, head: Head, vr: VR) -> bool:
        """Whether an element of undefined length and unknown VR is a sequence (PS3.5 6.2.2)."""
        if vr.kind is not Kind.UNKNOWN:
            return False
        index = self._load(position, head.size + 4)
        return self._buffer[index + head.size :][:4] in _ITEM_BYTES

    def _sequence(
        self, position: int, end: int, context: Context, head: Head, raw: bytes | None
    ) -> Entry:
        tag = head.tag
        if len(self._path) >= self._limits.nesting_levels:
            raise self._limits.exceeded("nesting_levels", "Sequences are nested deeper")
        problems, bulk, count = len(self.problems), len(self.bulk), self._count
        stop, start = None, position + head.size
        if head.length != UNDEFINED_LENGTH:
            stop = start + head.length
        content, after = self._read_items(start, stop, end, context, head)
        entry = Entry(tag, after - position, element_text(tag, BY_NAME["SQ"], content))
        entry.count += self._count - count
        if tag in context.key.wanted:
            entry.value = json_value(entry)
        index = position - self._base
        if raw is None and entry.size <= REMEMBERED_BYTES and index >= 0:
            raw = self._buffer[index : index + entry.size]
            known = context.known.get(raw)
            if known is not None:
                known.is_fresh = False
                return known
        if raw is not None and self._problem_room > 0:
            depth = len(self._path)
            entry.problems = tuple(
                replace(problem, path=_relative(problem.path, depth))
                for problem in self.problems[problems:]
            )
            entry.bulk = tuple(
                replace(
                    element,
                    path=_relative(element.path, depth),
                    offset=element.offset - position,
                )
                for element in self.bulk[bulk:]
            )
            context.remember(raw, entry)
        return entry

    def _read_items(
        self, start: int, stop: int | None, end: int, context: Context, head: Head
    ) -> tuple[bytes, int]:
        """Return the JSON objects of a sequence's items and the byte behind the sequence."""
        bound = end if stop is None else stop
        is_unknown = head.vr is not None and head.vr.kind is Kind.UNKNOWN
        is_little = context.is_little_endian
        path = self._path
        texts: list[bytes] = []
        position = start
        while stop is None or position < stop:
            if bound - position < 8:
                raise self._unfinished(head.tag, position, bound, "an item or delimiter")
            index = self._load(position, 8)
            if is_unknown and not texts:
                is_little = self._buffer[index : index + 4] != _ITEM_BYTES[1]
            tag, length = read_item_head(self._buffer, index, is_little_endian=is_little)
            position += 8
            if tag == SEQUENCE_DELIMITER:
                position = stop or position
                break
            if tag != ITEM:
                raise MalformedElement(
                    head.tag, position - 8, "an item is expected and there is none"
                )
            self._count_elements(1, position)
            self._path = (*path, (head.tag, len(texts)))
            is_open = length == UNDEFINED_LENGTH
            item_end = bound if is_open else position + length
            if item_end > bound:
                raise self._overrun(head.tag, position - 8, 8 + length, bound)
            inner = self._item_context(position, item_end, context, is_little_endian=is_little)
            text, position, is_closed = self._read_item(position, item_end, inner, is_open=is_open)
            texts.append(text)
            if is_closed:
                break
        self._path = path
        return b",".join(texts), position

    def _item_context(
        self, position: int, end: int, context: Context, *, is_little_endian: bool
    ) -> Context:
        """Return the context of an item; it may have implicit VR in explicit data (PS3.5 6.2.2)."""
        if context.is_implicit or end - position < 8:
            return context.item()
        index = self._load(position, 8)
        if looks_explicit(self._buffer[index + 4 : index + 6]):
            return context.item()
        return context.implicit(is_little_endian=is_little_endian).item()

    def _read_item(
        self, position: int, end: int, context: Context, *, is_open: bool
    ) -> tuple[bytes, int, bool]:
        """Return the JSON object of a data set, the byte behind it, and whether it was the last.

        `is_open` says that a delimiter ends it. A sequence delimiter in its place is accepted: it
        ends the sequence too. So is the end of a sequence of defined length.
        """
        parts: list[bytes] = []
        tags: list[int] = []
        is_last = False
        while position < end:
            entry = self._next(position, end, context)
            position += entry.size
            if entry.tag >= ITEM:
                is_last = entry.tag == SEQUENCE_DELIMITER and is_open
                if is_open and entry.tag != _ZEROS_TAG:
                    break
                continue
            tags.append(entry.tag)
            parts.append(entry.text)
            if entry.value is not None:
                self.values[entry.tag] = entry.value
            context = entry.after or context
        else:
            if is_open and end == self._size:
                raise TruncatedInstance(self._path[-1][0], end, "no delimiter ends its item")
        if any(later <= earlier for earlier, later in pairwise(tags)):
            tags, parts = self._put_in_order(tags, parts)
        return b"{%b}" % b",".join([part for part in parts if part]), position, is_last

    def _put_in_order(self, tags: list[int], parts: list[bytes]) -> tuple[list[int], list[bytes]]:
        """Sort elements by tag and keep the last of equal ones (PS3.18 F.2.2)."""
        latest = dict(zip(tags, parts, strict=True))
        if len(latest) < len(tags):
            repeated = sorted(tag for tag, number in Counter(tags).items() if number > 1)
            reason = "it occurs more than once; the last occurrence counts"
            self._report(
                [
                    ValueProblem(ElementPath((), tag), "", ProblemKind.DUPLICATE, reason)
                    for tag in repeated
                ],
                (),
                0,
            )
        ordered = sorted(latest)
        return ordered, [latest[tag] for tag in ordered]

    def _encapsulated(self, position: int, context: Context, head: Head, vr: VR) -> Entry:
        """Return the entry of a value in fragments (PS3.5 A.4), of which only heads are read."""
        if vr.kind is Kind.VALUE:
            raise MalformedElement(head.tag, position, f"VR {vr.name} cannot have undefined length")
        offset = position + head.size
        offsets, lengths, after = walk_fragments(
            self._source,
            offset,
            head.tag,
            self._limits,
            is_little_endian=context.is_little_endian,
        )
        self._skipped += after - offset
        name = "OB" if head.vr is None and vr.name == "OW" else vr.name
        entry = bulk_entry(head.tag, BY_NAME[name], head.size, None, after - position)
        self._report((), entry.bulk, position)
        self._found_pixel_data(PixelDataSpan(head.tag, name, offset, None, offsets, lengths))
        return entry

    def _found_pixel_data(self, span: PixelDataSpan) -> None:
        if span.tag in PIXEL_DATA_TAGS and not self._path:
            self.pixel_data = span

    def _delimiter(self, position: int, head: Head) -> Entry:
        if head.tag not in (ITEM_DELIMITER, SEQUENCE_DELIMITER):
            raise MalformedElement(head.tag, position, "it has no place between elements")
        return Entry(head.tag, 8, b"")

    def _ending(self, position: int, end: int) -> Entry:
        """Return a pseudo element for zeros up to `end`, with which some writers fill up files."""
        if end - position <= _MOST_ZEROS:
            index = self._load(position, end - position)
            rest = self._buffer[index : index + end - position]
            if rest.count(0) == len(rest):
                return Entry(_ZEROS_TAG, end - position, b"")
        raise self._unfinished(0, position, end, "an element head")

    def _overrun(
        self, tag: int, position: int, size: int, end: int
    ) -> TruncatedInstance | MalformedElement:
        reason = f"it needs {size} bytes where {end - position} are left"
        if end == self._size:
            return TruncatedInstance(tag, position, reason)
        return MalformedElement(tag, position, reason + " in the item or sequence around it")

    def _unfinished(
        self, tag: int, position: int, end: int, what: str
    ) -> TruncatedInstance | MalformedElement:
        reason = f"{what} is incomplete or missing"
        if end == self._size:
            return TruncatedInstance(tag, position, reason)
        return MalformedElement(tag, position, reason)

    def _load(self, position: int, size: int) -> int:
        """Have `size` bytes from `position` in the buffer, or all there are; return the index."""
        index = position - self._base
        if (index >= 0 and index + size <= len(self._buffer)) or isinstance(self._source, bytes):
            return index
        wanted = max(size, WINDOW_BYTES)
        self._buffer = bytes(self._source[position : position + wanted])
        self._base = position
        if len(self._buffer) < min(size, self._size - position):
            raise TruncatedInstance(0, position, "the file became shorter while it was read")
        return 0


def _relative(path: ElementPath, depth: int) -> ElementPath:
    return ElementPath(path.items[depth:], path.tag)
