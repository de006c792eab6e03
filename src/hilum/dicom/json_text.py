"""Pieces of JSON text, in UTF-8."""

import math
import re
from collections.abc import Sequence
from typing import Final

import orjson

SAFE_CHARACTERS: Final = rb"\x20\x21\x23-\x5b\x5d-\x7e"
"""Inside of a regular expression's brackets: what is itself in JSON, in every DICOM character set
that has no escape sequence in force, and separates no values."""


def quote(text: str) -> bytes:
    """Return `text` as a JSON string."""
    try:
        return orjson.dumps(text)
    except orjson.JSONEncodeError:  # lone surrogates, which UTF-8 has no form for
        return orjson.dumps(text.encode("utf-8", "replace").decode("utf-8"))


def quote_all(texts: Sequence[str]) -> bytes:
    """Return the elements of a JSON array of strings; empty values are null (PS3.18 F.2.5)."""
    return b",".join([quote(text) if text else b"null" for text in texts])


_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_LONGEST_NUMBER: Final = 64
"""Characters; PS3.5 allows 16. What is longer is kept as text."""


def number(text: str) -> bytes | None:
    """Return a decimal number as JSON writes one, or None when it is none JSON can hold.

    Leading zeros, `+`, and a missing digit before or after the point are mended.
    """
    if len(text) > _LONGEST_NUMBER or not _NUMBER.fullmatch(text):
        return None
    if _INTEGER.fullmatch(text):
        return text.encode()
    value = float(text)
    if math.isinf(value):
        return None
    if abs(value) < 2**53 and text.lstrip("+-").isdigit():
        return b"%d" % int(text)
    return orjson.dumps(value)
