"""Arrays to frames of every transfer syntax that `hilum.imaging.syntaxes` can encode."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, NamedTuple

import imagecodecs
import jpeg_ls
import numpy as np

from hilum.domain.errors import NotTranscodable
from hilum.domain.images import ImagePixels, TranscodedFrame
from hilum.imaging.native import deflated, native_bytes
from hilum.imaging.pixels import Array, Decoded
from hilum.imaging.rle import rle_bytes
from hilum.imaging.syntaxes import Codec, Syntax
from hilum.imaging.targets import why_not

_JPEG_QUALITY: Final = 90
_NEAR: Final = 2
"""JPEG-LS near-lossless: the most that a sample may be off by."""
_PSNR: Final = 55
"""JPEG 2000 lossy: peak signal to noise ratio in decibels."""
_LOWEST_RESOLUTION: Final = 64
_SIZ_DEPTHS: Final = 42
"""Where SIZ tells of the first component (ISO/IEC 15444-1 A.5.1), behind SOC."""


class Written(NamedTuple):
    """A codestream and the photometric interpretation of what is in it."""

    data: bytes
    photometric_interpretation: str


def encode(decoded: Decoded, syntax: Syntax) -> TranscodedFrame:
    """Put samples into a transfer syntax; the data of an odd length is not padded.

    Raises `NotTranscodable` when `why_not` says so.
    """
    pixels = decoded.pixels
    reason = why_not(pixels, syntax)
    if reason is not None:
        raise NotTranscodable(reason)
    try:
        written = _ENCODERS[syntax.codec](decoded, syntax)
    except (RuntimeError, ValueError) as error:
        message = f"The encoder of {syntax.name} does not take these pixels."
        raise NotTranscodable(message) from error
    return TranscodedFrame(
        replace(
            pixels,
            transfer_syntax_uid=syntax.uid,
            photometric_interpretation=written.photometric_interpretation,
        ),
        written.data,
    )


def _native(decoded: Decoded, _: Syntax) -> Written:
    data = native_bytes(decoded.values, decoded.pixels.bits_allocated)
    return Written(data, decoded.pixels.photometric_interpretation)


def _deflate(decoded: Decoded, syntax: Syntax) -> Written:
    native = _native(decoded, syntax)
    return native._replace(data=deflated(native.data))


def _rle(decoded: Decoded, _: Syntax) -> Written:
    return Written(rle_bytes(decoded.values), decoded.pixels.photometric_interpretation)


def _jpeg(decoded: Decoded, _: Syntax) -> Written:
    pixels = decoded.pixels
    bits = 8 if pixels.bits_stored <= 8 else 12
    values = decoded.values.astype(np.uint8 if bits == 8 else np.uint16)
    if pixels.samples_per_pixel == 1:
        data = imagecodecs.jpeg8_encode(values, _JPEG_QUALITY, bitspersample=bits)
        return Written(bytes(data), pixels.photometric_interpretation)
    is_rgb = pixels.photometric_interpretation == "RGB"
    data = imagecodecs.jpeg8_encode(
        values,
        _JPEG_QUALITY,
        colorspace="RGB" if is_rgb else "YCBCR",
        outcolorspace="YCBCR",
        subsampling="422",
        bitspersample=bits,
    )
    return Written(bytes(data), "YBR_FULL_422")


def _jpeg_lossless(decoded: Decoded, _: Syntax) -> Written:
    pixels = decoded.pixels
    bits = _precision(pixels)
    is_colour = pixels.samples_per_pixel == 3
    data = imagecodecs.jpeg8_encode(
        _unsigned(decoded, bits),
        lossless=True,
        predictor=1,
        bitspersample=bits,
        colorspace="RGB" if is_colour else None,
        outcolorspace="RGB" if is_colour else None,
    )
    return Written(bytes(data), pixels.photometric_interpretation)


def _jpeg_ls(decoded: Decoded, syntax: Syntax) -> Written:
    pixels = decoded.pixels
    bits = _precision(pixels)
    values, near = _unsigned(decoded, bits), _NEAR if syntax.may_be_lossy else 0
    try:
        data = jpeg_ls.encode_pixel_data(
            values.tobytes(),
            lossy_error=near,
            rows=pixels.rows,
            columns=pixels.columns,
            samples_per_pixel=pixels.samples_per_pixel,
            bits_stored=bits,
            planar_configuration=0,
        )
    except RuntimeError:
        # It has no room for the header of an image of a few pixels. The other encoder has, and
        # knows only precisions of whole bytes.
        whole = decoded.values.view(decoded.values.dtype.str.replace("i", "u"))
        data = _without_spiff(bytes(imagecodecs.jpegls_encode(whole, near)))
    return Written(bytes(data), pixels.photometric_interpretation)


def _without_spiff(data: bytes) -> bytes:
    """Leave out the segments of a SPIFF header, which DICOM has no use for."""
    end = 2
    while data[end : end + 2] == b"\xff\xe8":
        end += 2 + int.from_bytes(data[end + 2 : end + 4])
    return data[:2] + data[end:]


def _jpeg_2000(decoded: Decoded, syntax: Syntax) -> Written:
    pixels = decoded.pixels
    is_lossy = syntax.may_be_lossy
    transforms = pixels.photometric_interpretation == "RGB"
    values = decoded.values
    if pixels.bits_stored <= 8:  # depths of a byte are taken from bytes only
        values = values.astype(np.int8 if pixels.is_signed else np.uint8)
    data = imagecodecs.jpeg2k_encode(
        values,
        _PSNR if is_lossy else None,
        codecformat="j2k",
        colorspace="SRGB" if pixels.samples_per_pixel == 3 else "GRAY",
        bitspersample=pixels.bits_stored,
        reversible=not is_lossy,
        mct=transforms,
        numthreads=1,
    )
    transformed = "YBR_ICT" if is_lossy else "YBR_RCT"
    return Written(bytes(data), transformed if transforms else pixels.photometric_interpretation)


def _htj2k(decoded: Decoded, syntax: Syntax) -> Written:
    pixels = decoded.pixels
    transforms = pixels.photometric_interpretation == "RGB"
    data = imagecodecs.htj2k_encode(
        _centred(decoded),
        rgb=transforms,
        reversible=True,
        resolutions=_resolutions(pixels) if syntax.progressive else None,
        tlm=syntax.progressive,
        tilepart=imagecodecs.HTJ2K.TILEPART.RESOLUTIONS if syntax.progressive else None,
    )
    photometric = "YBR_RCT" if transforms else pixels.photometric_interpretation
    return Written(_with_depth(bytes(data), pixels), photometric)


def _centred(decoded: Decoded) -> Array:
    """Do the encoder's level shift for it: it knows only precisions of whole bytes.

    Unsigned samples are made signed around zero, as the reversible transform would (ISO/IEC
    15444-1 G.1.1); a signed image is coded without a shift, so that the precision told in the
    header may afterwards be that of the data set.
    """
    pixels, values = decoded.pixels, decoded.values
    if pixels.is_signed:
        return values
    half = values.dtype.type(1 << _depth(pixels) - 1)
    centred: Array = (values - half).view(values.dtype.str.replace("u", "i"))
    return centred


def _with_depth(data: bytes, pixels: ImagePixels) -> bytes:
    depth = _depth(pixels) - 1 | (0x80 if pixels.is_signed else 0)
    changed = bytearray(data)
    for component in range(pixels.samples_per_pixel):
        changed[_SIZ_DEPTHS + 3 * component] = depth
    return bytes(changed)


def _depth(pixels: ImagePixels) -> int:
    return max(2, pixels.bits_stored)


def _resolutions(pixels: ImagePixels) -> int:
    """Count decompositions until the image is no larger than a thumbnail (PS3.5 10.18)."""
    larger, decompositions = max(pixels.rows, pixels.columns), 0
    while larger > _LOWEST_RESOLUTION:
        larger = -(larger // -2)
        decompositions += 1
    return max(decompositions, 1)


def _precision(pixels: ImagePixels) -> int:
    """Precision for the codecs of JPEG and JPEG-LS.

    Of up to 8 bits decoders make bytes, which is not what BitsAllocated of 16 promises; below 8
    some abort.
    """
    return max(pixels.bits_stored, 8 if pixels.bits_allocated == 8 else 9)


def _unsigned(decoded: Decoded, bits: int) -> Array:
    """Two's complement of so many bits, in the smallest type."""
    kind = np.dtype(np.uint8 if bits <= 8 else np.uint16)
    return np.bitwise_and(decoded.values.astype(kind), kind.type((1 << bits) - 1))


Encoder = Callable[[Decoded, Syntax], Written]
_ENCODERS: Final[Mapping[Codec, Encoder]] = {
    Codec.NATIVE: _native,
    Codec.DEFLATE: _deflate,
    Codec.RLE: _rle,
    Codec.JPEG: _jpeg,
    Codec.JPEG_LOSSLESS: _jpeg_lossless,
    Codec.JPEG_LS: _jpeg_ls,
    Codec.JPEG_2000: _jpeg_2000,
    Codec.HTJ2K: _htj2k,
}
