"""Transcoded frames are made once, and what is kept is what would be made."""

from pathlib import Path

from pydicom.data import get_testdata_file
from pydicom.uid import ExplicitVRLittleEndian, HTJ2KLossless, JPEGLSLossless

from hilum.catalogue.frame_pieces import THE_END, FramePiece
from hilum.catalogue.frames import Frames
from hilum.domain.identifiers import Scope, TransferSyntaxUID
from hilum.domain.images import EncodedFrame, TranscodedFrame
from tests.twins import MemoryObjects
from tests.unit.catalogue.test_derivations import MemoryDerived
from tests.unit.catalogue.transcoded import KEY, InlineEngine, examined


class CountingEngine(InlineEngine):
    """Notes how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def transcode(self, frame: EncodedFrame, target: TransferSyntaxUID) -> TranscodedFrame:
        self.asked += 1
        return await super().transcode(frame, target)


class Kept:
    """One of pydicom's files, and a cache."""

    def __init__(self, name: str) -> None:
        data = Path(str(get_testdata_file(name))).read_bytes()
        index, objects = examined(data), MemoryObjects()
        objects.held[KEY] = data
        uids = index.held.instance.uids
        self.scope = Scope(uids.study, uids.series, uids.sop_instance)
        self.engine, self.derived = CountingEngine(), MemoryDerived()
        self.frames = Frames(index, objects, self.engine, derived=self.derived)

    async def get(self, syntax: str, *numbers: int) -> list[bytes]:
        found = await self.frames.find(self.scope, [number - 1 for number in numbers])
        plan = await self.frames.plan(found, [syntax])
        pieces = [FramePiece(position, 0, THE_END) for position in range(len(numbers))]
        contents = [each.content async for each in plan.frames.open(pieces)]
        assert all(isinstance(each, bytes) for each in contents)
        return [each for each in contents if isinstance(each, bytes)]


async def test_a_frame_is_made_once_and_is_the_same_from_the_cache() -> None:
    kept = Kept("emri_small_jpeg_2k_lossless.dcm")

    made = await kept.get(ExplicitVRLittleEndian, 1, 2)
    again = await kept.get(ExplicitVRLittleEndian, 2, 1, 2)

    assert again == [made[1], made[0], made[1]]
    assert kept.engine.asked == 2


async def test_frames_and_syntaxes_are_kept_apart() -> None:
    kept = Kept("emri_small_jpeg_2k_lossless.dcm")

    first = [await kept.get(each, 1) for each in (JPEGLSLossless, HTJ2KLossless)]
    again = [await kept.get(each, 1) for each in (JPEGLSLossless, HTJ2KLossless)]
    (other,) = await kept.get(JPEGLSLossless, 2)

    assert first == again
    assert len({first[0][0], first[1][0], other}) == 3
    assert kept.engine.asked == 3


async def test_what_is_made_faster_than_read_is_not_kept() -> None:
    kept = Kept("MR_small_RLE.dcm")

    frames = [(await kept.get(ExplicitVRLittleEndian, 1))[0] for _ in range(2)]

    assert frames[0] == frames[1]
    assert kept.engine.asked == 2
    assert not kept.derived.held


async def test_an_instance_is_made_of_frames_that_describe_themselves() -> None:
    kept = Kept("emri_small_jpeg_2k_lossless.dcm")
    await kept.get(JPEGLSLossless, 1)

    found = await kept.frames.find_all(kept.scope)
    frames = await kept.frames.transcode(found, JPEGLSLossless)

    assert len(frames.described) == 1
