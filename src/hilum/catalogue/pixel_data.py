"""The pixel data element of an instance, made of frames in another transfer syntax (PS3.5 A.4)."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from itertools import accumulate
from struct import Struct
from typing import Final

from hilum.catalogue.frame_pieces import THE_END, FramePiece
from hilum.catalogue.transcoded_frames import TranscodedFrames
from hilum.domain.errors import NotTranscodable, PixelsNotDecodable
from hilum.domain.images import ImagePixels

_ELEMENT: Final = Struct("<HH2sHI")
_ITEM: Final = Struct("<HHI")
_UNDEFINED_LENGTH: Final = 0xFFFFFFFF
_LONGEST_VALUE: Final = 0xFFFFFFFE
_DELIMITER: Final = _ITEM.pack(0xFFFE, 0xE0DD, 0)


@dataclass(frozen=True, slots=True)
class PixelData:
    """The element, from its tag to its end."""

    size_bytes: int | None
    """None when it is not known before it is made."""
    chunks: AsyncGenerator[bytes, None]


def described_by(frames: TranscodedFrames) -> ImagePixels:
    """Return what the data set has to say of all frames. Raises `PixelsNotDecodable`."""
    if len(frames.described) > 1:
        message = "The frames differ once they are decoded: one data set cannot describe them."
        raise PixelsNotDecodable(message)
    (pixels,) = frames.described
    return pixels


def encapsulated(frames: TranscodedFrames, number: int) -> PixelData:
    """Put each frame into a fragment.

    The Basic Offset Table is full when all frames are made already, and empty when they are made
    while they are sent, since it stands before them.
    """
    sizes = frames.sizes
    if sizes is None:
        return PixelData(None, _fragments(frames, number, b""))
    padded = [size + size % 2 for size in sizes]
    offsets = list(accumulate((size + _ITEM.size for size in padded), initial=0))
    table = b""
    if offsets[-1] <= _LONGEST_VALUE:
        table = Struct(f"<{number}I").pack(*offsets[:-1])
    around = _ELEMENT.size + _ITEM.size + len(table) + len(_DELIMITER)
    return PixelData(around + offsets[-1], _fragments(frames, number, table))


def native(frames: TranscodedFrames, number: int) -> PixelData:
    """Put the frames one behind the other, bit by bit where they are no whole bytes.

    Raises `PixelsNotDecodable` when a frame has another size than its description says, and
    `NotTranscodable` when the value would be longer than it can be (PS3.5 7.1.1).
    """
    pixels = described_by(frames)
    made = frames.made[0]
    bits = pixels.rows * pixels.columns * pixels.samples_per_pixel * pixels.bits_allocated
    layout = _Layout(made, bits if made in _with_padding(bits) else 8 * made)
    size = -(layout.bits * number // -8)
    if size + size % 2 > _LONGEST_VALUE:
        message = "The pixel data would be longer than 4 GiB without compression."
        raise NotTranscodable(message)
    vr = b"OW" if pixels.bits_allocated > 8 else b"OB"
    head = _ELEMENT.pack(0x7FE0, 0x0010, vr, 0, size + size % 2)
    chunks = _joined(frames, number, layout, head, b"\0" * (size % 2))
    return PixelData(len(head) + size + size % 2, chunks)


@dataclass(frozen=True, slots=True)
class _Layout:
    made: int
    """Bytes of each frame as it is made."""
    bits: int
    """Bits of each that are samples; padding is behind them."""


def _with_padding(bits: int) -> Sequence[int]:
    size = -(bits // -8)
    return size, size + size % 2


async def _fragments(
    frames: TranscodedFrames, number: int, table: bytes
) -> AsyncGenerator[bytes, None]:
    head = _ELEMENT.pack(0x7FE0, 0x0010, b"OB", 0, _UNDEFINED_LENGTH)
    yield head + _ITEM.pack(0xFFFE, 0xE000, len(table)) + table
    async with aclosing(_made(frames, number)) as contents:
        async for data in contents:
            size = len(data)
            yield _ITEM.pack(0xFFFE, 0xE000, size + size % 2)
            yield data + b"\0" * (size % 2)
    yield _DELIMITER


async def _joined(
    frames: TranscodedFrames, number: int, layout: _Layout, head: bytes, padding: bytes
) -> AsyncGenerator[bytes, None]:
    yield head
    carried, held = 0, 0
    async with aclosing(_made(frames, number)) as contents:
        async for data in contents:
            if len(data) != layout.made:
                message = "A frame has another size than the others."
                raise PixelsNotDecodable(message)
            if layout.bits % 8 == 0:
                yield data[: layout.bits // 8]
                continue
            samples = int.from_bytes(data, "little") & ((1 << layout.bits) - 1)
            carried |= samples << held
            size, held = divmod(held + layout.bits, 8)
            yield (carried & ((1 << 8 * size) - 1)).to_bytes(size, "little")
            carried >>= 8 * size
    if held:
        yield bytes([carried])
    if padding:
        yield padding


async def _made(frames: TranscodedFrames, number: int) -> AsyncGenerator[bytes, None]:
    pieces = (FramePiece(position, 0, THE_END) for position in range(number))
    async with aclosing(frames.open(pieces)) as contents:
        async for each in contents:
            described_by(frames)
            if isinstance(each.content, bytes):
                yield each.content
