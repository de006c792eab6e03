"""Look-up tables of data sets: Modality, VOI, palettes in segments or whole (PS3.3 C.11, C.7.9)."""

import struct
import sys
from array import array
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final

from hilum.dicom.elements import ElementPath
from hilum.dicom.json_values import JsonDataset, values
from hilum.domain.presentation import LookupTable, Palette

BulkReader = Callable[[ElementPath], bytes | None]
"""Gives the value of an element that is not in the JSON, as Explicit VR Little Endian has it."""

_MOST_ENTRIES: Final = 1 << 16
_MOST_SEGMENT_BYTES: Final = 1 << 19
"""Segments that take more than the longest table would are not read to their end."""
_DESCRIPTOR: Final = "00283002"
_DATA: Final = "00283006"
_DISCRETE, _LINEAR, _INDIRECT = 0, 1, 2
Place = tuple[tuple[int, int], ...]
"""The items around an element, as in `ElementPath`."""


def lookup_table(
    dataset: JsonDataset,
    place: Place,
    bulk: BulkReader,
    *,
    descriptor: str = _DESCRIPTOR,
    data: str = _DATA,
    is_signed: bool,
) -> LookupTable | None:
    """Read the table of a data set or an item; None when there is no usable one.

    `is_signed`: the values that are looked up may be negative, so that the first one is signed.
    """
    described = _descriptor(dataset, descriptor, is_signed=is_signed)
    found = _bytes(dataset, place, data, bulk)
    if described is None or not found:
        return None
    count, first, bits = described
    return LookupTable(first, bits, _words(found, count))


def palette(dataset: JsonDataset, bulk: BulkReader, *, is_signed: bool) -> Palette | None:
    """Read the palette of a data set; None when one of its colours is missing."""
    colours = []
    for number in range(1, 4):
        descriptor = f"0028110{number}"
        table = lookup_table(
            dataset,
            (),
            bulk,
            descriptor=descriptor,
            data=f"0028120{number}",
            is_signed=is_signed,
        )
        if table is None:
            described = _descriptor(dataset, descriptor, is_signed=is_signed)
            segments = _bytes(dataset, (), f"0028122{number}", bulk)
            if described is None or not segments:
                return None
            count, first, bits = described
            entries = _expanded_words(segments, count, 1 if bits <= 8 else 2)
            if not entries:
                return None
            table = LookupTable(first, bits, entries)
        colours.append(table)
    red, green, blue = colours
    return Palette(red, green, blue)


@lru_cache(maxsize=12)
def _expanded_words(data: bytes, count: int, width: int) -> bytes:
    """As `expanded`, two bytes each; frames share what takes up to 0.1 s to make."""
    return _little(array("H", expanded(data, count, width)))


def expanded(data: bytes, count: int, width: int) -> list[int]:
    """Expand a segmented look-up table (PS3.3 C.7.9.2) to `count` entries at most.

    `width` is the bytes of a number, 1 or 2. What makes no sense ends the table; so does a segment
    of no entries, since only what adds entries is sure to come to an end.
    """
    data = data[:_MOST_SEGMENT_BYTES]
    usable = len(data) - len(data) % width
    numbers = struct.unpack(f"<{usable // width}{'B' if width == 1 else 'H'}", data[:usable])
    entries: list[int] = []
    position = 0
    while position + 2 <= len(numbers) and len(entries) < count:
        opcode = numbers[position]
        if opcode != _INDIRECT:
            after = _segment(numbers, position, entries, count)
        else:
            after = _copied(numbers, position, entries, count, width)
        if after is None:
            break
        position = after
    return entries[:count]


def _segment(numbers: Sequence[int], position: int, entries: list[int], count: int) -> int | None:
    """Add a discrete or linear segment; return where the next one is, None when it is damaged."""
    opcode, length = numbers[position : position + 2]
    room = count - len(entries)
    if not length:
        return None
    if opcode == _DISCRETE:
        found = numbers[position + 2 : position + 2 + length]
        entries += found[:room]
        return position + 2 + length if len(found) == length else None
    if opcode != _LINEAR or not entries or position + 2 >= len(numbers):
        return None
    start, end = entries[-1], numbers[position + 2]
    entries += [
        round(start + (end - start) * step / length) for step in range(1, min(length, room) + 1)
    ]
    return position + 3


def _copied(
    numbers: Sequence[int], position: int, entries: list[int], count: int, width: int
) -> int | None:
    """Add segments that stand elsewhere, which are not indirect themselves."""
    parts = 4 // width
    after = position + 2 + parts
    offset_numbers = numbers[position + 2 : after]
    if len(offset_numbers) < parts:
        return None
    shift = 8 * width
    offset = sum(part << shift * at for at, part in enumerate(offset_numbers))
    source: int | None = offset // width
    for _ in range(numbers[position + 1]):
        if source is None or source + 2 > len(numbers) or numbers[source] == _INDIRECT:
            return None
        if len(entries) >= count:
            break
        source = _segment(numbers, source, entries, count)
    return after


def _descriptor(dataset: JsonDataset, tag: str, *, is_signed: bool) -> tuple[int, int, int] | None:
    """Number of entries, first value, bits of an entry (PS3.3 C.11.1.1)."""
    found = values(dataset, tag)
    if len(found) != 3 or not all(isinstance(each, int) for each in found):
        return None
    count, first, bits = found
    count = (count & 0xFFFF) or _MOST_ENTRIES
    first = ((first & 0xFFFF) ^ 0x8000) - 0x8000 if is_signed else first & 0xFFFF
    return count, first, bits if 1 <= bits <= 16 else 16


def _bytes(dataset: JsonDataset, place: Place, tag: str, bulk: BulkReader) -> bytes:
    found = values(dataset, tag)
    if found:
        if not all(isinstance(each, int) for each in found):
            return b""
        return _little(array("H", [each & 0xFFFF for each in found[:_MOST_ENTRIES]]))
    return bulk(ElementPath(place, int(tag, 16))) or b""


def _words(data: bytes, count: int) -> bytes:
    """Entries of two bytes each: some tables have two entries of 8 bits in a word."""
    if len(data) >= 2 * count:
        return data[: 2 * count]
    if len(data) >= count:
        return _little(array("H", list(data[:count])))
    return data[: len(data) - len(data) % 2] if len(data) > 1 else _little(array("H", list(data)))


def _little(words: "array[int]") -> bytes:
    if sys.byteorder == "big":
        words.byteswap()
    return words.tobytes()
