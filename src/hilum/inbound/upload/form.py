"""From the body of a form to the files of an upload, while the body is still being read."""

from collections.abc import AsyncIterable
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import Headers

from hilum.domain.errors import BodyTooLarge, UnsupportedMediaType
from hilum.submissions.receiving import Reception
from hilum.wire.form_data import FORM_DATA, form_part
from hilum.wire.multipart_related import (
    LimitNames,
    MultipartLimits,
    MultipartReader,
    PartHead,
    boundary_of,
    parse_content_type,
)

_NAMES: Final = LimitNames(
    parts="upload.files",
    part_header_bytes="upload.part_header_bytes",
    part_bytes="upload.file_bytes",
    request_bytes="upload.request_bytes",
)


@dataclass(frozen=True, slots=True)
class FormLimits:
    """Bounds of one form; fields are named as the settings of the section `upload`."""

    file_bytes: int = 100 << 20
    request_bytes: int = 4 << 30
    files: int = 10_000
    part_header_bytes: int = 16_384
    allowed_extensions: tuple[str, ...] = ()
    """In lower case, with their dots; none: any."""

    @property
    def multipart(self) -> MultipartLimits:
        return MultipartLimits(
            self.files, self.part_header_bytes, self.file_bytes, self.request_bytes, _NAMES
        )


def boundary_of_form(headers: Headers, limits: FormLimits) -> str:
    """Raise what there is to say before the body is read; return its boundary."""
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("A body with a Content-Encoding is not taken here.")
    content_type = parse_content_type(headers.get("content-type", ""))
    if content_type.media_type != FORM_DATA:
        raise UnsupportedMediaType(f"Upload files as {FORM_DATA}.")
    announced = headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limits.request_bytes:
        raise BodyTooLarge(
            "upload.request_bytes", limits.request_bytes, "The request body is too large"
        )
    return boundary_of(content_type)


async def read_form(
    stream: AsyncIterable[bytes], boundary: str, limits: FormLimits, reception: Reception
) -> None:
    """Hand every file of the form to `reception`; fields that are no files are read past.

    Raises `MalformedBody`, `UnsupportedMediaType`, `LimitExceeded`, and what the spool says.
    """
    reader = MultipartReader(boundary, limits.multipart)
    part = _Part(None)
    async for chunk in stream:
        for event in reader.feed(chunk):
            if isinstance(event, memoryview):
                if part.begins(has_bytes=True):
                    reception.begin(part.name)
                if part.is_open:
                    await reception.write(event)
            elif isinstance(event, PartHead):
                part = _Part(form_part(event).filename)
                _demand_extension(part, event.number, limits.allowed_extensions)
                if part.begins(has_bytes=False):
                    reception.begin(part.name)
            elif part.is_open:
                await reception.end()
    reader.finish()


class _Part:
    """A part of the form. Without a name and bytes it is what browsers send for no choice."""

    __slots__ = ("_filename", "is_open")

    def __init__(self, filename: str | None) -> None:
        self._filename = filename
        self.is_open = False

    @property
    def name(self) -> str:
        return self._filename or ""

    def begins(self, *, has_bytes: bool) -> bool:
        """Whether the file begins now."""
        if self.is_open or self._filename is None or not (self._filename or has_bytes):
            return False
        self.is_open = True
        return True


def _demand_extension(part: _Part, number: int, allowed: tuple[str, ...]) -> None:
    if part.name and allowed and not part.name.lower().endswith(allowed):
        raise UnsupportedMediaType(
            f"The name of the file in part {number} should end with {' or '.join(allowed)}"
            " (setting upload.allowed_extensions)."
        )
