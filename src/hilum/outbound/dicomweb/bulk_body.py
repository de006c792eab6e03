"""The bytes of an answer with bulk data, any part of which can be made by itself."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from hilum.catalogue.bulk_contents import BulkContent
from hilum.wire.bulk_choices import BulkForm
from hilum.wire.frame_tags import boundary_of
from hilum.wire.multipart_writer import MultipartWriter


@dataclass(frozen=True, slots=True)
class _Bytes:
    """What stands around the values."""

    data: bytes

    @property
    def size_bytes(self) -> int:
        return len(self.data)

    async def chunks(self, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        yield self.data[start:stop]


class BulkBody:
    """Values in one form: one alone, or the parts of a multipart body.

    The boundary follows from `tag`, so that ranges of several answers fit together.
    """

    def __init__(
        self, contents: Sequence[BulkContent], form: BulkForm, tag: str, location: str
    ) -> None:
        self.content_type = form.offer.content_type
        self._pieces: Sequence[BulkContent] = contents
        if form.multipart:
            writer = MultipartWriter(boundary_of(tag))
            self.content_type = writer.content_type(form.offer.media_type)
            self._pieces = _parted(contents, writer, form.offer.content_type, location)
        self.size_bytes: int | None = 0
        """Length of the whole body; None when it is not known before it is made."""
        for piece in self._pieces:
            size = piece.size_bytes
            if size is None or self.size_bytes is None:
                self.size_bytes = None
                break
            self.size_bytes += size

    async def chunks(self, start: int = 0, stop: int | None = None) -> AsyncGenerator[bytes, None]:
        """Yield the body from `start` to `stop`; the whole of it when its size is not known."""
        begin = 0
        for piece in self._pieces:
            size = piece.size_bytes
            if size is None:
                first, last = 0, 0
            else:
                first = max(start - begin, 0)
                last = size if stop is None else min(stop - begin, size)
                begin += size
                if first >= last:
                    continue
            async with aclosing(piece.chunks(first, last)) as chunks:
                async for chunk in chunks:
                    if chunk:
                        yield chunk


def _parted(
    contents: Sequence[BulkContent], writer: MultipartWriter, content_type: str, location: str
) -> Sequence[BulkContent]:
    pieces: list[BulkContent] = []
    for content in contents:
        where = [("Content-Location", location)]
        head = writer.part_head(content_type, where, content.size_bytes)
        pieces += [_Bytes(head), content]
    return [*pieces, _Bytes(writer.end())]
