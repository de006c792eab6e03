"""Specific character sets (PS3.3 C.12.1.1.2, PS3.5 6.1): bytes to text, ISO 2022 included."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

DEFAULT_ENCODING: Final = "latin_1"
"""The default repertoire is ASCII. Bytes above it are not allowed, but ISO 8859-1 is what writers
that forgot to declare a set mean most often, and it can decode anything."""

ENCODINGS: Final[Mapping[str, str]] = {
    "": DEFAULT_ENCODING,
    "ISO_IR 6": DEFAULT_ENCODING,
    "ISO_IR 13": "shift_jis",  # of which JIS X 0201 is the single-byte part
    "ISO_IR 100": "latin_1",
    "ISO_IR 101": "iso8859_2",
    "ISO_IR 109": "iso8859_3",
    "ISO_IR 110": "iso8859_4",
    "ISO_IR 126": "iso8859_7",
    "ISO_IR 127": "iso8859_6",
    "ISO_IR 138": "iso8859_8",
    "ISO_IR 144": "iso8859_5",
    "ISO_IR 148": "iso8859_9",
    "ISO_IR 166": "tis_620",
    "ISO_IR 203": "iso8859_15",
    "ISO 2022 IR 58": "gb2312",
    "ISO 2022 IR 87": "iso2022_jp",
    "ISO 2022 IR 149": "euc_kr",
    "ISO 2022 IR 159": "iso2022_jp_2",
    "ISO_IR 192": "utf_8",
    "GB18030": "gb18030",
    "GBK": "gbk",
    "ISO 2022 GBK": "gbk",
    "ISO 2022 58": "gb2312",
}
"""Defined term to codec (PS3.3 tables C.12-2 to C.12-5), with spellings that occur."""
_ASCII_TERMS: Final = frozenset({"", "ISO_IR 6", "ISO 2022 IR 6"})
_STAND_ALONE: Final = frozenset({"utf_8", "gb18030", "gbk"})
"""Not to be combined with others: escape sequences mean nothing in them (PS3.5 6.1.2.5.4)."""

_ESCAPES: Final[Mapping[bytes, str]] = {
    b"\x1b(B": DEFAULT_ENCODING,
    b"\x1b(J": "shift_jis",
    b"\x1b)I": "shift_jis",
    b"\x1b-A": "latin_1",
    b"\x1b-B": "iso8859_2",
    b"\x1b-C": "iso8859_3",
    b"\x1b-D": "iso8859_4",
    b"\x1b-F": "iso8859_7",
    b"\x1b-G": "iso8859_6",
    b"\x1b-H": "iso8859_8",
    b"\x1b-L": "iso8859_5",
    b"\x1b-M": "iso8859_9",
    b"\x1b-T": "tis_620",
    b"\x1b-b": "iso8859_15",
    b"\x1b$)A": "gb2312",
    b"\x1b$)C": "euc_kr",
    b"\x1b$B": "iso2022_jp",
    b"\x1b$(D": "iso2022_jp_2",
}
"""Escape sequence to codec (PS3.3 tables C.12-3 and C.12-4)."""

_KEEPS_ESCAPE: Final = frozenset({"iso2022_jp", "iso2022_jp_2"})
"""Python's codecs for these read the escape sequences themselves."""

_SHIFTED: Final = frozenset({"gb2312", "euc_kr", *_KEEPS_ESCAPE})
"""Sets that are reached by escape sequences only."""
_SEPARATORS: Final = b"\\^="

_FRAGMENT: Final = re.compile(rb"^[^\x1b]+|\x1b[^\x1b]*")
TEXT_RESETS: Final = re.compile(rb"[\t\n\f\r]")
"""Where the first character set is in force again in LT, ST and UT (PS3.5 6.1.2.5.3)."""
VALUE_RESETS: Final = re.compile(rb"[\t\n\f\r\\]")
"""The same in LO, SH and UC, where a backslash separates values."""
NAME_RESETS: Final = re.compile(rb"[\t\n\f\r\\^=]")
"""The same in PN."""
RESETS: Final[Mapping[str, re.Pattern[bytes]]] = {
    "PN": NAME_RESETS,
    **dict.fromkeys(("LO", "SH", "UC"), VALUE_RESETS),
    **dict.fromkeys(("LT", "ST", "UT"), TEXT_RESETS),
}
"""By VR: all whose bytes mean what the specific character set says."""
_MISSPELT: Final = re.compile(r"ISO.?(?:2022.?)?IR.?([0-9]+)")


class Charset:
    """The specific character set in force in a data set; immutable, one object per value."""

    __slots__ = ("_begins_as_ascii", "_encodings", "_first", "_is_ascii", "problem", "terms")

    def __init__(self, terms: tuple[str, ...]) -> None:
        self.terms = terms
        self.problem: str | None = None
        """Why (0008,0005) itself is wrong."""
        encodings = [self._encoding(term) for term in terms or ("",)]
        if encodings[0] in _STAND_ALONE:
            if len(encodings) > 1:
                self.problem = "a character set that allows no code extensions is combined"
            encodings = encodings[:1]
        self._first = encodings[0]
        self._encodings = frozenset(encodings)
        self._is_ascii = all(term in _ASCII_TERMS for term in terms)
        self._begins_as_ascii = not terms or terms[0] in _ASCII_TERMS

    def _encoding(self, term: str) -> str:
        encoding = ENCODINGS.get(term) or ENCODINGS.get(term.replace("ISO 2022 IR", "ISO_IR"))
        if encoding is not None:
            return encoding
        spelling = _MISSPELT.fullmatch(term)
        if spelling is not None:
            number = spelling[1]
            found = ENCODINGS.get(f"ISO_IR {number}") or ENCODINGS.get(f"ISO 2022 IR {number}")
            if found is not None:
                self.problem = "a character set is misspelt"
                return found
        self.problem = "a character set is unknown"
        return DEFAULT_ENCODING

    def encode(self, text: str, resets: re.Pattern[bytes] | None = None) -> bytes | None:
        """Write `text` without escape sequences; None when that cannot be done, or be told.

        `resets` is what the text is read again with, which must give the same text. Bytes of a
        character that look like a separator are avoided, since some readers split before decoding.
        """
        if text.isascii():
            return text.encode()
        if self._begins_as_ascii or self.problem is not None or self._first in _SHIFTED:
            return None
        try:
            value = text.encode(self._first)
        except UnicodeEncodeError:
            return None
        is_single = self._first not in _STAND_ALONE
        if is_single and len(value) != len(text):
            return None
        if any(value.count(mark) != text.count(chr(mark)) for mark in _SEPARATORS):
            return None
        return value if self.decode(value, resets or TEXT_RESETS) == (text, True) else None

    def decode(self, value: bytes, resets: re.Pattern[bytes] = TEXT_RESETS) -> tuple[str, bool]:
        """Return the text of `value`, and whether the character set allows all of it.

        What cannot be decoded becomes U+FFFD. Never raises.
        """
        if b"\x1b" not in value or self._first in _STAND_ALONE:
            return self._decode_plain(value)
        pieces = [self._decode_fragment(piece, resets) for piece in _FRAGMENT.findall(value)]
        return "".join(text for text, _ in pieces), all(valid for _, valid in pieces)

    def _decode_plain(self, value: bytes) -> tuple[str, bool]:
        if self._is_ascii:
            return value.decode(DEFAULT_ENCODING), value.isascii()
        return _decode(value, self._first)

    def _decode_fragment(self, fragment: bytes, resets: re.Pattern[bytes]) -> tuple[str, bool]:
        if not fragment.startswith(b"\x1b"):
            return self._decode_plain(fragment)
        size = 4 if fragment.startswith((b"\x1b$(", b"\x1b$)")) else 3
        encoding = _ESCAPES.get(fragment[:size])
        if encoding is None:
            return fragment.decode(self._first, "replace"), False
        is_declared = encoding in self._encodings or encoding == DEFAULT_ENCODING
        if encoding in _KEEPS_ESCAPE:
            text, valid = _decode(fragment, encoding)
            return text, valid and is_declared
        reset = resets.search(fragment, size)
        end = len(fragment) if reset is None else reset.start()
        text, valid = _decode(fragment[size:end], encoding)
        rest, rest_valid = self._decode_plain(fragment[end:])
        return text + rest, valid and rest_valid and is_declared


def _decode(value: bytes, encoding: str) -> tuple[str, bool]:
    try:
        return value.decode(encoding), True
    except UnicodeDecodeError:
        return value.decode(encoding, "replace"), False


@lru_cache(maxsize=512)
def charset_for(value: bytes) -> Charset:
    """Return the character set that a value of (0008,0005) declares; keep `value` short."""
    text = value.rstrip(b" \0").decode(DEFAULT_ENCODING)
    return Charset(tuple(term.strip() for term in text.split("\\")) if text else ())


DEFAULT_CHARSET: Final = charset_for(b"")
