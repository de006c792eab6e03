"""Stored frames to arrays, from every transfer syntax that `hilum.imaging.syntaxes` can decode."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

import imagecodecs
import numpy as np

from hilum.domain.errors import NotTranscodable, PixelsNotDecodable
from hilum.domain.images import EncodedFrame, ImagePixels
from hilum.imaging.codestreams import Announced, Colour, announced, jpeg_2000_codestream
from hilum.imaging.layout import demand_possible
from hilum.imaging.native import inflated, native_words, plain, values_of
from hilum.imaging.pixels import Array, Decoded, dtype_of, shape_of
from hilum.imaging.rle import rle_words
from hilum.imaging.syntaxes import SYNTAXES, WORDY, Codec, Syntax


def decode(frame: EncodedFrame, maximum_bytes: int) -> Decoded:
    """Return the samples of a frame, and how they are to be read now.

    Colours that a lossy codec or a component transform made YCbCr of come out as RGB; YBR_FULL that
    is kept sample by sample stays what it is, since making RGB of it would round.
    Raises `PixelsNotDecodable`, `PixelLimitExceeded` (over `maximum_bytes` when decoded) and
    `NotTranscodable` (nothing here decodes the transfer syntax).
    """
    syntax = syntax_of(frame)
    if syntax.codec in WORDY:
        return values_of(decode_words(frame, maximum_bytes))
    demand_possible(frame.pixels, maximum_bytes)
    found = announced(syntax.codec, frame.data)
    _demand_same(found, frame.pixels)
    values = _run(_DECODERS[syntax.codec], frame, found)
    if values.shape != shape_of(frame.pixels):
        message = "The stored frame decodes to an image of another size."
        raise PixelsNotDecodable(message)
    pixels = replace(
        plain(frame.pixels), photometric_interpretation=_photometric(frame.pixels, found, syntax)
    )
    return _fit(values, found, pixels)


def decode_words(frame: EncodedFrame, maximum_bytes: int) -> Decoded:
    """Return the words of a frame that is native, deflated or in RLE, with all their bits.

    Raises what `decode` does.
    """
    syntax = syntax_of(frame)
    demand_possible(frame.pixels, maximum_bytes)
    if syntax.codec is Codec.RLE:
        return rle_words(frame)
    if syntax.codec is Codec.DEFLATE:
        frame = inflated(frame)
    return native_words(frame, is_little_endian=syntax.is_little_endian)


def syntax_of(frame: EncodedFrame) -> Syntax:
    """Return the entry of the frame's transfer syntax. Raises `NotTranscodable`."""
    syntax = SYNTAXES.get(frame.pixels.transfer_syntax_uid)
    if syntax is None or not syntax.decodes:
        message = "Frames of this transfer syntax cannot be decoded here."
        raise NotTranscodable(message)
    return syntax


def _demand_same(found: Announced, pixels: ImagePixels) -> None:
    size = found.columns, found.rows, found.components
    described = pixels.columns, pixels.rows, pixels.samples_per_pixel
    if size != described:
        told = " x ".join(map(str, size)), " x ".join(map(str, described))
        message = f"The codestream is of {told[0]} samples, the data set describes {told[1]}."
        raise PixelsNotDecodable(message)
    if found.bits > max(8, pixels.bits_allocated):
        message = f"The codestream has samples of {found.bits} bits, more than are allocated."
        raise PixelsNotDecodable(message)


def _photometric(pixels: ImagePixels, found: Announced, syntax: Syntax) -> str:
    described = plain(pixels).photometric_interpretation
    if found.components != 3:
        return described
    if syntax.codec is Codec.JPEG or described in {"YBR_ICT", "YBR_RCT"}:
        return "RGB"
    return "RGB" if found.colour is Colour.RGB and described.startswith("YBR") else described


def _run(decoder: "Decoder", frame: EncodedFrame, found: Announced) -> Array:
    try:
        return decoder(frame, found)
    except (RuntimeError, ValueError, NotImplementedError) as error:
        message = "The stored frame cannot be decoded: its codestream is damaged."
        raise PixelsNotDecodable(message) from error


def _jpeg(frame: EncodedFrame, found: Announced) -> Array:
    if found.components != 3:
        return imagecodecs.jpeg8_decode(frame.data)
    stored = found.colour
    if stored is Colour.UNKNOWN:
        is_ybr = frame.pixels.photometric_interpretation.startswith("YBR")
        stored = Colour.YCBCR if is_ybr else Colour.RGB
    return imagecodecs.jpeg8_decode(
        frame.data, colorspace="YCBCR" if stored is Colour.YCBCR else "RGB", outcolorspace="RGB"
    )


def _jpeg_lossless(frame: EncodedFrame, found: Announced) -> Array:
    if found.components != 3:
        return imagecodecs.jpeg8_decode(frame.data)
    # As stored, whatever the markers say: turning colours would not be lossless.
    return imagecodecs.jpeg8_decode(frame.data, colorspace="RGB", outcolorspace="RGB")


def _jpeg_ls(frame: EncodedFrame, _: Announced) -> Array:
    return imagecodecs.jpegls_decode(frame.data)


def _jpeg_2000(frame: EncodedFrame, _: Announced) -> Array:
    return imagecodecs.jpeg2k_decode(jpeg_2000_codestream(frame.data), numthreads=1)


def _htj2k(frame: EncodedFrame, _: Announced) -> Array:
    return imagecodecs.htj2k_decode(jpeg_2000_codestream(frame.data), planar=False)


Decoder = Callable[[EncodedFrame, Announced], Array]
_DECODERS: Final[Mapping[Codec, Decoder]] = {
    Codec.JPEG: _jpeg,
    Codec.JPEG_LOSSLESS: _jpeg_lossless,
    Codec.JPEG_LS: _jpeg_ls,
    Codec.JPEG_2000: _jpeg_2000,
    Codec.HTJ2K: _htj2k,
}


def _fit(decoded: Array, found: Announced, pixels: ImagePixels) -> Decoded:
    """Give samples of the codestream's precision and sign those that the data set describes.

    A codestream knows no sign (JPEG, JPEG-LS) or may have the wrong one, and its precision may be
    the allocated or the stored one. Where samples need more bits than are said to be stored, the
    data set is wrong, and the answer says so rather than to cut them.
    """
    stored = pixels.bits_stored
    if found.bits > stored and not _fits(decoded, found, pixels):
        stored = found.bits
    if stored > pixels.bits_allocated:
        message = f"The codestream has samples of {stored} bits, more than are allocated."
        raise PixelsNotDecodable(message)
    pixels = replace(pixels, bits_stored=stored, high_bit=stored - 1)
    target = dtype_of(pixels)
    values = decoded.astype(target.str.replace("i", "u"), copy=False).view(target)
    unused = target.itemsize * 8 - min(stored, found.bits)
    if unused and pixels.is_signed != found.is_signed:
        values = np.right_shift(np.left_shift(values, unused), unused)
    return Decoded(pixels, np.ascontiguousarray(values))


def _fits(decoded: Array, found: Announced, pixels: ImagePixels) -> bool:
    """Whether BitsStored hold what the codestream has, with or without its sign extended."""
    stored = pixels.bits_stored
    low, high = int(decoded.min()), int(decoded.max())
    if found.is_signed:
        return -(1 << stored - 1) <= low and high < 1 << (stored - pixels.is_signed)
    if high < 1 << stored:
        return True
    if not pixels.is_signed:
        return False
    half = 1 << stored - 1
    extended = (decoded < half) | (decoded >= (1 << found.bits) - half)
    return bool(extended.all())
