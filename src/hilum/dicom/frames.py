"""Where the frames of an instance lie in its bytes (PS3.5 8.1.1, 8.2 and A.4), without decoding."""

import struct
import sys
import zlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import pairwise
from typing import Final, NamedTuple

from hilum.dicom.elements import PixelDataSpan
from hilum.dicom.header import Header
from hilum.dicom.sources import Source
from hilum.domain.errors import HilumError

_EXTENDED_OFFSET_TABLE: Final = 0x7FE00001
_EXTENDED_OFFSET_TABLE_LENGTHS: Final = 0x7FE00002
_ITEM_HEAD_BYTES: Final = 8
_SUBSAMPLED: Final = {
    "YBR_FULL_422": (2, 3),
    "YBR_PARTIAL_422": (2, 3),
    "YBR_PARTIAL_420": (1, 2),
}
"""Photometric interpretation to the part of all samples that is stored (PS3.3 C.7.6.3.1.2)."""
_MOST_FRAMES: Final = 2**31 - 1


def _no_numbers() -> "array[int]":
    return array("I")


class WhyUnknown(IntEnum):
    """Why the frames of an instance that has pixel data cannot be told apart. Stored: append."""

    NO_DIMENSIONS = 1
    """Rows, Columns, SamplesPerPixel or BitsAllocated is missing or zero."""
    BAD_NUMBER_OF_FRAMES = 2
    """NumberOfFrames is no whole number, or negative."""
    TOO_SHORT = 3
    """The pixel data is shorter than its frames need."""
    NO_OFFSETS = 4
    """Several fragments for each of several frames, and no offset table that fits."""
    TOO_FEW_FRAGMENTS = 5
    """There are fewer fragments than frames."""


_IN_WORDS: Final = {
    WhyUnknown.NO_DIMENSIONS: (
        "Rows, Columns, Samples per Pixel or Bits Allocated is missing or zero"
    ),
    WhyUnknown.BAD_NUMBER_OF_FRAMES: "Number of Frames is no whole number, or negative",
    WhyUnknown.TOO_SHORT: "the pixel data is shorter than they need",
    WhyUnknown.NO_OFFSETS: "they have several fragments each, and no offset table that fits",
    WhyUnknown.TOO_FEW_FRAGMENTS: (
        "there are fewer fragments than frames, as in video, which is one stream"
    ),
}


class FramesUnknown(HilumError):
    """The frames cannot be told apart; the pixel data can still be had as a whole."""

    code = "frames-unknown"
    title = "The frames cannot be told apart"

    def __init__(self, reason: WhyUnknown) -> None:
        self.reason = reason
        super().__init__(
            f"The frames of this instance cannot be told apart: {_IN_WORDS[reason]}."
            " Its pixel data can be had as a whole, in the instance or as bulk data."
        )


class FrameTableUnreadable(HilumError):
    """The index says where frames lie in a form that cannot be read."""

    code = "frame-table-unreadable"
    title = "The index says where frames lie in a form that cannot be read"

    def __init__(self, what: str) -> None:
        super().__init__(
            f"The index says where the frames of this instance lie in {what}:"
            " `hilum rebuild` finds it out anew from the stored files."
        )


class NoSuchFrame(HilumError):
    """A frame number beyond the number of frames."""

    code = "no-such-frame"
    title = "No such frame"

    def __init__(self, frame: int, number_of_frames: int) -> None:
        super().__init__(f"There is no frame {frame + 1}: the instance has {number_of_frames}.")


class Span(NamedTuple):
    """Bytes of a file, or of what a deflated data set inflates to."""

    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class FrameTable:
    """Where each frame lies. Frames count from 0 here, from 1 on the wires."""

    number_of_frames: int
    encapsulated: bool
    inflated: bool = False
    """Offsets count in what the deflated data set inflates to."""
    reason: WhyUnknown | None = None
    """Set when the frames cannot be told apart: then `spans` raises."""
    start: int = 0
    """Native: byte where the first frame starts. Encapsulated: where the first fragment does."""
    frame_bits: int = 0
    """Native: bits of one frame. Frames follow each other without a gap."""
    lengths: "array[int]" = field(default_factory=_no_numbers)
    """Encapsulated: bytes of every fragment as stored."""
    trims: "array[int]" = field(default_factory=_no_numbers)
    """Bytes at the end of each fragment that are padding, from the Extended Offset Table; empty
    when none are known."""
    fragments_per_frame: "array[int]" = field(default_factory=_no_numbers)
    """Empty when each frame is one fragment."""

    def spans(self, frame: int) -> Sequence[Span]:
        """Return the bytes of `frame`: one span, or one per fragment.

        Of native frames that are no whole number of bytes (1-bit images) the span holds the bytes
        the frame has a part of; it starts at bit `bit_offset(frame)` of the first.
        Raises `NoSuchFrame` or `FramesUnknown`.
        """
        if not 0 <= frame < self.number_of_frames:
            raise NoSuchFrame(frame, self.number_of_frames)
        if self.reason is not None:
            raise FramesUnknown(self.reason)
        if not self.encapsulated:
            first = frame * self.frame_bits // 8
            stop = -((frame + 1) * self.frame_bits // -8)
            return (Span(self.start + first, stop - first),)
        first, number = frame, 1
        if self.fragments_per_frame:
            first = sum(self.fragments_per_frame[:frame])
            number = self.fragments_per_frame[frame]
        offset = self.start + sum(self.lengths[:first]) + _ITEM_HEAD_BYTES * first
        return self._fragments(offset, first, first + number)

    def fragments(self) -> Sequence[Span]:
        """Return the bytes of every fragment, also when frames cannot be told apart in them.

        None of native pixel data, nor where NumberOfFrames makes no sense.
        """
        return self._fragments(self.start, 0, len(self.lengths))

    def bit_offset(self, frame: int) -> int:
        """Return the bit of the first byte of `frame` it starts at, the lowest being 0."""
        return 0 if self.encapsulated else frame * self.frame_bits % 8

    def _fragments(self, offset: int, first: int, stop: int) -> list[Span]:
        spans = []
        trims = self.trims[first:stop] or [0] * (stop - first)
        for length, trim in zip(self.lengths[first:stop], trims, strict=True):
            spans.append(Span(offset, length - trim))
            offset += length + _ITEM_HEAD_BYTES
        return spans

    def pack(self) -> bytes:
        """Return the table as few bytes; `unpack` reads them back."""
        arrays = (self.lengths, self.trims, self.fragments_per_frame)
        fixed = _PACKED.pack(
            self.number_of_frames,
            self.encapsulated,
            self.inflated,
            self.reason or 0,
            self.start,
            self.frame_bits,
            *map(len, arrays),
        )
        numbers = b"".join(map(_to_bytes, arrays))
        # Most tables have no numbers, and compressing nothing would only give up the GIL.
        return _VERSION + fixed + (zlib.compress(numbers, 1) if numbers else b"")

    @classmethod
    def unpack(cls, packed: bytes) -> "FrameTable":
        """Read what `pack` wrote. Raises `FrameTableUnreadable` for anything else."""
        if packed[:1] != _VERSION:
            raise FrameTableUnreadable("a form of another release")
        try:
            fixed = _PACKED.unpack_from(packed, 1)
            number, encapsulated, inflated, reason, start, bits, *sizes = fixed
            data = zlib.decompress(packed[1 + _PACKED.size :]) if any(sizes) else b""
            why = WhyUnknown(reason) if reason else None
        except (zlib.error, struct.error, ValueError) as error:
            raise FrameTableUnreadable("a damaged table") from error
        if len(data) != 4 * sum(sizes):
            raise FrameTableUnreadable("a damaged table")
        arrays = []
        offset = 0
        for size in sizes:
            arrays.append(_from_bytes(data[offset : offset + 4 * size]))
            offset += 4 * size
        return cls(number, encapsulated, inflated, why, start, bits, *arrays)


_VERSION: Final = b"\x01"
_PACKED: Final = struct.Struct("<I??BQQ3I")


def _to_bytes(numbers: "array[int]") -> bytes:
    if sys.byteorder == "big":
        numbers = array("I", numbers)
        numbers.byteswap()
    return numbers.tobytes()


def _from_bytes(data: bytes) -> "array[int]":
    numbers = array("I")
    numbers.frombytes(data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def frame_table(source: Source, header: Header) -> FrameTable | None:
    """Return where the frames of an instance lie, or None when it has no pixel data.

    `source` is what `header` was read from; of it only offset tables are read.
    """
    pixels = header.pixel_data
    if pixels is None:
        return None
    number = _number_of_frames(header)
    is_encapsulated = pixels.length is None
    if number is None:
        return FrameTable(
            0, is_encapsulated, header.inflated, WhyUnknown.BAD_NUMBER_OF_FRAMES, pixels.offset
        )
    if is_encapsulated:
        return _encapsulated(source, header, pixels, number)
    return _native(header, pixels, number)


def _number_of_frames(header: Header) -> int | None:
    """Return NumberOfFrames, 1 when it is absent or 0, None when it makes no sense."""
    _, values = header.values.get(0x00280008, ("", []))
    number = values[0] if values else 1
    if not isinstance(number, int | float) or number != int(number):
        return None
    return max(1, int(number)) if 0 <= number <= _MOST_FRAMES else None


def _positive(header: Header, tag: int, default: int = 0) -> int:
    _, values = header.values.get(tag, ("", []))
    value = values[0] if values else default
    return value if isinstance(value, int) and value > 0 else 0


def _native(header: Header, pixels: PixelDataSpan, number: int) -> FrameTable:
    samples = _positive(header, 0x00280002, default=1)
    bits = _positive(header, 0x00280100)
    full = _positive(header, 0x00280010) * _positive(header, 0x00280011) * samples * bits
    available = (pixels.length or 0) * 8
    frame_bits = full
    photometric = header.text(0x00280004) or ""
    if samples == 3 and photometric in _SUBSAMPLED and available < full * number:
        part, of = _SUBSAMPLED[photometric]
        frame_bits = full * part // of
    reason = None
    if full == 0:
        reason = WhyUnknown.NO_DIMENSIONS
    elif frame_bits * number > available:
        reason = WhyUnknown.TOO_SHORT
    return FrameTable(
        number,
        encapsulated=False,
        inflated=header.inflated,
        reason=reason,
        start=pixels.offset,
        frame_bits=0 if reason else frame_bits,
    )


def _encapsulated(source: Source, header: Header, pixels: PixelDataSpan, number: int) -> FrameTable:
    starts, lengths = pixels.fragment_offsets[1:], pixels.fragment_lengths[1:]
    per_frame, trims = array("I"), array("I")
    reason = None
    extended = _extended_table(source, header, number, pixels)
    if extended is not None:
        trims = extended
    elif len(lengths) < number:
        reason = WhyUnknown.TOO_FEW_FRAGMENTS
    elif number == 1 and len(lengths) != 1:
        per_frame = array("I", [len(lengths)])
    elif len(lengths) != number:
        counted = _basic_table(source, pixels, number)
        reason = WhyUnknown.NO_OFFSETS if counted is None else None
        per_frame = counted or per_frame
    return FrameTable(
        number,
        encapsulated=True,
        inflated=header.inflated,
        reason=reason,
        start=starts[0] if starts else pixels.offset,
        lengths=array("I", lengths),
        trims=trims if any(trims) else array("I"),
        fragments_per_frame=per_frame,
    )


def _basic_table(source: Source, pixels: PixelDataSpan, number: int) -> "array[int] | None":
    """Return how many fragments each frame has, from the Basic Offset Table (PS3.5 A.4).

    None when the table is empty or names places where no fragment starts.
    """
    if pixels.fragment_lengths[0] != 4 * number:
        return None
    table = pixels.fragment_offsets[0]
    offsets = struct.unpack(f"<{number}I", source[table : table + 4 * number])
    origin = pixels.fragment_offsets[1]
    order = {start - origin: index for index, start in enumerate(pixels.fragment_offsets[1:])}
    firsts = [order.get(offset, -1) for offset in offsets]
    firsts.append(len(order))
    counts = [later - earlier for earlier, later in pairwise(firsts)]
    if firsts[0] != 0 or min(counts) < 1 or -1 in firsts:
        return None
    return array("I", counts)


def _extended_table(
    source: Source, header: Header, number: int, pixels: PixelDataSpan
) -> "array[int] | None":
    """Return the padding of each frame's one fragment, from the Extended Offset Table.

    None when there is no such table or it names other places than those of the fragments
    (PS3.3 C.7.6.3.1.8: one fragment per frame).
    """
    places = {
        element.path.tag: element
        for element in header.bulk
        if not element.path.items and element.length == 8 * number
    }
    if not {_EXTENDED_OFFSET_TABLE, _EXTENDED_OFFSET_TABLE_LENGTHS} <= places.keys():
        return None
    starts, lengths = pixels.fragment_offsets[1:], pixels.fragment_lengths[1:]
    if len(lengths) != number:
        return None
    offsets, sizes = (
        struct.unpack(f"<{number}Q", source[place.offset : place.offset + 8 * number])
        for place in (places[_EXTENDED_OFFSET_TABLE], places[_EXTENDED_OFFSET_TABLE_LENGTHS])
    )
    if any(start - starts[0] != offset for start, offset in zip(starts, offsets, strict=True)):
        return None
    if any(size > length for size, length in zip(sizes, lengths, strict=True)):
        return None
    return array("I", [length - size for size, length in zip(sizes, lengths, strict=True)])
