"""Transfer syntaxes of images (PS3.5 Annex A, PS3.6 Annex A): how each is decoded and encoded.

Negotiation, conformance statement and tests read this one table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from hilum.domain.identifiers import TransferSyntaxUID

OCTETS: Final = "application/octet-stream"


class Codec(StrEnum):
    """What the bytes of a frame are made with."""

    NATIVE = "native"
    """Samples as they are: native, or encapsulated without compression (PS3.5 A.4.11)."""
    DEFLATE = "deflate"
    """Native frames, each deflated (RFC 1951; PS3.5 A.4.13)."""
    RLE = "rle"
    JPEG = "jpeg"
    """With a discrete cosine transform, so always lossy (ISO/IEC 10918-1)."""
    JPEG_LOSSLESS = "jpeg-lossless"
    JPEG_LS = "jpeg-ls"
    JPEG_2000 = "jpeg-2000"
    HTJ2K = "htj2k"
    NONE = "none"
    """Nothing here decodes it: video, hierarchical JPEG, JPIP, JPEG XL, multi-component."""


WORDY: Final = frozenset({Codec.NATIVE, Codec.DEFLATE, Codec.RLE})
"""Codecs that keep whole words, with the bits that no sample uses."""


@dataclass(frozen=True, slots=True)
class Syntax:
    """One transfer syntax."""

    uid: TransferSyntaxUID
    name: str
    codec: Codec
    media_type: str
    """Of one frame (PS3.18 table 8.7.3-4 and 8.7.3-5); empty where frames cannot be had."""
    may_be_lossy: bool = False
    """What is encoded for this syntax here is lossy, and what is stored in it may be."""
    encodes: bool = False
    """Frames can be put into it."""
    is_little_endian: bool = True
    is_encapsulated: bool = True
    progressive: bool = False
    """HTJ2K with RPCL order, tile lengths and a small lowest resolution (PS3.5 10.18)."""

    @property
    def decodes(self) -> bool:
        """Frames stored in it can be decoded."""
        return self.codec is not Codec.NONE


_ROOT: Final = "1.2.840.10008.1.2"


def _native(suffix: str, name: str, **more: bool) -> Syntax:
    return Syntax(
        TransferSyntaxUID(_ROOT + suffix), name, Codec.NATIVE, OCTETS, is_encapsulated=False, **more
    )


def _encapsulated(
    suffix: str,
    name: str,
    codec: Codec,
    media_type: str,
    *,
    may_be_lossy: bool = False,
    encodes: bool = False,
    progressive: bool = False,
) -> Syntax:
    return Syntax(
        TransferSyntaxUID(_ROOT + suffix),
        name,
        codec,
        media_type,
        may_be_lossy=may_be_lossy,
        encodes=encodes,
        progressive=progressive,
    )


def _opaque(suffix: str, name: str, media_type: str = "") -> Syntax:
    return _encapsulated(suffix, name, Codec.NONE, media_type, may_be_lossy=True)


_JPEG: Final = "image/jpeg"
_JLS: Final = "image/jls"
_JP2: Final = "image/jp2"
_JPHC: Final = "image/jphc"
_JXL: Final = "image/jxl"
_MPEG4: Final = "MPEG-4 AVC/H.264"

_ALL: Final = (
    _native("", "Implicit VR Little Endian"),
    _native(".1", "Explicit VR Little Endian", encodes=True),
    _native(".1.99", "Deflated Explicit VR Little Endian"),
    _native(".2", "Explicit VR Big Endian", is_little_endian=False),
    _encapsulated(".1.98", "Encapsulated Uncompressed Explicit VR LE", Codec.NATIVE, OCTETS),
    _encapsulated(".8.1", "Deflated Image Frame", Codec.DEFLATE, OCTETS, encodes=True),
    _encapsulated(".5", "RLE Lossless", Codec.RLE, "image/dicom-rle", encodes=True),
    _encapsulated(
        ".4.50", "JPEG Baseline (Process 1)", Codec.JPEG, _JPEG, may_be_lossy=True, encodes=True
    ),
    _encapsulated(
        ".4.51",
        "JPEG Extended (Process 2 and 4)",
        Codec.JPEG,
        _JPEG,
        may_be_lossy=True,
        encodes=True,
    ),
    _opaque(".4.52", "JPEG Extended (Process 3 and 5)", _JPEG),
    _encapsulated(
        ".4.53",
        "JPEG Spectral Selection (Process 6 and 8)",
        Codec.JPEG,
        _JPEG,
        may_be_lossy=True,
    ),
    _opaque(".4.54", "JPEG Spectral Selection (Process 7 and 9)", _JPEG),
    _encapsulated(
        ".4.55",
        "JPEG Full Progression (Process 10 and 12)",
        Codec.JPEG,
        _JPEG,
        may_be_lossy=True,
    ),
    _opaque(".4.56", "JPEG Full Progression (Process 11 and 13)", _JPEG),
    _encapsulated(".4.57", "JPEG Lossless (Process 14)", Codec.JPEG_LOSSLESS, _JPEG),
    _opaque(".4.58", "JPEG Lossless (Process 15)", _JPEG),
    *(
        _opaque(f".4.{number}", f"JPEG, Hierarchical (1.2.840.10008.1.2.4.{number})", _JPEG)
        for number in range(59, 67)
    ),
    _encapsulated(
        ".4.70",
        "JPEG Lossless (Process 14, First-Order Prediction)",
        Codec.JPEG_LOSSLESS,
        _JPEG,
        encodes=True,
    ),
    _encapsulated(".4.80", "JPEG-LS Lossless", Codec.JPEG_LS, _JLS, encodes=True),
    _encapsulated(
        ".4.81",
        "JPEG-LS Lossy (Near-Lossless)",
        Codec.JPEG_LS,
        _JLS,
        may_be_lossy=True,
        encodes=True,
    ),
    _encapsulated(".4.90", "JPEG 2000 (Lossless Only)", Codec.JPEG_2000, _JP2, encodes=True),
    _encapsulated(".4.91", "JPEG 2000", Codec.JPEG_2000, _JP2, may_be_lossy=True, encodes=True),
    _opaque(".4.92", "JPEG 2000 Part 2 Multi-component (Lossless Only)", "image/jpx"),
    _opaque(".4.93", "JPEG 2000 Part 2 Multi-component", "image/jpx"),
    _opaque(".4.94", "JPIP Referenced"),
    _opaque(".4.95", "JPIP Referenced Deflate"),
    *(
        _opaque(f".4.{number}{fragmentable}", name, media_type)
        for number, name, media_type in (
            (100, "MPEG2 Main Profile / Main Level", "video/mpeg"),
            (101, "MPEG2 Main Profile / High Level", "video/mpeg"),
            (102, f"{_MPEG4} High Profile / Level 4.1", "video/mp4"),
            (103, f"{_MPEG4} BD-compatible High Profile / Level 4.1", "video/mp4"),
            (104, f"{_MPEG4} High Profile / Level 4.2 For 2D Video", "video/mp4"),
            (105, f"{_MPEG4} High Profile / Level 4.2 For 3D Video", "video/mp4"),
            (106, f"{_MPEG4} Stereo High Profile / Level 4.2", "video/mp4"),
        )
        for fragmentable in ("", ".1")
    ),
    _opaque(".4.107", "HEVC/H.265 Main Profile / Level 5.1", "video/H265"),
    _opaque(".4.108", "HEVC/H.265 Main 10 Profile / Level 5.1", "video/H265"),
    _opaque(".4.110", "JPEG XL Lossless", _JXL),
    _opaque(".4.111", "JPEG XL JPEG Recompression", _JXL),
    _opaque(".4.112", "JPEG XL", _JXL),
    _encapsulated(".4.201", "HTJ2K (Lossless Only)", Codec.HTJ2K, _JPHC, encodes=True),
    _encapsulated(
        ".4.202",
        "HTJ2K with RPCL Options (Lossless Only)",
        Codec.HTJ2K,
        _JPHC,
        encodes=True,
        progressive=True,
    ),
    _encapsulated(".4.203", "HTJ2K", Codec.HTJ2K, _JPHC, may_be_lossy=True),
    _opaque(".4.204", "JPIP HTJ2K Referenced"),
    _opaque(".4.205", "JPIP HTJ2K Referenced Deflate"),
)

SYNTAXES: Final[Mapping[str, Syntax]] = MappingProxyType({each.uid: each for each in _ALL})
"""Every transfer syntax of images by its UID, in the order of the standard's families."""
EXPLICIT_LITTLE_ENDIAN: Final = SYNTAXES[_ROOT + ".1"]
