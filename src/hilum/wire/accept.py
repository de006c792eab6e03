"""Reading the Accept header field (RFC 9110 section 12.5.1)."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from hilum.domain.errors import NotAcceptable

_NAME: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED: Final = r'"(?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[\t\x20-\x7e])*"'
_RANGE: Final = re.compile(rf"\s*({_NAME})/({_NAME})\s*")
_STRICT_PARAMETER: Final = re.compile(rf";\s*({_NAME})=({_NAME}|{_QUOTED})\s*")
# Viewers write `type=application/dicom` without quotation marks, and stray semicolons.
_LENIENT_PARAMETER: Final = re.compile(rf";\s*(?:({_NAME})\s*=\s*({_QUOTED}|[^;\",\s]*))?\s*")
_ESCAPE: Final = re.compile(r"\\(.)")

MAXIMUM_LENGTH: Final = 8192
"""Characters of a header that are read; HTTP servers cap a header near this anyway."""


@dataclass(frozen=True, slots=True)
class MediaRange:
    """One element of an Accept header: what may be sent, and how gladly it is taken."""

    type: str
    """`type/subtype` in lower case; either half may be `*`."""
    parameters: tuple[tuple[str, str], ...]
    """Names in lower case, values without quotation marks, in order; a name may come twice."""
    quality: float

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of a parameter, in order."""
        return tuple(value for key, value in self.parameters if key == name)

    def covers(self, media_type: str) -> bool:
        """True when `media_type` (no wild cards, lower case) falls into this range."""
        if self.type in {"*/*", media_type}:
            return True
        main, _, sub = self.type.partition("/")
        return sub == "*" and media_type.startswith(f"{main}/")


def parse_accept(text: str, *, strict: bool) -> list[MediaRange]:
    """Read an Accept header, best quality first, elements of one quality in their order.

    Elements with `q=0` are left out. Strict: one element that is not grammatical makes the whole
    list unusable. Otherwise such an element is passed over, and a parameter value may hold what
    only a quoted string may hold.

    Raises `NotAcceptable`.
    """
    ranges = [each for each in _ranges(text, strict=strict) if each.quality > 0]
    return sorted(ranges, key=lambda media_range: -media_range.quality)


def refused_types(text: str) -> frozenset[str]:
    """Media types that an Accept header names with `q=0`: a wild card does not mean them.

    Raises `NotAcceptable`.
    """
    return frozenset(each.type for each in _ranges(text, strict=False) if each.quality == 0)


def _ranges(text: str, *, strict: bool) -> Iterator[MediaRange]:
    if len(text) > MAXIMUM_LENGTH:
        message = f"The Accept header is longer than {MAXIMUM_LENGTH} characters."
        raise NotAcceptable(message)
    for element in _elements(text):
        media_range = _media_range(element, _STRICT_PARAMETER if strict else _LENIENT_PARAMETER)
        if media_range is not None:
            yield media_range
        elif strict:
            message = f"The Accept header cannot be read at {element.strip()!r}."
            raise NotAcceptable(message)


def _elements(text: str) -> list[str]:
    """Split a list at the commas outside quoted strings; empty elements are legal and dropped."""
    if '"' not in text:
        elements = text.split(",")
    else:
        elements = [""]
        for piece in re.split(rf"({_QUOTED}|,)", text):
            if piece == ",":
                elements.append("")
            else:
                elements[-1] += piece
    return [element for element in elements if element.strip()]


def _media_range(element: str, parameter: re.Pattern[str]) -> MediaRange | None:
    start = _RANGE.match(element)
    if start is None or (start[1] == "*" and start[2] != "*"):
        return None
    parameters = []
    quality = 1.0
    position = start.end()
    while position < len(element):
        found = parameter.match(element, position)
        if found is None or found.end() == position:
            return None
        position = found.end()
        if found[1] is None:
            continue
        name, value = found[1].lower(), _unquote(found[2])
        if name == "q":
            weight = _quality(value)
            if weight is None:
                return None
            quality = weight
        else:
            parameters.append((name, value))
    return MediaRange(f"{start[1]}/{start[2]}".lower(), tuple(parameters), quality)


def _unquote(value: str) -> str:
    if value.startswith('"'):
        return _ESCAPE.sub(r"\1", value[1:-1])
    return value


def _quality(value: str) -> float | None:
    if re.fullmatch(r"0(\.\d{0,3})?|1(\.0{0,3})?", value, re.ASCII) is None:
        return None
    return float(value)


def accepts_gzip(accept_encoding: str | None) -> bool:
    """True when the client takes `Content-Encoding: gzip` (RFC 9110 section 12.5.3)."""
    if accept_encoding is None:
        return False
    weights: dict[str, float] = {}
    for element in accept_encoding.lower().split(","):
        coding, _, weight = element.partition(";")
        quality = _quality(weight.partition("=")[2].strip()) if weight.strip() else 1.0
        weights[coding.strip()] = 0.0 if quality is None else quality
    return _first(weights, ("gzip", "x-gzip", "*")) > 0


def _first(weights: Mapping[str, float], codings: tuple[str, ...]) -> float:
    return next((weights[coding] for coding in codings if coding in weights), 0.0)
