"""Decoding a frame to see which image it is, whatever the data set says of its size."""

from dataclasses import replace
from typing import Final

from hilum.domain.images import EncodedFrame, ImagePixels
from hilum.imaging.codestreams import announced
from hilum.imaging.decoding import decode, decode_words, syntax_of
from hilum.imaging.syntaxes import WORDY

_BYTE_BITS: Final = 8
_WORD_BITS: Final = 16
_LONG_BITS: Final = 32


def judge(frame: EncodedFrame, maximum_bytes: int) -> ImagePixels:
    """Decode a frame and return how the image is that comes of it.

    Where a codestream announces another size than the data set describes, it is decoded as what it
    announces. Raises what `decode` does.
    """
    syntax = syntax_of(frame)
    if syntax.codec in WORDY:
        decode_words(frame, maximum_bytes)
        return frame.pixels
    found = announced(syntax.codec, frame.data)
    told = frame.pixels
    pixels = replace(
        told, rows=found.rows, columns=found.columns, samples_per_pixel=found.components
    )
    if found.bits > max(_BYTE_BITS, told.bits_allocated):
        pixels = replace(
            pixels,
            bits_allocated=_WORD_BITS if found.bits <= _WORD_BITS else _LONG_BITS,
            bits_stored=found.bits,
            high_bit=found.bits - 1,
        )
    return decode(replace(frame, pixels=pixels), maximum_bytes).pixels
