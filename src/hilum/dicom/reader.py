"""Reads the elements of a data set in one pass; the heart of the header transcoder.

There are two ways to read an element. `_read_swiftly` runs through elements that are a text and
nothing more, which nearly all are, and through runs met before. `_next` reads any element.
Positions are bytes from the start of the source; an index is one in the window's buffer.
"""

from typing import Final

from hilum.dicom.budget import Budget
from hilum.dicom.entries import element_text
from hilum.dicom.errors import MalformedElement
from hilum.dicom.heads import Head, looks_explicit, read_item_head, read_uncommon_head
from hilum.dicom.level import DisorderedTags, Level, Streak, matching_run
from hilum.dicom.limits import HeaderLimits
from hilum.dicom.lone_elements import ITEM_BYTES, ZEROS_TAG, LoneElements
from hilum.dicom.memo import ENTRY_OVERHEAD_BYTES, Context, Entry, JsonValue, Run, values_of
from hilum.dicom.plain_sequences import fresh_creator, fresh_plain_sequence
from hilum.dicom.report import Report
from hilum.dicom.shapes import Shape, learn_shape
from hilum.dicom.sources import Source
from hilum.dicom.vr import (
    BY_CODE,
    BY_NAME,
    ITEM,
    REMEMBERED_BYTES,
    SEQUENCE_DELIMITER,
    UNDEFINED_LENGTH,
    Kind,
)
from hilum.dicom.window import Window

_LONGEST_RUN_BYTES: Final = 64 * 1024
_LONGEST_REMEMBERED_VALUE: Final = 4096


class ElementReader:
    """Reads one data set once; `values` and `report` fill on the way."""

    def __init__(
        self, source: Source, start: int, limits: HeaderLimits, memo_room_bytes: int
    ) -> None:
        self._start = start
        self._window = Window(source)
        self._budget = Budget(limits, start, memo_room_bytes)
        self._wanted: list[bytes] = []
        self.values: dict[int, JsonValue] = {}
        self.report = Report()
        self._lone = LoneElements(self._window, self._budget, self.report)

    @property
    def room_bytes(self) -> int:
        """What is left of `memo_room_bytes`."""
        return self._budget.room

    def read(self, context: Context, *, uses_runs: bool = True) -> bytes:
        """Return the DICOM JSON object of the data set that begins at byte `start`.

        Raises `DisorderedTags` when it has to be read without runs, `SignUnknown` when it has to
        be read with a known PixelRepresentation, and every `UnreadableInstance` or `LimitExceeded`
        that the data set deserves.
        """
        level = Level(self._start, self._window.size, context, uses_runs=uses_runs, remembers=True)
        self._read_data_set(level, is_open=False)
        self.values.update(values_of(self._wanted))
        return level.json()

    def _read_data_set(self, level: Level, *, is_open: bool) -> bool:
        """Read a data set; return whether its end was the end of the sequence around it, too.

        `is_open` says that a delimiter ends it. A sequence delimiter in its place is accepted: it
        ends both. So is the end of a sequence of defined length.
        """
        is_last = False
        first_bulk = len(self.report.bulk)
        while level.position < level.end:
            if not self._read_swiftly(level):
                continue
            entry, raw, is_known = self._next(level.position, level.end, level.context)
            if entry.tag >= ITEM:  # a delimiter, or zeros that fill up the end
                level.position += entry.size
                if is_open and entry.tag != ZEROS_TAG:
                    is_open, is_last = False, entry.tag == SEQUENCE_DELIMITER
                    break
                continue
            self._take(level, entry, raw, is_known=is_known)
        if is_open and level.end == self._window.size:
            tag, _ = self.report.path[-1]
            raise self._window.unfinished(tag, level.end, level.end, "the end of an item")
        if level.uses_runs:
            self._end_streak(level, level.position, level.last_tag)
        if level.is_disordered:
            bulk = self.report.bulk[first_bulk:]
            problems = level.put_in_order(bulk)
            self.report.bulk[first_bulk:] = bulk
            self.report.add(problems, (), level.position)
        return is_last

    def _read_swiftly(self, level: Level) -> bool:  # noqa: C901, PLR0912, PLR0915
        """Read what is swiftly read; return whether `_next` has to read on.

        One function with everything in local names, since nearly all elements come through here.
        """
        context, parts, last_tag = level.context, level.parts, level.last_tag
        buffer, base = self._window.buffer, self._window.base
        known, runs = context.known, context.runs
        _, shapes, unpack_key = context.form
        surroundings, wanted, uses_runs = context.surroundings, context.key.wanted, level.uses_runs
        streak = level.streak
        budget, spent = self._budget, 0
        room = budget.room if level.remembers else 0
        horizon = min(len(buffer), level.end - base, budget.header_end - base)
        last_head = horizon - 8
        index = level.position - base
        count, most = 0, budget.limits.elements - budget.count
        is_stuck = True
        for count in range(most):  # noqa: B007 - read behind the loop
            if index > last_head:
                break
            key, length = unpack_key(buffer, index)
            shape = shapes.get(key)
            if shape is None:
                break
            stop = index + 8 + length
            if stop > horizon:
                break
            tag, is_plain, plain_opening, plain_closing, convert, opening, empty = shape
            if tag <= last_tag:
                if uses_runs:
                    raise DisorderedTags
                level.is_disordered = True
            raw = buffer[index:stop]
            text = known.get(raw)
            if text is None:
                if convert is None:
                    entry = self._fresh_entry(base + index, base + horizon, context, shape)
                    if entry is None:
                        break
                    if streak is not None:
                        self._end_streak(level, base + index, last_tag)
                        streak = None
                    parts.append(entry.text)
                    if tag in wanted:
                        self._wanted.append(entry.text)
                    last_tag = tag
                    index += entry.size
                    if entry.after is not None or self._window.base != base:
                        level.context = entry.after or context
                        budget.count += 1
                        is_stuck = False
                        break
                    continue
                value = raw[8:]
                if is_plain is not None and is_plain(value):
                    value = value.rstrip(b" \0")
                    text = plain_opening + value + plain_closing if value else empty
                else:
                    content, problem = convert(value, surroundings, tag)
                    if problem is not None:
                        break
                    text = opening + content + b"]}" if content else empty
                if spent < room and length <= _LONGEST_REMEMBERED_VALUE:
                    known[raw] = text
                    spent += length + ENTRY_OVERHEAD_BYTES
                if streak is not None:
                    self._end_streak(level, base + index, last_tag)
                    streak = None
            elif text.__class__ is not bytes:
                break
            elif uses_runs:
                run = matching_run(runs.get(raw), buffer, stop)
                if run is None:
                    if streak is None:
                        streak = level.streak = Streak(raw, base + index, context)
                    else:
                        streak.elements.append((base + index - streak.start, text))
                else:
                    if streak is not None:
                        self._end_streak(level, base + index, last_tag)
                        streak = None
                    parts.append(text)
                    if tag in wanted:
                        self._wanted.append(text)
                    self._take_run(run, parts, base + stop)
                    index = stop + len(run.tail)
                    last_tag = run.last_tag
                    if run.after is not context:
                        level.context = run.after
                        budget.count += 1
                        is_stuck = False
                        break
                    continue
            parts.append(text)
            if tag in wanted:
                self._wanted.append(text)
            last_tag = tag
            index = stop
        else:
            count = most
        budget.take(count, 0)
        budget.room -= spent
        level.position = base + index
        level.last_tag = last_tag
        return is_stuck and level.position < level.end

    def _take(self, level: Level, entry: Entry, raw: bytes, *, is_known: bool) -> None:
        """Add the element at the position of `level` to it."""
        tag, position = entry.tag, level.position
        if tag <= level.last_tag:
            if level.uses_runs:
                raise DisorderedTags
            level.is_disordered = True
        level.position += entry.size
        run = None
        if level.uses_runs:
            if is_known:
                index = level.position - self._window.base
                run = matching_run(level.context.runs.get(raw), self._window.buffer, index)
            if is_known and run is None:
                if level.streak is None:
                    level.streak = Streak(raw, position, level.context)
                else:
                    level.streak.elements.append((position - level.streak.start, entry))
            else:
                self._end_streak(level, position, level.last_tag)
        level.last_tag = tag
        if entry.text:
            level.parts.append(entry.text)
            if tag in level.context.key.wanted:
                self._wanted.append(entry.text)
        level.context = entry.after or level.context
        if run is not None:
            self._take_run(run, level.parts, level.position)
            level.position += len(run.tail)
            level.last_tag = run.last_tag
            level.context = run.after

    def _take_run(self, run: Run, parts: list[bytes], position: int) -> None:
        self._budget.take(run.count, position + len(run.tail))
        if run.text:
            parts.append(run.text)
        if run.values:
            self.values.update(run.values)
        if run.problems or run.bulk:
            self.report.add(run.problems, run.bulk, position)

    def _end_streak(self, level: Level, end: int, last_tag: int) -> None:
        """Remember the streak of `level` as a run that ends before byte `end`."""
        streak = level.streak
        if streak is None:
            return
        level.streak = None
        index, size = streak.start - self._window.base, end - streak.start
        if streak.elements and index >= 0 and size <= min(_LONGEST_RUN_BYTES, self._budget.room):
            tail = self._window.buffer[index : index + size]
            run = Run(tail, streak.elements, last_tag, level.context)
            streak.context.remember_run(streak.first, run)
            self._budget.room -= size + len(run.text) + ENTRY_OVERHEAD_BYTES

    def _next(self, position: int, end: int, context: Context) -> tuple[Entry, bytes, bool]:
        """Return the element at `position`, its bytes if worth remembering, and if it was known."""
        window = self._window
        if end - position < 8:
            return self._lone.ending(position, end), b"", False
        buffer, index = window.buffer, position - window.base
        if index + 12 > len(buffer):
            index = window.load(position, 12)
            buffer = window.buffer
        group, element, code, length = context.form.unpack_head(buffer, index)
        vr, head_size, remembered = None, 8, REMEMBERED_BYTES
        if code:
            vr = BY_CODE.get(code)
            if vr is None or vr.has_long_length:
                little, available = context.is_little_endian, end - position
                vr, head_size, length = read_uncommon_head(buffer, index, available, vr, little)
            if vr is not None:
                remembered = vr.remembered_bytes
        head = Head(group << 16 | element, vr, head_size, length)
        size = head_size + length
        if length != UNDEFINED_LENGTH and size > end - position:
            raise window.overrun(head.tag, position, size, end)
        if length > remembered:
            return self._decode(position, end, context, head, b"")
        if index + size > len(buffer):
            index = window.load(position, size)
            buffer = window.buffer
        raw = buffer[index : index + size]
        found = context.known.get(raw)
        if found is None:
            return self._decode(position, end, context, head, raw)
        entry = Entry(head.tag, size, found) if isinstance(found, bytes) else found
        self._budget.take(entry.count, position + size)
        if entry.problems or entry.bulk:
            self.report.add(entry.problems, entry.bulk, position)
        return entry, raw, True

    def _decode(
        self, position: int, end: int, context: Context, head: Head, raw: bytes
    ) -> tuple[Entry, bytes, bool]:
        """Do what `_next` does for an element that is not known, or too long to be."""
        tag, vr, _, length = head
        if tag >= ITEM:
            return self._lone.delimiter(position, head), b"", False
        if tag == 0 and length == 0:
            return self._lone.ending(position, end), b"", False
        self._budget.take(1, position)
        if vr is None or vr.kind is Kind.UNKNOWN:
            vr = self._lone.implied_vr(position, context, head)
        if vr.kind is Kind.SEQUENCE:
            return self._sequence(position, end, context, head, raw)
        return *self._lone.decode(position, context, head, vr, raw), False

    def _fresh_entry(self, position: int, end: int, context: Context, shape: Shape) -> Entry | None:
        """Return the sequence or creator at `position`, if it is new and ends before `end`."""
        tag, is_plain, *_ = shape
        buffer, index = self._window.buffer, position - self._window.base
        if is_plain is not None:
            return fresh_creator(buffer, index, context, shape, self._budget)
        length = int.from_bytes(buffer[index + 8 : index + 12], "little")
        size = 12 + length
        if size > end - position:
            return None
        raw = b""
        if length <= REMEMBERED_BYTES:
            raw = buffer[index : index + size]
            if raw in context.known:
                return None
            if len(self.report.path) < self._budget.limits.nesting_levels:
                entry = fresh_plain_sequence(raw, tag, context, self._budget)
                if entry is not None:
                    return entry
        head = Head(tag, BY_NAME["SQ"], 12, length)
        return self._sequence(position, position + size, context, head, raw)[0]

    def _sequence(
        self, position: int, end: int, context: Context, head: Head, raw: bytes
    ) -> tuple[Entry, bytes, bool]:
        report = self.report
        if len(report.path) >= self._budget.limits.nesting_levels:
            raise self._budget.limits.exceeded("nesting_levels", "Sequences are nested deeper")
        if context.is_little_endian:
            learn_shape(raw, head.tag, BY_NAME["SQ"], is_implicit=context.is_implicit)
        mark, count = report.mark(), self._budget.count
        content, after = self._read_items(position + head.size, end, context, head)
        entry = Entry(head.tag, after - position, element_text(head.tag, BY_NAME["SQ"], content))
        entry.count += self._budget.count - count
        index = position - self._window.base
        if not raw and entry.size <= REMEMBERED_BYTES and index >= 0:
            raw = self._window.buffer[index : index + entry.size]
            known = context.known.get(raw)
            if isinstance(known, Entry):
                return known, raw, True
        found = report.since(mark, position)
        if raw and found is not None:
            entry.problems, entry.bulk = found
            self._budget.remember(context, raw, entry)
        return entry, raw, False

    def _read_items(self, start: int, end: int, context: Context, head: Head) -> tuple[bytes, int]:
        """Return the JSON objects of a sequence's items and the byte behind the sequence."""
        window, report = self._window, self.report
        stop = None if head.length == UNDEFINED_LENGTH else start + head.length
        bound = end if stop is None else stop
        is_unknown = head.vr is not None and head.vr.kind is Kind.UNKNOWN
        is_little = context.is_little_endian
        remembers = head.length > REMEMBERED_BYTES
        path = report.path
        texts: list[bytes] = []
        position = start
        while stop is None or position < stop:
            index = position - window.base
            if bound - position < 8:
                raise window.unfinished(head.tag, position, bound, "an item or delimiter")
            if index + 16 > len(window.buffer):
                index = window.load(position, 16)
            if is_unknown and not texts:
                is_little = window.buffer[index : index + 4] != ITEM_BYTES[1]
            tag, length = read_item_head(window.buffer, index, is_little_endian=is_little)
            position += 8
            if tag == SEQUENCE_DELIMITER:
                return b",".join(texts), stop or position
            if tag != ITEM:
                reason = "an item is expected and there is none"
                raise MalformedElement(head.tag, position - 8, reason)
            self._budget.take(1, position)
            is_open = length == UNDEFINED_LENGTH
            item_end = bound if is_open else position + length
            if item_end > bound:
                raise window.overrun(head.tag, position - 8, 8 + length, bound)
            report.path = (*path, (head.tag, len(texts)))
            inner = context.item()
            code = window.buffer[index + 12 : index + 14]
            if not context.is_implicit and item_end - position >= 8 and not looks_explicit(code):
                # Implicit VR may hide in explicit data sets (PS3.5 6.2.2).
                inner = context.implicit(is_little_endian=is_little).item()
            level = Level(position, item_end, inner, uses_runs=False, remembers=remembers)
            is_last = self._read_data_set(level, is_open=is_open)
            report.path = path
            texts.append(level.json())
            position = level.position
            if is_last:
                break
        return b",".join(texts), position
