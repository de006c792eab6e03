"""A strict reader of multipart/related (RFC 2046 5.1, RFC 2387), so that laxness is noticed."""

from collections.abc import Mapping
from dataclasses import dataclass

_SEPARATORS = {b"\r\n", b"--"}


class Malformed(Exception):
    """`str(error)` says which rule was broken, without a byte of the content."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part; names of header fields are in lower case."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def media_type(self) -> "MediaType":
        return MediaType.of(self.headers.get("content-type", ""))


@dataclass(frozen=True, slots=True)
class MediaType:
    """`name` is type/subtype in lower case, empty when there is none."""

    name: str
    parameters: Mapping[str, str]

    @classmethod
    def of(cls, text: str) -> "MediaType":
        """Read a Content-Type field; a parameter that cannot be read is left out."""
        name, *rest = _split(text)
        parameters = {}
        for piece in rest:
            key, equals, value = piece.partition("=")
            if equals:
                parameters[key.strip().lower()] = value.strip().strip('"')
        return cls(name.strip().lower(), parameters)


def read_multipart(content_type: str, body: bytes) -> tuple[Part, ...]:
    """Split a multipart/related body into its parts.

    Raises `Malformed` for whatever RFC 2046 and PS3.18 8.7.3.5.1 do not allow.
    """
    media = MediaType.of(content_type)
    if media.name != "multipart/related":
        raise Malformed(f"the Content-Type is {media.name or 'missing'}, not multipart/related")
    boundary = media.parameters.get("boundary", "")
    if not 1 <= len(boundary) <= 70:
        raise Malformed("the Content-Type has no boundary of 1 to 70 characters")
    if "type" not in media.parameters:
        raise Malformed("the Content-Type has no type parameter")
    return _parts(b"--" + boundary.encode("latin-1", "replace"), body)


def _parts(delimiter: bytes, body: bytes) -> tuple[Part, ...]:
    start = 0 if body.startswith(delimiter) else body.find(b"\r\n" + delimiter) + 2
    if start < 2 and not body.startswith(delimiter):
        raise Malformed("the body has no boundary line")
    parts: list[Part] = []
    at = start + len(delimiter)
    while True:
        line_end = at
        while body[line_end : line_end + 1] in {b" ", b"\t"}:
            line_end += 1
        mark = body[line_end : line_end + 2]
        if mark not in _SEPARATORS:
            raise Malformed("a boundary line does not end with CRLF")
        if mark == b"--":
            break
        end = body.find(b"\r\n" + delimiter, line_end)
        if end < 0:
            raise Malformed("the body has no closing boundary")
        parts.append(_part(body[line_end + 2 : end] if end > line_end else b""))
        at = end + 2 + len(delimiter)
    if not parts:
        raise Malformed("the body has no parts")
    return tuple(parts)


def _part(piece: bytes) -> Part:
    if piece.startswith(b"\r\n"):
        return Part({}, piece[2:])
    head, blank, body = piece.partition(b"\r\n\r\n")
    if not blank:
        raise Malformed("a part has no blank line after its header fields")
    headers = {}
    for line in head.split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if not colon or name != name.strip() or b"\n" in line:
            raise Malformed("a header field of a part is malformed")
        headers[name.decode("latin-1").lower()] = value.decode("latin-1").strip()
    return Part(headers, body)


def _split(text: str) -> list[str]:
    """Split at semicolons that do not stand between quotation marks."""
    pieces, quoted, piece = [], False, ""
    for character in text:
        if character == '"':
            quoted = not quoted
        if character == ";" and not quoted:
            pieces.append(piece)
            piece = ""
        else:
            piece += character
    return [*pieces, piece]
