"""What an image is: how its pixels are described, and one frame of them."""

from dataclasses import dataclass

from hilum.domain.identifiers import TransferSyntaxUID


@dataclass(frozen=True, slots=True)
class ImagePixels:
    """How the pixels of an instance are laid out (Image Pixel module, PS3.3 C.7.6.3)."""

    transfer_syntax_uid: TransferSyntaxUID
    rows: int
    columns: int
    samples_per_pixel: int
    photometric_interpretation: str
    bits_allocated: int
    bits_stored: int
    high_bit: int
    is_signed: bool
    """Pixel Representation (0028,0103) is 1."""
    planar_configuration: int = 0
    """0: samples of a pixel stand together; 1: each plane stands by itself. Native and RLE only."""


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    """One frame as it is stored."""

    pixels: ImagePixels
    data: bytes
    """Native: the bytes the frame has a part of. Encapsulated: its fragments, joined."""
    bit_offset: int = 0
    """Native frames of 1-bit images: the bit of the first byte at which the frame starts."""


@dataclass(frozen=True, slots=True)
class TranscodedFrame:
    """One frame in another transfer syntax."""

    pixels: ImagePixels
    """What the data set has to say about the frame now: the syntax, and all that changed with it,
    as the photometric interpretation does when colours were decoded."""
    data: bytes
