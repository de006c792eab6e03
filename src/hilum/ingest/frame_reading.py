"""The stored frames of what is at hand as a whole: in memory, or in a file."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import orjson

from hilum.dicom.frame_places import FramePlaces
from hilum.dicom.frames import FrameTable, Span, frame_table
from hilum.dicom.header import read_header
from hilum.dicom.image_facts import pixels_of
from hilum.dicom.limits import HeaderLimits
from hilum.dicom.sources import FileSource
from hilum.domain.errors import (
    ArchiveUnavailable,
    LimitExceeded,
    PixelsNotDecodable,
    UnreadableInstance,
)
from hilum.domain.identifiers import TransferSyntaxUID
from hilum.domain.instances import Content, InMemory, Spooled
from hilum.validation.decoding import StoredImage


class ContentFrames:
    """Reads frames of a `Content`; see `StoredImage.read`."""

    def __init__(self, content: Content, table: FrameTable) -> None:
        self._content = content
        self._places = FramePlaces(table)

    async def __call__(self, frame: int) -> bytes:
        """Raises `ArchiveUnavailable` when the file cannot be read."""
        spans = self._places.spans(frame)
        if isinstance(self._content, InMemory):
            data = self._content.data
            return b"".join(data[span.offset : span.offset + span.length] for span in spans)
        return await asyncio.to_thread(_read, self._content.path, spans)


def image_of_file(path: Path, limits: HeaderLimits, most_bytes: int) -> StoredImage | None:
    """Return the frames of a file; None of one without pixel data, or whose header is no use.

    Stored frames of more than `most_bytes` are not read. Raises `OSError`.
    """
    with FileSource(path) as source:
        try:
            header = read_header(source, limits=limits)
            table = frame_table(source, header)
            if table is None:
                return None
            syntax = TransferSyntaxUID(header.transfer_syntax_uid)
            pixels = pixels_of(orjson.loads(header.json), syntax)
        except (UnreadableInstance, LimitExceeded, PixelsNotDecodable):
            return None
        frames = ContentFrames(Spooled(path, len(source)), table)
    return StoredImage(table, pixels, frames, most_bytes)


def _read(path: Path, spans: Sequence[Span]) -> bytes:
    try:
        with path.open("rb", buffering=0) as file:
            return b"".join(os.pread(file.fileno(), span.length, span.offset) for span in spans)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        message = f"The instance cannot be read: {reason}."
        raise ArchiveUnavailable(message) from error
