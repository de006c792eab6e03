"""What the headers of a part of multipart/form-data say (RFC 7578; RFC 8187 for `filename*`)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

from hilum.domain.errors import MalformedBody, UnsupportedMediaType
from hilum.wire.multipart_related import PartHead

FORM_DATA: Final = "multipart/form-data"
_PARAMETER: Final = re.compile(
    r'\s*;\s*(?:([^\s=;"]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s";]*))?', re.ASCII | re.DOTALL
)
_ESCAPED_QUOTE: Final = re.compile(r'\\"|%22')
_LINE_BREAK: Final = re.compile(r"%0D|%0A", re.IGNORECASE)
_PLAIN_TRANSFER_ENCODINGS: Final = frozenset({"", "binary", "8bit", "7bit"})


@dataclass(frozen=True, slots=True)
class FormPart:
    """A field of a form, or a file when it has a name for one."""

    filename: str | None
    """As the sender says it, also when that is empty; None: the part is no file."""


def form_part(head: PartHead) -> FormPart:
    """Read the headers of a part; no error tells what they hold.

    Raises `MalformedBody`, and `UnsupportedMediaType` for a part that is encoded (RFC 7578 section
    4.7 deprecates that, and browsers never did it).
    """
    encoding = head.headers.get("content-transfer-encoding", "").lower()
    if encoding not in _PLAIN_TRANSFER_ENCODINGS:
        raise UnsupportedMediaType(
            f"Part {head.number} is encoded: send it without Content-Transfer-Encoding."
        )
    text = head.headers.get("content-disposition", "")
    kind, semicolon, _ = text.partition(";")
    if kind.strip().lower() != "form-data":
        raise MalformedBody(
            f"Part {head.number} has no Content-Disposition form-data (RFC 7578 section 4.2)."
        )
    parameters = _parameters(text, len(kind), head.number) if semicolon else {}
    extended = parameters.get("filename*")
    if extended is not None:
        return FormPart(_extended(extended, head.number))
    plain = parameters.get("filename")
    return FormPart(None if plain is None else _plain(plain))


def _parameters(text: str, position: int, part: int) -> Mapping[str, str]:
    """Values as they stand there, with their quotes; the first of repeated ones."""
    found: dict[str, str] = {}
    rest = text.rstrip()
    while position < len(rest):
        match = _PARAMETER.match(rest, position)
        if match is None:
            raise MalformedBody(f"The Content-Disposition of part {part} cannot be read.")
        position = match.end()
        if match[1] is not None:
            found.setdefault(match[1].lower(), match[2])
    return found


def _plain(value: str) -> str:
    """Browsers send UTF-8 and write a quotation mark as `%22`; others put a backslash before it.

    A backslash before anything else is part of a path.
    """
    if value.startswith('"'):
        value = _LINE_BREAK.sub("", _ESCAPED_QUOTE.sub('"', value[1:-1]))
    return _text(value.encode("latin-1"))


def _extended(value: str, part: int) -> str:
    charset, _, rest = value.strip('"').partition("'")
    _, apostrophe, encoded = rest.partition("'")
    if charset.lower() not in {"utf-8", "iso-8859-1"} or not apostrophe:
        raise MalformedBody(f"The filename* of part {part} does not follow RFC 8187.")
    data = unquote_to_bytes(encoded)
    return data.decode("latin-1") if charset.lower() == "iso-8859-1" else _text(data)


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")
