"""What a codestream announces, read from its header alone.

A codestream of a hundred bytes can ask its decoder for gigabytes: nothing is decoded before what
it announces was compared with the data set. Whatever is read here came from a stranger; every
function raises `PixelsNotDecodable` and nothing else.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum
from itertools import pairwise
from typing import Final

from hilum.domain.errors import PixelsNotDecodable
from hilum.imaging.syntaxes import Codec

_STANDALONE: Final = frozenset({0x01, *range(0xD0, 0xD8)})
"""Markers without a length: TEM and RST (ISO/IEC 10918-1 table B.1)."""
_NO_FRAME: Final = frozenset({0xC4, 0xC8, 0xCC})
"""DHT, JPG and DAC, which stand among the frame headers."""
_JPEG_LS_FRAME: Final = 0xF7
_APP0, _APP14, _SOS, _EOI, _LSE = 0xE0, 0xEE, 0xDA, 0xD9, 0xF8
_LSE_SIZE: Final = 4
"""LSE segment that gives the image another size (ISO/IEC 14495-1 C.2.4.1.4)."""
_END: Final = b"\xff\xd9"
"""EOI of JPEG and JPEG-LS, EOC of JPEG 2000."""
_PADDING_BYTES: Final = 64
"""Behind the end some writers leave more than the one byte of PS3.5 A.4, or nothing but zeros."""
_MOST_SEGMENTS: Final = 10_000
_MOST_TILES: Final = 65_535
"""ISO/IEC 15444-1 A.5.1."""
_RLE_HEADER: Final = struct.Struct("<16I")
_SIZ: Final = struct.Struct(">HHIIIIIIIIH")


class Colour(IntEnum):
    """What the codestream itself says about three components."""

    UNKNOWN = 0
    RGB = 1
    YCBCR = 2
    """The decoder is expected to make RGB of it."""


@dataclass(frozen=True, slots=True)
class Announced:
    """The image that a decoder would make of a codestream."""

    columns: int
    rows: int
    components: int
    bits: int
    """Of a sample."""
    is_signed: bool = False
    colour: Colour = Colour.UNKNOWN
    process: int = 0
    """JPEG: low byte of the frame header's marker (0xC0 baseline, 0xC3 lossless)."""


def announced(codec: Codec, data: bytes) -> Announced:
    """Read the header of a codestream of JPEG, JPEG-LS, JPEG 2000 or HTJ2K.

    Raises `PixelsNotDecodable` when there is none, when it contradicts the codec, or when the
    codestream was cut off: a decoder would fill up what is missing and say nothing.
    """
    try:
        if codec in {Codec.JPEG_2000, Codec.HTJ2K}:
            return _jpeg_2000(jpeg_2000_codestream(data))
        return _jpeg(data, codec)
    except (struct.error, IndexError) as error:
        raise _damaged("its header is cut off") from error


def jpeg_2000_codestream(data: bytes) -> bytes:
    """Return the codestream itself: some writers leave the JP2 file around it (PS3.5 A.4.4)."""
    if data[4:8] != b"jP  ":
        return data
    at = 0
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if length == 1:
            length, head = struct.unpack_from(">Q", data, at + 8)[0], 16
        if kind == b"jp2c":
            return data[at + head : at + length] if length else data[at + head :]
        if length < head:
            break
        at += length
    raise _damaged("its JP2 boxes hold no codestream")


def rle_segments(data: bytes) -> list[int]:
    """Return where the segments of an RLE frame start, and its end (PS3.5 G.5)."""
    if len(data) < _RLE_HEADER.size:
        raise _damaged("its RLE header is cut off")
    number, *offsets = _RLE_HEADER.unpack_from(data)
    if not 1 <= number <= len(offsets):
        raise _damaged(f"its RLE header tells of {number} segments")
    starts = [*offsets[:number], len(data)]
    if starts[0] < _RLE_HEADER.size or any(later < earlier for earlier, later in pairwise(starts)):
        raise _damaged("its RLE segments are out of order")
    return starts


def _jpeg(data: bytes, codec: Codec) -> Announced:
    if data[:2] != b"\xff\xd8":
        raise _damaged("there is no JPEG codestream")
    _demand_end(data)
    frames: list[Announced] = []
    adobe = jfif = Colour.UNKNOWN
    for marker, segment in _segments(data):
        if marker == _APP14 and segment[:5] == b"Adobe" and len(segment) >= 12:
            adobe = Colour.YCBCR if segment[11] else Colour.RGB
        elif marker == _APP0 and segment[:4] == b"JFIF":
            jfif = Colour.YCBCR
        elif marker == _LSE and segment[:1] == bytes([_LSE_SIZE]):
            raise _damaged("it gives itself another size")
        elif _is_frame(marker):
            frames.append(_jpeg_frame(marker, segment, codec))
    if len(frames) != 1:
        raise _damaged(f"it has {len(frames)} frame headers")
    (frame,) = frames
    return replace(frame, colour=frame.colour or adobe or jfif)


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Markers and what belongs to them, up to the first scan."""
    at = 2
    for _ in range(_MOST_SEGMENTS):
        marker, at = _next_marker(data, at)
        if marker in _STANDALONE:
            continue
        if marker == _EOI:
            break
        (length,) = struct.unpack_from(">H", data, at)
        segment = data[at + 2 : at + length]
        if length < 2 or len(segment) != length - 2:
            raise _damaged("a segment is cut off")
        if marker == _SOS:
            return
        yield marker, segment
        at += length
    raise _damaged("it holds no image")


def _next_marker(data: bytes, at: int) -> tuple[int, int]:
    if data[at] != 0xFF:
        raise _damaged("a marker is expected and there is none")
    while data[at] == 0xFF:  # fill bytes
        at += 1
    return data[at], at + 1


def _is_frame(marker: int) -> bool:
    return marker == _JPEG_LS_FRAME or (0xC0 <= marker <= 0xCF and marker not in _NO_FRAME)


_PROCESSES: Final = {
    Codec.JPEG: {0xC0, 0xC1, 0xC2},
    Codec.JPEG_LOSSLESS: {0xC3},
    Codec.JPEG_LS: {_JPEG_LS_FRAME},
}


def _jpeg_frame(marker: int, segment: bytes, codec: Codec) -> Announced:
    if marker not in _PROCESSES[codec]:
        raise _damaged(f"its process (marker FF{marker:02X}) is not that of the transfer syntax")
    bits, rows, columns, components = struct.unpack_from(">BHHB", segment)
    specifications = segment[6:]
    if len(specifications) != 3 * components:
        raise _damaged("its frame header makes no sense")
    names_rgb = components == 3 and specifications[::3] in {b"RGB", b"rgb"}
    colour = Colour.RGB if names_rgb else Colour.UNKNOWN
    if codec is not Codec.JPEG and len({*specifications[1::3]}) > 1:
        raise _damaged("its components are not of one size")
    return _sound(
        Announced(columns, rows, components, bits, colour=colour, process=marker), most_bits=16
    )


def _jpeg_2000(data: bytes) -> Announced:
    if data[:4] != b"\xff\x4f\xff\x51":
        raise _damaged("there is no JPEG 2000 codestream")
    _demand_end(data)
    length, _, right, bottom, left, top, *tiles, components = _SIZ.unpack_from(data, 4)
    tile_width, tile_height, tile_left, tile_top = tiles
    specifications = data[4 + _SIZ.size : 4 + length]
    if not components or length != _SIZ.size + 3 * components:
        raise _damaged("its SIZ segment makes no sense")
    if len(specifications) != 3 * components:
        raise _damaged("its header is cut off")
    if len({specifications[at : at + 3] for at in range(0, 3 * components, 3)}) != 1:
        raise _damaged("its components are not alike")
    depth, *steps = specifications[:3]
    if steps != [1, 1] or right <= left or bottom <= top or not tile_width or not tile_height:
        raise _damaged("its SIZ segment makes no sense")
    across = -((right - tile_left) // -tile_width)
    down = -((bottom - tile_top) // -tile_height)
    if across < 1 or down < 1 or across * down > _MOST_TILES:
        raise _damaged("it has too many tiles")
    return _sound(
        Announced(
            right - left,
            bottom - top,
            components,
            (depth & 0x7F) + 1,
            is_signed=depth >= 0x80,
            colour=Colour.RGB if _transforms_components(data, 4 + length) else Colour.UNKNOWN,
        ),
        most_bits=32,
    )


def _transforms_components(data: bytes, at: int) -> bool:
    """Whether COD says that the first three components go through a colour transform."""
    for _ in range(_MOST_SEGMENTS):
        marker, length = struct.unpack_from(">HH", data, at)
        if marker == 0xFF52:
            return bool(data[at + 8])
        if marker in {0xFF90, 0xFF93} or length < 2:
            break
        at += 2 + length
    raise _damaged("it does not say how it is coded")


def _sound(found: Announced, *, most_bits: int) -> Announced:
    if not (found.rows and found.columns and found.components and 1 <= found.bits <= most_bits):
        raise _damaged("it announces no possible image")
    return found


def _demand_end(data: bytes) -> None:
    if _END not in data[-_PADDING_BYTES:] and not data.rstrip(b"\0\xff").endswith(_END):
        raise _damaged("it was cut off")


def _damaged(why: str) -> PixelsNotDecodable:
    return PixelsNotDecodable(f"The stored frame cannot be decoded: {why}.")
