"""Values turned, joined and cut: any part of them is the part of the whole."""

from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.catalogue.bulk_contents import JoinedFrames, Turned, fragment_spans
from hilum.catalogue.frame_pieces import FrameContent, FramePiece
from hilum.catalogue.renditions import StoredSpans
from hilum.dicom.frames import Span
from hilum.domain.errors import ObjectMissing
from hilum.domain.identifiers import (
    InstanceUIDs,
    ObjectKey,
    SeriesInstanceUID,
    SOPClassUID,
    SOPInstanceUID,
    StudyInstanceUID,
    TransferSyntaxUID,
    Version,
)
from hilum.domain.instances import InMemory
from hilum.domain.records import InstanceRecord
from tests.twins import MemoryObjects

_UIDS = InstanceUIDs(StudyInstanceUID("1.2"), SeriesInstanceUID("1.3"), SOPInstanceUID("1.4"))
_ITEM = b"\xfe\xff\x00\xe0"
_END = b"\xfe\xff\xdd\xe0\0\0\0\0"


async def _stored(data: bytes) -> tuple[MemoryObjects, InstanceRecord]:
    objects = MemoryObjects()
    key = ObjectKey("1/1.2/1.3/1.4.1.dcm")
    await objects.put_once(key, InMemory(data))
    syntax = TransferSyntaxUID("1.2.840.10008.1.2.4.50")
    record = InstanceRecord(1, _UIDS, SOPClassUID("1"), syntax, Version(1), key, len(data), 0)
    return objects, record


def _items(*fragments: bytes) -> bytes:
    return b"".join(_ITEM + len(each).to_bytes(4, "little") + each for each in fragments)


@dataclass(frozen=True)
class ThreeFrames:
    """Frames whose bytes are at hand, or come in two chunks."""

    contents: Sequence[bytes]
    is_measured: bool

    @property
    def sizes(self) -> Sequence[int] | None:
        return [len(each) for each in self.contents] if self.is_measured else None

    async def read(self, position: int) -> bytes:
        return self.contents[position]

    async def open(self, pieces: Iterable[FramePiece]) -> AsyncGenerator[FrameContent, None]:
        for piece in pieces:
            data = self.contents[piece.position][piece.start : piece.stop]
            in_chunks = piece.position % 2
            yield FrameContent(piece.position, _halves(data) if in_chunks else data)


async def _halves(data: bytes) -> AsyncGenerator[bytes, None]:
    yield data[: len(data) // 2]
    yield data[len(data) // 2 :]


@given(st.binary(max_size=41), st.sampled_from([2, 4, 8]), st.integers(1, 16), st.data())
@settings(max_examples=60, deadline=None)
async def test_a_part_of_turned_numbers_is_the_part_of_all_turned(
    data: bytes, unit: int, whole_bytes: int, drawn: st.DataObject
) -> None:
    start = drawn.draw(st.integers(0, len(data)))
    stop = drawn.draw(st.integers(start, len(data)))
    objects, record = await _stored(data)
    turned = Turned(StoredSpans(objects, record, [Span(0, len(data))], whole_bytes), unit)
    whole = len(data) - len(data) % unit
    expected = b"".join(data[at : at + unit][::-1] for at in range(0, whole, unit)) + data[whole:]

    found = b"".join([chunk async for chunk in turned.chunks(start, stop)])

    assert found == expected[start:stop]
    assert turned.size_bytes == len(data)


@given(st.lists(st.binary(min_size=1, max_size=5), min_size=1, max_size=4), st.data())
@settings(max_examples=60, deadline=None)
async def test_a_part_of_joined_frames_is_the_part_of_all(
    contents: list[bytes], drawn: st.DataObject
) -> None:
    whole = b"".join(contents)
    start = drawn.draw(st.integers(0, len(whole)))
    stop = drawn.draw(st.integers(start, len(whole)))
    frames = JoinedFrames(ThreeFrames(contents, is_measured=True), len(contents))

    found = b"".join([chunk async for chunk in frames.chunks(start, stop)])

    assert found == whole[start:stop]
    assert frames.size_bytes == len(whole)


async def test_frames_of_unknown_size_come_whole() -> None:
    frames = JoinedFrames(ThreeFrames([b"ab", b"cde", b"f"], is_measured=False), 3)

    assert frames.size_bytes is None
    assert b"".join([chunk async for chunk in frames.chunks(0, 0)]) == b"abcdef"


async def test_fragments_are_found_however_far_they_lie_apart() -> None:
    large = bytes(100_000)
    data = b"head" + _items(b"\0" * 8, b"ab", large, b"cd") + _END
    objects, record = await _stored(data)

    spans = await fragment_spans(objects, record, 4, 10)

    found = [data[span.offset : span.offset + span.length] for span in spans]
    assert found == [b"ab", large, b"cd"]


@pytest.mark.parametrize(
    "data",
    [_items(b"", b"ab"), _items(b"", b"ab") + b"nonsense", _items(b"", b"ab")[:-5], b""],
    ids=["no end", "no item", "cut off", "nothing"],
)
async def test_what_are_no_fragments_is_an_error(data: bytes) -> None:
    objects, record = await _stored(data)

    with pytest.raises(ObjectMissing):
        await fragment_spans(objects, record, 0, 10)


async def test_more_fragments_than_allowed_are_an_error() -> None:
    objects, record = await _stored(_items(*[b"ab"] * 12) + _END)

    assert len(await fragment_spans(objects, record, 0, 11)) == 11
    with pytest.raises(ObjectMissing):
        await fragment_spans(objects, record, 0, 10)
