"""How frames are given back, by surface, as data (PS3.18 section 8.7.3.3; Azure, section 3.1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from hilum.imaging.syntaxes import OCTETS, SYNTAXES
from hilum.wire.retrieve_rules import AS_STORED, EXPLICIT_LITTLE, JPEG_2000_LOSSLESS

DEFAULT_SYNTAXES: Final[Mapping[str, str]] = MappingProxyType(
    {
        OCTETS: EXPLICIT_LITTLE,
        "image/jpeg": "1.2.840.10008.1.2.4.70",
        "image/dicom-rle": "1.2.840.10008.1.2.5",
        "image/jls": "1.2.840.10008.1.2.4.80",
        "image/jp2": JPEG_2000_LOSSLESS,
        "image/jpx": "1.2.840.10008.1.2.4.92",
        "image/jphc": "1.2.840.10008.1.2.4.201",
        "image/jxl": "1.2.840.10008.1.2.4.110",
        "video/mpeg": "1.2.840.10008.1.2.4.100",
        "video/mp4": "1.2.840.10008.1.2.4.102",
        "video/h265": "1.2.840.10008.1.2.4.107",
    }
)
"""What a media type means without `transfer-syntax` (PS3.18 tables 8.7.3-4 and 8.7.3-5)."""

SPELLINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "image/dicom+rle": "image/dicom-rle",
        "image/x-dicom-rle": "image/dicom-rle",
        "image/dicom+jpeg": "image/jpeg",
        "image/jll": "image/jpeg",
        "image/dicom+jls": "image/jls",
        "image/x-jls": "image/jls",
        "image/dicom+jp2": "image/jp2",
        "image/dicom+jpx": "image/jpx",
        "video/mpeg2": "video/mpeg",
    }
)
"""Names that older editions of the standard and viewers use, and the one of today."""


@dataclass(frozen=True, slots=True)
class FrameRules:
    """What a surface offers for frames."""

    strict: bool
    """A missing Accept header is refused, and only what is offered may be named."""
    offered: tuple[tuple[str, frozenset[str]], ...]
    """Media types in order, each with the values of `transfer-syntax` that may be asked for; an
    empty set: any that fits the media type."""
    single_part: frozenset[str]
    """Media types in which one frame is given alone."""
    wildcard: str | None
    """Media type of the answer to `*/*`, as stored; None: the one of the stored syntax."""
    several_in_one_is_400: bool
    """Several frames asked for as a single part are a wrong request, not an unacceptable one."""
    failure_is_406: bool
    """Frames that cannot be told apart or decoded are not acceptable, rather than unprocessable."""
    orders_bytes: bool
    """Native frames go out as Explicit VR Little Endian only: the other uncompressed syntaxes shall
    not be used with web services (PS3.18 8.7.3)."""
    validates: bool
    """Answers have an ETag, can be asked for again with If-None-Match, and in ranges."""


STANDARD_FRAMES: Final = FrameRules(
    strict=False,
    offered=tuple((media_type, frozenset[str]()) for media_type in DEFAULT_SYNTAXES),
    single_part=frozenset(DEFAULT_SYNTAXES),
    wildcard=None,
    several_in_one_is_400=False,
    failure_is_406=False,
    orders_bytes=True,
    validates=True,
)
AZURE_FRAMES: Final = FrameRules(
    strict=True,
    offered=(
        (OCTETS, frozenset({AS_STORED, EXPLICIT_LITTLE})),
        ("image/jp2", frozenset({JPEG_2000_LOSSLESS})),
    ),
    single_part=frozenset({OCTETS}),
    wildcard=OCTETS,
    several_in_one_is_400=True,
    failure_is_406=True,
    orders_bytes=False,
    validates=False,
)


def media_type_of(syntax: str) -> str:
    """Media type of frames in a transfer syntax; bytes without a better name are octets."""
    known = SYNTAXES.get(syntax)
    return known.media_type.lower() if known is not None and known.media_type else OCTETS


def answers_as(stored: str, rules: FrameRules) -> str:
    """Syntax that frames stored in `stored` have when nothing is decoded."""
    known = SYNTAXES.get(stored)
    if rules.orders_bytes and known is not None and not known.is_encapsulated:
        return EXPLICIT_LITTLE
    return stored
