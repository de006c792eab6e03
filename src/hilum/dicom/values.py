"""Value fields to the elements of a DICOM JSON `Value` array, one function per VR (PS3.18 F.2.3).

Each returns the text between the brackets, empty when there is no value, and the first problem of
the value, or None. None of them raises: what cannot be told is left out or null, and reported.
"""

import re
import struct
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

import orjson

from hilum.dicom.charsets import DEFAULT_ENCODING, VALUE_RESETS, Charset
from hilum.dicom.elements import ProblemKind
from hilum.dicom.grammar import DECIMALS, INTEGERS, PATTERNS, Problem, first_problem
from hilum.dicom.json_text import SAFE_CHARACTERS, number, quote, quote_all
from hilum.dicom.person_names import convert_person_names
from hilum.dicom.vr import LUT_DESCRIPTORS


class Surroundings:
    """What a value field must be read with, besides its VR."""

    __slots__ = ("charset", "is_little_endian", "order_code")

    def __init__(self, charset: Charset, *, is_little_endian: bool) -> None:
        self.charset = charset
        self.is_little_endian = is_little_endian
        self.order_code = "<" if is_little_endian else ">"
        """Of the `struct` module."""


@lru_cache(maxsize=1024)
def surroundings_of(charset: Charset, is_little_endian: bool) -> Surroundings:
    """Return the surroundings of a data set; the same for the same ones."""
    return Surroundings(charset, is_little_endian=is_little_endian)


Converted = tuple[bytes, Problem | None]
Converter = Callable[[bytes, Surroundings, int], Converted]
"""(value field, surroundings, tag) -> (JSON, problem)."""

_UNDECODABLE: Final = (ProblemKind.CHARSET, "the character set cannot decode it")


def _has_gap(value: bytes) -> bool:
    """Whether an empty value is among others, or padding inside of a value field."""
    return (
        b"\\\\" in value
        or b" \\" in value
        or b"\\ " in value
        or value.startswith(b"\\")
        or value.endswith(b"\\")
    )


def _plain_texts(vr: str) -> Converter:
    """VRs of the default repertoire whose grammar is one pattern: AE AS CS DA DT TM UI."""
    matches = PATTERNS[vr].fullmatch
    strips_leading = vr == "AE"

    def convert(value: bytes, _: Surroundings, __: int) -> Converted:
        if matches(value) is None:
            return _odd_texts(vr, value, strips_leading=strips_leading)
        value = value.strip(b" \0") if strips_leading else value.rstrip(b" \0")
        if b"\\" not in value:
            return (b'"%b"' % value if value else b""), None
        if not _has_gap(value):
            return b'"' + value.replace(b"\\", b'","') + b'"', None
        parts = [part.strip() if strips_leading else part.rstrip() for part in value.split(b"\\")]
        return b",".join([b'"%b"' % part if part else b"null" for part in parts]), None

    return convert


def _odd_texts(vr: str, value: bytes, *, strips_leading: bool) -> Converted:
    texts = value.rstrip(b" \0").decode(DEFAULT_ENCODING).split("\\")
    texts = [text.strip(" \0") if strips_leading else text.rstrip(" \0") for text in texts]
    if texts == [""]:
        return b"", None
    return quote_all(texts), first_problem(vr, texts)


def _texts(vr: str, maximum: int | None) -> Converter:
    """VRs of the specific character set that can have several values: LO SH UC."""
    repeat = b"*+" if maximum is None else b"{0,%d}+" % maximum
    is_safe = re.compile(rb"[%b]%b[ \0]*+" % (SAFE_CHARACTERS, repeat)).fullmatch

    def convert(value: bytes, surroundings: Surroundings, _: int) -> Converted:
        if is_safe(value):
            value = value.rstrip(b" \0")
            return (b'"%b"' % value if value else b""), None
        text, valid = surroundings.charset.decode(value, VALUE_RESETS)
        texts = [part.rstrip(" \0") for part in text.split("\\")]
        if texts == [""]:
            return b"", None
        problem = first_problem(vr, texts) if valid else _UNDECODABLE
        return quote_all(texts), problem

    return convert


def _text(vr: str) -> Converter:
    """VRs of one value in which a backslash is a character: LT ST UT."""
    is_safe = re.compile(rb"[%b]{0,1024}" % SAFE_CHARACTERS).fullmatch

    def convert(value: bytes, surroundings: Surroundings, _: int) -> Converted:
        value = value.rstrip(b" \0")
        if is_safe(value):
            return (b'"%b"' % value if value else b""), None
        text, valid = surroundings.charset.decode(value)
        text = text.rstrip(" \0")
        problem = first_problem(vr, [text]) if valid else _UNDECODABLE
        return (quote(text) if text else b""), problem

    return convert


def _reference(value: bytes, _: Surroundings, __: int) -> Converted:
    text = value.decode(DEFAULT_ENCODING).rstrip(" \0")
    return (quote(text) if text else b""), first_problem("UR", [text])


def _person_names(value: bytes, surroundings: Surroundings, _: int) -> Converted:
    return convert_person_names(value, surroundings.charset)


def _numbers(vr: str, simple: re.Pattern[bytes]) -> Converter:
    """DS and IS: a JSON number where the text is a number, else the text itself."""
    matches = simple.fullmatch

    def convert(value: bytes, _: Surroundings, __: int) -> Converted:
        value = value.strip(b" \0")
        if matches(value):
            return value.replace(b"\\", b","), None
        texts = [part.strip(" \0") for part in value.decode(DEFAULT_ENCODING).split("\\")]
        if texts == [""]:
            return b"", None
        numbers = [(number(text) or quote(text)) if text else b"null" for text in texts]
        return b",".join(numbers), first_problem(vr, texts)

    return convert


_NUMBER_SIZES: Final = {"h": 2, "H": 2, "i": 4, "I": 4, "q": 8, "Q": 8, "f": 4, "d": 8}


def _integers(code: str) -> Converter:
    """Binary whole numbers."""
    size = _NUMBER_SIZES[code]
    little, big = struct.Struct(f"<{code}").unpack, struct.Struct(f">{code}").unpack
    several = _several_numbers(code)

    def convert(value: bytes, surroundings: Surroundings, tag: int) -> Converted:
        if len(value) == size:
            unpack = little if surroundings.is_little_endian else big
            return b"%d" % unpack(value)[0], None
        return several(value, surroundings, tag)

    return convert


def _floats(code: str) -> Converter:
    """Binary floating point numbers."""
    size = _NUMBER_SIZES[code]
    little, big = struct.Struct(f"<{code}").unpack, struct.Struct(f">{code}").unpack
    several = _several_numbers(code)

    def convert(value: bytes, surroundings: Surroundings, tag: int) -> Converted:
        if len(value) == size:
            unpack = little if surroundings.is_little_endian else big
            return orjson.dumps(unpack(value)[0]), None
        return several(value, surroundings, tag)

    return convert


def _several_numbers(code: str) -> Converter:
    """Binary numbers; a value field of a wrong size gives the numbers that are whole."""
    size = _NUMBER_SIZES[code]

    def convert(value: bytes, surroundings: Surroundings, _: int) -> Converted:
        count, excess = divmod(len(value), size)
        numbers = struct.unpack_from(f"{surroundings.order_code}{count}{code}", value)
        problem = None
        if excess:
            problem = (ProblemKind.SIZE, f"its length is no multiple of {size} bytes")
        # Numbers that JSON cannot hold, NaN and the infinities, become null here.
        return orjson.dumps(numbers)[1:-1], problem

    return convert


_UNSIGNED: Final = _integers("H")
_SIGNED: Final = _integers("h")


def _signed_words(value: bytes, surroundings: Surroundings, tag: int) -> Converted:
    """SS, but for the first value of a LUT descriptor, which is a count (PS3.3 C.11.1.1)."""
    if tag not in LUT_DESCRIPTORS or len(value) < 4:
        return _SIGNED(value, surroundings, tag)
    first, _ = _UNSIGNED(value[:2], surroundings, tag)
    rest, problem = _SIGNED(value[2:], surroundings, tag)
    return first + b"," + rest, problem


def _tags(value: bytes, surroundings: Surroundings, _: int) -> Converted:
    count, excess = divmod(len(value), 4)
    halves = struct.unpack_from(f"{surroundings.order_code}{count * 2}H", value)
    texts = [
        f'"{group:04X}{element:04X}"'
        for group, element in zip(halves[::2], halves[1::2], strict=True)
    ]
    problem = (ProblemKind.SIZE, "its length is no multiple of 4 bytes") if excess else None
    return ",".join(texts).encode(), problem


CONVERTERS: Final[Mapping[str, Converter]] = {
    **{vr: _plain_texts(vr) for vr in PATTERNS},
    "AT": _tags,
    "DS": _numbers("DS", DECIMALS),
    "FD": _floats("d"),
    "FL": _floats("f"),
    "IS": _numbers("IS", INTEGERS),
    "LO": _texts("LO", 64),
    "LT": _text("LT"),
    "PN": _person_names,
    "SH": _texts("SH", 16),
    "SL": _integers("i"),
    "SS": _signed_words,
    "ST": _text("ST"),
    "SV": _integers("q"),
    "UC": _texts("UC", None),
    "UL": _integers("I"),
    "UR": _reference,
    "US": _UNSIGNED,
    "UT": _text("UT"),
    "UV": _integers("Q"),
}
