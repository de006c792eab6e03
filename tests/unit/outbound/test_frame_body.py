"""The body of an answer with frames: any part of it is what it is in the whole."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence

import httpx
from hypothesis import given
from hypothesis import strategies as st

from hilum.catalogue.frame_pieces import FrameContent, FramePiece
from hilum.outbound.dicomweb.frame_body import FrameBody
from hilum.wire.frame_choices import FrameForm
from tests.conformance.multipart import parts

JLS = "1.2.840.10008.1.2.4.80"


class TheseFrames:
    """Frames at hand, every other one in chunks."""

    def __init__(self, frames: Sequence[bytes], *, measured: bool = True) -> None:
        self._frames = frames
        self.sizes = [len(frame) for frame in frames] if measured else None
        self.asked: list[FramePiece] = []

    async def open(self, pieces: Iterable[FramePiece]) -> AsyncGenerator[FrameContent, None]:
        for piece in pieces:
            self.asked.append(piece)
            data = self._frames[piece.position][piece.start : piece.stop]
            stream = piece.position % 2 and self.sizes is not None
            yield FrameContent(piece.position, _chunks(data) if stream else data)


async def _chunks(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 3):
        yield data[start : start + 3]


def a_body(frames: TheseFrames, count: int, *, multipart: bool = True) -> FrameBody:
    urls = [f"http://host/frames/{number + 1}" for number in range(count)]
    return FrameBody(frames, FrameForm(multipart, "image/jls", JLS), "tag", urls)


async def read(body: FrameBody, start: int = 0, stop: int | None = None) -> bytes:
    return b"".join([chunk async for chunk in body.chunks(start, stop)])


def as_response(body: FrameBody, content: bytes) -> httpx.Response:
    return httpx.Response(200, headers={"content-type": body.content_type}, content=content)


@given(
    st.lists(st.binary(max_size=40), min_size=1, max_size=4),
    st.integers(0, 900),
    st.integers(0, 900),
    st.booleans(),
)
async def test_every_range_is_that_of_the_whole(
    frames: list[bytes], start: int, length: int, multipart: bool
) -> None:
    frames = frames if multipart else frames[:1]
    body = a_body(TheseFrames(frames), len(frames), multipart=multipart)
    whole = await read(body)
    stop = min(start + length, len(whole))

    assert len(whole) == body.size_bytes
    assert await read(body, start, max(stop, start)) == whole[start:stop]


async def test_frames_outside_a_range_are_not_opened() -> None:
    frames = TheseFrames([bytes(100)] * 3)
    body = a_body(frames, 3)
    whole = await read(body)
    frames.asked.clear()
    second = whole.index(b"frames/2")

    await read(body, second, second + 50)

    assert [piece.position for piece in frames.asked] == [1]


async def test_frames_of_unknown_size_go_out_in_the_same_form() -> None:
    data = [b"one", b"two", b"three"]
    known, unknown = a_body(TheseFrames(data), 3), a_body(TheseFrames(data, measured=False), 3)

    content = await read(unknown)

    assert unknown.size_bytes is None
    assert content == await read(known)
    found = parts(as_response(unknown, content))
    assert [body for _, body in found] == data
    for head, body in found:
        assert head["Content-Type"] == f"image/jls; transfer-syntax={JLS}"
        assert int(head["Content-Length"]) == len(body)


async def test_one_frame_alone_has_nothing_around_it() -> None:
    body = a_body(TheseFrames([b"pixels"]), 1, multipart=False)

    assert await read(body) == b"pixels"
    assert body.content_type == f"image/jls; transfer-syntax={JLS}"
