"""The bytes of an answer with frames, any part of which can be made by itself."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from itertools import accumulate

from hilum.catalogue.frame_pieces import THE_END, FramePiece
from hilum.catalogue.frames import OpenableFrames
from hilum.wire.frame_choices import FrameForm
from hilum.wire.frame_tags import boundary_of
from hilum.wire.multipart_writer import MultipartWriter


@dataclass(frozen=True, slots=True)
class _Piece:
    """Bytes before a frame, and bytes of it."""

    head: bytes
    of_frame: FramePiece | None


class FrameBody:
    """Frames in one form: the parts of a multipart body, or one frame alone.

    The boundary follows from `tag`, so that ranges of several answers fit together.
    """

    def __init__(
        self, frames: OpenableFrames, form: FrameForm, tag: str, urls: Sequence[str]
    ) -> None:
        self._frames = frames
        self._urls = urls
        self._part_type = f"{form.media_type}; transfer-syntax={form.syntax}"
        self._boundary = boundary_of(tag) if form.multipart else None
        self.content_type = self._part_type
        if self._boundary is not None:
            self.content_type = MultipartWriter(self._boundary).content_type(form.media_type)
        self._heads: Sequence[bytes] = []
        self._end = b""
        self.size_bytes: int | None = None
        """Length of the whole body; None when it is not known before it is made."""
        sizes = frames.sizes
        if sizes is not None:
            self._heads, self._end = self._around(sizes)
            self.size_bytes = sum(map(len, self._heads)) + sum(sizes) + len(self._end)

    async def whole(self) -> Sequence[bytes]:
        """Return all of a body whose size is known and small."""
        if len(self._heads) == 1:
            return self._heads[0], await self._frames.read(0), self._end
        return [chunk async for chunk in self.chunks()]

    async def chunks(self, start: int = 0, stop: int | None = None) -> AsyncGenerator[bytes, None]:
        """Yield the body from `start` to `stop`; the whole of it when its size is not known."""
        if self._frames.sizes is None:
            async for chunk in self._unmeasured():
                yield chunk
            return
        pieces, end = self._between(start, self.size_bytes if stop is None else stop)
        asked = [piece.of_frame for piece in pieces if piece.of_frame is not None]
        async with aclosing(self._frames.open(asked)) as contents:
            for piece in pieces:
                # The frame is opened before its head goes out: what fails, fails early.
                content = (await anext(contents)).content if piece.of_frame is not None else b""
                if piece.head:
                    yield piece.head
                if isinstance(content, bytes):
                    if content:
                        yield content
                else:
                    async for chunk in content:
                        yield chunk
        if end:
            yield end

    async def _unmeasured(self) -> AsyncGenerator[bytes, None]:
        writer = MultipartWriter(self._boundary)
        pieces = (FramePiece(position, 0, THE_END) for position in range(len(self._urls)))
        async with aclosing(self._frames.open(pieces)) as contents:
            async for each in contents:
                if isinstance(each.content, bytes):
                    yield self._head(writer, each.position, len(each.content))
                    yield each.content
        yield writer.end()

    def _around(self, sizes: Sequence[int]) -> tuple[Sequence[bytes], bytes]:
        if self._boundary is None:
            return [b""] * len(sizes), b""
        writer = MultipartWriter(self._boundary)
        heads = [self._head(writer, position, size) for position, size in enumerate(sizes)]
        return heads, writer.end()

    def _head(self, writer: MultipartWriter, position: int, size: int) -> bytes:
        location = [("Content-Location", self._urls[position])]
        return writer.part_head(self._part_type, location, size)

    def _between(self, start: int, stop: int | None) -> tuple[Sequence[_Piece], bytes]:
        """Whatever of heads, frames and end lies between two bytes of the body."""
        sizes = self._frames.sizes or ()
        stop = self.size_bytes or 0 if stop is None else stop
        lengths = (len(head) + size for head, size in zip(self._heads, sizes, strict=True))
        begins = list(accumulate(lengths, initial=0))
        pieces = []
        for position, (head, size) in enumerate(zip(self._heads, sizes, strict=True)):
            begin = begins[position]
            if begin >= stop or begins[position + 1] <= start:
                continue
            of_frame = begin + len(head)
            first, last = max(start - of_frame, 0), min(stop - of_frame, size)
            piece = FramePiece(position, first, last) if first < last else None
            pieces.append(_Piece(head[max(start - begin, 0) : max(stop - begin, 0)], piece))
        return pieces, self._end[max(start - begins[-1], 0) : max(stop - begins[-1], 0)]
