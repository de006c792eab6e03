"""RLE frames (PS3.5 Annex G): each byte of each sample is a plane, run-length coded by rows."""

import struct
from itertools import pairwise

import imagecodecs
import numpy as np

from hilum.domain.errors import NotTranscodable, PixelsNotDecodable
from hilum.domain.images import EncodedFrame
from hilum.imaging.codestreams import rle_segments
from hilum.imaging.layout import sample_bytes
from hilum.imaging.native import native_words, plain
from hilum.imaging.pixels import Array, Decoded, shape_of

_MOST_SEGMENTS = 15
_TAIL_BYTES = 256
"""What padding behind the last row may decode to."""


def rle_words(frame: EncodedFrame) -> Decoded:
    """Read an RLE frame; the values are unsigned whole words. Raises `PixelsNotDecodable`."""
    pixels = frame.pixels
    starts = rle_segments(frame.data)
    size = sample_bytes(pixels)
    bits = pixels.rows * pixels.columns
    number = size * pixels.samples_per_pixel
    if len(starts) - 1 != number:
        message = f"The stored frame has {len(starts) - 1} RLE segments and needs {number}."
        raise PixelsNotDecodable(message)
    plane_bytes = -(bits // -8) if pixels.bits_allocated == 1 else bits
    planes = [_plane(frame.data[start:stop], plane_bytes) for start, stop in pairwise(starts)]
    if pixels.bits_allocated == 1:
        if number != 1:
            message = "Colours of one bit cannot be decoded from RLE."
            raise PixelsNotDecodable(message)
        return native_words(EncodedFrame(pixels, planes[0]), is_little_endian=True)
    # The planes of a sample go from its highest byte to its lowest: big endian.
    words = np.empty((bits, pixels.samples_per_pixel, size), np.uint8)
    for at, plane in enumerate(planes):
        words[:, at // size, at % size] = np.frombuffer(plane, np.uint8)
    values = words.view(f">u{size}").astype(f"u{size}", copy=False)
    return Decoded(plain(pixels), values.reshape(shape_of(pixels)))


def rle_bytes(words: Array) -> bytes:
    """Write words as an RLE frame. Raises `NotTranscodable` when it needs over 15 segments."""
    size = words.dtype.itemsize
    samples = words.shape[2] if words.ndim == 3 else 1
    rows, columns = words.shape[:2]
    if size * samples > _MOST_SEGMENTS:
        message = f"RLE has at most {_MOST_SEGMENTS} segments; {size * samples} would be needed."
        raise NotTranscodable(message)
    split = words.astype(f">u{size}").view(np.uint8).reshape(rows, columns, samples * size)
    segments = []
    for at in range(samples * size):
        # Of a two-dimensional array each row is coded by itself, as G.3.1 wants it.
        plane = np.frombuffer(split[..., at].tobytes(), np.uint8).reshape(rows, columns)
        segment = bytes(imagecodecs.packbits_encode(plane))
        segments.append(segment + b"\0" * (len(segment) % 2))
    offsets = [64]
    for segment in segments:
        offsets.append(offsets[-1] + len(segment))
    header = [len(segments), *offsets[:-1]]
    return struct.pack("<16I", *header, *[0] * (16 - len(header))) + b"".join(segments)


def _plane(segment: bytes, plane_bytes: int) -> bytes:
    try:
        plane = bytes(imagecodecs.packbits_decode(segment, out=plane_bytes + _TAIL_BYTES))
    except RuntimeError as error:
        message = "The stored frame cannot be decoded: an RLE segment is damaged."
        raise PixelsNotDecodable(message) from error
    if len(plane) < plane_bytes:
        message = "The stored frame cannot be decoded: an RLE segment is too short."
        raise PixelsNotDecodable(message)
    return plane[:plane_bytes]
