"""Frames as they are without compression: samples in words (PS3.5 8.1.1 and 8.2, PS3.3 C.7.6.3).

What is read here are the words as stored, with all their bits: padding and overlays included.
"""

import zlib
from dataclasses import replace
from typing import Final

import numpy as np

from hilum.domain.errors import PixelsNotDecodable
from hilum.domain.images import EncodedFrame, ImagePixels
from hilum.imaging.layout import sample_bytes
from hilum.imaging.pixels import SUBSAMPLED, Array, Decoded, dtype_of, shape_of

_DEFLATE_LEVEL: Final = 6
_RAW_DEFLATE: Final = -15


def native_words(frame: EncodedFrame, *, is_little_endian: bool) -> Decoded:
    """Read a native frame; the values are unsigned and hold whole words, colours are interleaved.

    YBR_FULL_422 comes out as YBR_FULL, each chroma sample twice. Raises `PixelsNotDecodable`.
    """
    pixels = frame.pixels
    data, bit = _in_byte_order(frame, is_little_endian=is_little_endian)
    count = pixels.rows * pixels.columns * pixels.samples_per_pixel
    if pixels.bits_allocated == 1:
        words = np.frombuffer(data, np.uint8)
        words = np.unpackbits(words, bitorder="little")[bit : bit + count]
    else:
        if bit:
            raise _short()
        order = "<" if is_little_endian else ">"
        kind = np.dtype(f"{order}u{sample_bytes(pixels)}")
        available = len(data) // kind.itemsize
        if available < count and pixels.samples_per_pixel == 3:
            if pixels.photometric_interpretation in SUBSAMPLED:
                return _subsampled(data, kind, pixels)
            raise _short()
        words = np.frombuffer(data, kind, min(count, available))
    if words.size != count:
        raise _short()
    words = words.astype(words.dtype.newbyteorder("="), copy=False)
    if pixels.samples_per_pixel > 1 and pixels.planar_configuration:
        planes = words.reshape(pixels.samples_per_pixel, pixels.rows, pixels.columns)
        words = np.moveaxis(planes, 0, -1).copy(order="C")
    return Decoded(plain(pixels), words.reshape(shape_of(pixels)))


def inflated(frame: EncodedFrame) -> EncodedFrame:
    """Return the native frame of a deflated one (PS3.5 A.4.13). Raises `PixelsNotDecodable`."""
    pixels = frame.pixels
    bits = pixels.rows * pixels.columns * pixels.samples_per_pixel * pixels.bits_allocated
    try:
        data = zlib.decompressobj(_RAW_DEFLATE).decompress(frame.data, -(bits // -8))
    except zlib.error as error:
        message = "The stored frame cannot be inflated."
        raise PixelsNotDecodable(message) from error
    return replace(frame, data=data, bit_offset=0)


def native_bytes(words: Array, bits_allocated: int) -> bytes:
    """Write words in little endian; samples of 1 bit are packed, the first in the lowest bit."""
    if bits_allocated == 1:
        return np.packbits(words.reshape(-1) & 1, bitorder="little").tobytes()
    return words.astype(words.dtype.newbyteorder("<"), copy=False).tobytes()


def deflated(native: bytes) -> bytes:
    """Deflate a native frame (PS3.5 A.4.13)."""
    compressor = zlib.compressobj(_DEFLATE_LEVEL, zlib.DEFLATED, _RAW_DEFLATE)
    return compressor.compress(native) + compressor.flush()


def values_of(decoded: Decoded) -> Decoded:
    """Take the samples out of their words: unused bits away, signs extended.

    What stood in the unused bits is lost, as overlays of before 2004 are.
    """
    pixels = decoded.pixels
    allocated = max(8, pixels.bits_allocated)
    stored = pixels.bits_stored
    above = allocated - (pixels.high_bit + 1)
    values = decoded.values.view(dtype_of(pixels))
    if stored < allocated and pixels.bits_allocated > 1:
        values = np.left_shift(values, above) if above else values
        values = np.right_shift(values, allocated - stored)
    return Decoded(replace(pixels, high_bit=stored - 1), values)


def plain(pixels: ImagePixels) -> ImagePixels:
    """Describe pixels that are interleaved and complete."""
    photometric = pixels.photometric_interpretation
    if photometric == "YBR_FULL_422":
        photometric = "YBR_FULL"
    return replace(
        pixels,
        planar_configuration=0,
        has_words=False,
        photometric_interpretation=photometric,
    )


def _in_byte_order(frame: EncodedFrame, *, is_little_endian: bool) -> tuple[bytes, int]:
    data = frame.data
    if frame.pixels.has_words and not is_little_endian and frame.pixels.bits_allocated <= 8:
        if len(data) % 2:
            raise _short()
        data = np.frombuffer(data, np.uint16).byteswap().tobytes()
    whole, bit = divmod(frame.bit_offset, 8)
    return data[whole:] if whole else data, bit


def _subsampled(data: bytes, kind: "np.dtype[np.unsignedinteger]", pixels: ImagePixels) -> Decoded:
    """Y Y Cb Cr for each two pixels of a row (PS3.3 C.7.6.3.1.2)."""
    count = pixels.rows * pixels.columns * 2
    if (
        pixels.photometric_interpretation != "YBR_FULL_422"
        or pixels.columns % 2
        or pixels.planar_configuration
        or len(data) < count * kind.itemsize
    ):
        raise _short()
    groups = np.frombuffer(data, kind, count).reshape(pixels.rows, pixels.columns // 2, 4)
    words = np.empty((pixels.rows, pixels.columns // 2, 2, 3), kind.newbyteorder("="))
    words[..., 0] = groups[..., :2]
    words[..., 1:] = groups[..., np.newaxis, 2:]
    return Decoded(plain(pixels), words.reshape(shape_of(pixels)))


def _short() -> PixelsNotDecodable:
    return PixelsNotDecodable("The stored frame is not of the length that its description needs.")
