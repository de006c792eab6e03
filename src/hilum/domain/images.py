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
    has_words: bool = False
    """Pixel Data has VR OW. Told for Explicit VR Big Endian only, where two samples of 8 bits then
    stand in a word of 16 bits the other way round (PS3.5 7.3 and 8.1.1)."""


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    """One frame as it is stored."""

    pixels: ImagePixels
    data: bytes
    """Native: the bytes the frame has a part of; with `has_words` and samples of up to 8 bits, the
    whole words that it has a part of. Encapsulated: its fragments, joined."""
    bit_offset: int = 0
    """Native frames: the bit of `data`, words put right, at which the frame starts. 1-bit images
    have up to 7; 8 is the second byte of a word."""


@dataclass(frozen=True, slots=True)
class TranscodedFrame:
    """One frame in another transfer syntax."""

    pixels: ImagePixels
    """What the data set has to say about the frame now: the syntax, and all that changed with it,
    as the photometric interpretation does when colours were decoded."""
    data: bytes
