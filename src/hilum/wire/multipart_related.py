"""Reading multipart bodies as they arrive (RFC 2046 section 5.1; RFC 2387, RFC 7578).

The reader holds back no more than one delimiter and one part's headers; the bytes of a part go
through as views of the chunks that were fed. Time is linear in the bytes fed, whatever they are.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from hilum.domain.errors import LimitExceeded, MalformedBody, UnsupportedMediaType

_BOUNDARY_MAXIMUM_LENGTH: Final = 70
"""RFC 2046 section 5.1.1."""

_DELIMITER_ENDS: Final = re.compile(rb"--|[ \t]{0,64}\r?\n")
"""What turns boundary bytes into a delimiter; without it they belong to the part's body."""
_DELIMITER_MAY_END: Final = re.compile(rb"-?|[ \t]{0,64}\r?")
_HEADERS_END: Final = re.compile(rb"\n\r?\n")
_BOUNDARY: Final = re.compile(r"[\x20-\x7e]*[\x21-\x7e]")
_PARAMETER: Final = re.compile(
    r"""\s*;\s*(?:([^\s=;"]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s";]+))?""", re.ASCII
)


@dataclass(frozen=True, slots=True)
class LimitNames:
    """The settings that the bounds of a body come from, as errors name them."""

    parts: str = "stow.parts"
    part_header_bytes: str = "stow.part_header_bytes"
    part_bytes: str = "stow.part_bytes"
    request_bytes: str = "stow.request_bytes"


@dataclass(frozen=True, slots=True)
class MultipartLimits:
    """Bounds of one body."""

    parts: int = 10_000
    part_header_bytes: int = 16 * 1024
    """Headers of one part; also the longest text before the first boundary."""
    part_bytes: int = 4 * 1024**3
    request_bytes: int = 16 * 1024**3
    names: LimitNames = LimitNames()


@dataclass(frozen=True, slots=True)
class ContentType:
    """A Content-Type header, media type and parameter names in lower case."""

    media_type: str
    parameters: Mapping[str, str]


def parse_content_type(header: str) -> ContentType:
    """Read a Content-Type header; parameter values may be quoted or not.

    Values such as `application/dicom` are taken without the quotes RFC 2045 asks for, since many
    senders leave them out. Raises `UnsupportedMediaType` for a header that cannot be read.
    """
    media_type, semicolon, _ = header.partition(";")
    parameters: dict[str, str] = {}
    position = len(media_type) if semicolon else len(header)
    rest = header.rstrip()
    while position < len(rest):
        match = _PARAMETER.match(rest, position)
        if match is None:
            raise UnsupportedMediaType("The parameters of the Content-Type header cannot be read.")
        position = match.end()
        if match[1] is None:
            continue
        name = match[1].lower()
        if name in parameters:
            raise UnsupportedMediaType(f"The Content-Type header gives {name!r} twice.")
        value = match[2]
        parameters[name] = re.sub(r"\\(.)", r"\1", value[1:-1]) if value[0] == '"' else value
    return ContentType(media_type.strip().lower(), parameters)


def boundary_of(content_type: ContentType) -> str:
    """Return the boundary parameter. Raises `UnsupportedMediaType` when missing or unusable."""
    boundary = content_type.parameters.get("boundary", "")
    if not boundary:
        raise UnsupportedMediaType("The Content-Type multipart has no boundary parameter.")
    if len(boundary) > _BOUNDARY_MAXIMUM_LENGTH or _BOUNDARY.fullmatch(boundary) is None:
        raise UnsupportedMediaType(
            "The boundary of the Content-Type is not 1 to 70 printable characters (RFC 2046)."
        )
    return boundary


@dataclass(frozen=True, slots=True)
class PartHead:
    """A part begins; header names in lower case, the first of repeated headers."""

    number: int
    """Counts from 1."""
    headers: Mapping[str, str]


class PartEnd:
    """The part that began last is complete."""


PART_END: Final = PartEnd()

Event = PartHead | PartEnd | memoryview
"""A memoryview is a piece of the current part's body."""


class _State(Enum):
    PREAMBLE = auto()
    HEADERS = auto()
    BODY = auto()
    EPILOGUE = auto()


class MultipartReader:
    """Turns chunks of any size into the events of the parts in them.

    `feed` every chunk and use up its events before the next; `finish` at the end of the body.
    After an error the reader is of no more use. Raises `MalformedBody` and `LimitExceeded`.
    """

    def __init__(self, boundary: str, limits: MultipartLimits) -> None:
        self._limits = limits
        self._names = limits.names
        self._delimiter = b"\r\n--" + boundary.encode("ascii")
        self._state = _State.PREAMBLE
        # A boundary on the very first line has no line break before it; this one stands in.
        self._held = b"\r\n"
        self._not_body = 0
        self._received = 0
        self._parts = 0
        self._part_bytes = 0

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """Yield the events that `chunk` completes."""
        self._received += len(chunk)
        if self._received > self._limits.request_bytes:
            raise LimitExceeded(
                self._names.request_bytes,
                self._limits.request_bytes,
                "The request body is too large",
            )
        seen = len(self._held)
        data = self._held + chunk if seen else chunk
        position = 0
        while position < len(data):
            if self._state is _State.EPILOGUE:
                position = len(data)
            elif self._state is _State.HEADERS:
                head, position = self._read_headers(data, position, seen)
                if head is None:
                    break
                yield head
            else:
                body, position, ended = self._read_body(data, position)
                if body is not None:
                    yield body
                if not ended:
                    break
                if self._parts:
                    yield PART_END
            seen = 0
        self._held = data[position:]

    def finish(self) -> None:
        """Say that no more chunks come. Raises `MalformedBody` unless the body was complete."""
        if self._state is _State.EPILOGUE:
            return
        if not self._received:
            raise MalformedBody("The body is empty; a multipart body has at least a boundary.")
        if self._state is _State.PREAMBLE:
            raise MalformedBody(
                "The body holds no line with the boundary that the Content-Type header names."
            )
        in_headers = self._state is _State.HEADERS
        raise MalformedBody(
            f"The body ends inside the {'headers' if in_headers else 'content'} of part "
            f"{self._parts + in_headers}; the closing boundary is missing."
        )

    def _read_headers(self, data: bytes, start: int, seen: int) -> tuple[PartHead | None, int]:
        """`start` is at the line break that ends the delimiter; `seen` bytes were searched."""
        end = _HEADERS_END.search(data, max(start, seen - 2))
        length = (len(data) if end is None else end.start()) - start
        if length > self._limits.part_header_bytes:
            raise LimitExceeded(
                self._names.part_header_bytes,
                self._limits.part_header_bytes,
                f"The headers of part {self._parts + 1} are too large",
            )
        if end is None:
            return None, start
        self._parts += 1
        if self._parts > self._limits.parts:
            raise LimitExceeded(
                self._names.parts, self._limits.parts, "The body has too many parts"
            )
        headers = _parse_headers(data[start + 1 : end.start() + 1], self._parts)
        self._state = _State.BODY
        self._part_bytes = 0
        # The line break of the empty line may be the one before the next boundary: an empty part.
        self._not_body = 2 if data[end.end() - 2] == 0x0D else 0
        return PartHead(self._parts, headers), end.end() - self._not_body

    def _read_body(self, data: bytes, start: int) -> tuple[memoryview | None, int, bool]:
        """Return the part's bytes from `start`, where to go on, and whether the part ended."""
        end, after = self._find_delimiter(data, start)
        body_start = start + self._not_body
        if end > start:
            self._not_body = 0
        length = end - body_start
        if length > 0:
            self._count(length)
        if after:
            closing = data[after - 1] == 0x2D
            self._state = _State.EPILOGUE if closing else _State.HEADERS
            # The header search starts at the line break, so that an empty line is found at once.
            position = after if closing else after - 1
        else:
            position = end
        in_part = length > 0 and self._parts
        return (memoryview(data)[body_start:end] if in_part else None), position, after > 0

    def _find_delimiter(self, data: bytes, start: int) -> tuple[int, int]:
        """Return where the body ends and where the delimiter ends.

        The latter is 0 when there is no whole delimiter: then the former is where bytes begin
        that may turn out to be one.
        """
        delimiter = self._delimiter
        position = start
        while (found := data.find(delimiter, position)) >= 0:
            after = found + len(delimiter)
            ends = _DELIMITER_ENDS.match(data, after)
            if ends is not None:
                return found, ends.end()
            if _DELIMITER_MAY_END.fullmatch(data, after) is not None:
                return found, 0
            position = found + 2
        # A delimiter has one carriage return, so that only the last one in reach can begin it.
        tail = data.rfind(b"\r", max(start, len(data) - len(delimiter) + 1))
        if tail >= 0 and delimiter.startswith(data[tail:]):
            return tail, 0
        return len(data), 0

    def _count(self, length: int) -> None:
        self._part_bytes += length
        if self._parts:
            if self._part_bytes > self._limits.part_bytes:
                raise LimitExceeded(
                    self._names.part_bytes,
                    self._limits.part_bytes,
                    f"Part {self._parts} is too large",
                )
        elif self._part_bytes > self._limits.part_header_bytes:
            raise MalformedBody(
                f"No line with the boundary that the Content-Type header names in the first "
                f"{self._limits.part_header_bytes} bytes of the body."
            )


def _parse_headers(text: bytes, part: int) -> dict[str, str]:
    headers: dict[str, str] = {}
    name = ""
    for line in text.decode("latin-1").replace("\r\n", "\n").split("\n"):
        if not line:
            continue
        if line[0] in " \t" and name:
            headers[name] += " " + line.strip()
            continue
        name, colon, value = line.partition(":")
        name = name.strip().lower()
        if not colon or not name:
            raise MalformedBody(f"A header line of part {part} has no name and colon.")
        headers.setdefault(name, value.strip())
    return headers
