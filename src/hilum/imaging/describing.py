"""What a data set has to say once its frames were put into another transfer syntax."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from hilum.domain.images import ImagePixels
from hilum.imaging.layout import frame_bytes
from hilum.imaging.syntaxes import SYNTAXES, Codec

PHOTOMETRIC_INTERPRETATION: Final = 0x00280004
PLANAR_CONFIGURATION: Final = 0x00280006
BITS_ALLOCATED: Final = 0x00280100
BITS_STORED: Final = 0x00280101
HIGH_BIT: Final = 0x00280102
PIXEL_REPRESENTATION: Final = 0x00280103
LOSSY_IMAGE_COMPRESSION: Final = 0x00282110
LOSSY_IMAGE_COMPRESSION_RATIO: Final = 0x00282112
LOSSY_IMAGE_COMPRESSION_METHOD: Final = 0x00282114
_METHODS: Final[Mapping[Codec, str]] = MappingProxyType(
    {
        Codec.JPEG: "ISO_10918_1",
        Codec.JPEG_LS: "ISO_14495_1",
        Codec.JPEG_2000: "ISO_15444_1",
    }
)
"""Defined Terms of Lossy Image Compression Method (PS3.3 C.7.6.1.1.5.1)."""


class Lossy(NamedTuple):
    """One lossy compression that the pixels went through, as the data set tells of it."""

    ratio: str
    """Decimal string."""
    method: str


class Attribute(NamedTuple):
    """A value for an element."""

    vr: str
    values: Sequence[int | str]


def changed_attributes(
    before: ImagePixels,
    after: ImagePixels,
    *,
    encoded_bytes: int = 0,
    compressions: Sequence[Lossy] = (),
) -> Mapping[int, Attribute]:
    """Return the elements of the Image Pixel and General Image modules that differ now, by tag.

    For a lossy transfer syntax `encoded_bytes` is the mean size of a frame in it, and
    `compressions` are those that the data set tells of already; the new one is added behind them
    (PS3.3 C.7.6.1.1.5). A data set with one sample per pixel gets no Planar Configuration.
    """
    told: dict[int, Attribute] = {}
    for tag, vr, was, now in (
        (
            PHOTOMETRIC_INTERPRETATION,
            "CS",
            before.photometric_interpretation,
            after.photometric_interpretation,
        ),
        (BITS_ALLOCATED, "US", before.bits_allocated, after.bits_allocated),
        (BITS_STORED, "US", before.bits_stored, after.bits_stored),
        (HIGH_BIT, "US", before.high_bit, after.high_bit),
        (PIXEL_REPRESENTATION, "US", int(before.is_signed), int(after.is_signed)),
    ):
        if was != now:
            told[tag] = Attribute(vr, (now,))
    if after.samples_per_pixel > 1 and before.planar_configuration != after.planar_configuration:
        told[PLANAR_CONFIGURATION] = Attribute("US", (after.planar_configuration,))
    syntax = SYNTAXES.get(after.transfer_syntax_uid)
    if syntax is not None and syntax.may_be_lossy and syntax.codec in _METHODS and encoded_bytes:
        ratio = f"{frame_bytes(before) / encoded_bytes:.2f}"
        everything = (*compressions, Lossy(ratio, _METHODS[syntax.codec]))
        told[LOSSY_IMAGE_COMPRESSION] = Attribute("CS", ("01",))
        told[LOSSY_IMAGE_COMPRESSION_RATIO] = Attribute("DS", [each.ratio for each in everything])
        told[LOSSY_IMAGE_COMPRESSION_METHOD] = Attribute("CS", [each.method for each in everything])
    return told
