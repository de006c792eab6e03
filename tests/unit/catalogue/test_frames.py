"""Frames: what is read for them, what asks the pixel engine, and what happens meanwhile."""

import asyncio
import io
import struct
import tracemalloc
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate
from pydicom.pixels import get_decoder
from pydicom.uid import (
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from hilum.adapters.storage.disk import DiskObjects
from hilum.catalogue.frame_pieces import THE_END, FoundFrames, FramePiece
from hilum.catalogue.frames import FrameLimits, FramePlan, Frames
from hilum.dicom.limits import HeaderLimits
from hilum.domain.errors import (
    InstanceNotFound,
    LimitExceeded,
    NoPixelData,
    NotAcceptable,
    NotTranscodable,
    ObjectMissing,
    PixelEngineBusy,
    PixelLimitExceeded,
    PixelsNotDecodable,
)
from hilum.domain.identifiers import ObjectKey, Scope, TransferSyntaxUID, Version
from hilum.domain.images import EncodedFrame, TranscodedFrame
from hilum.domain.instances import Content, InMemory, Spooled, StorePolicy
from hilum.domain.records import FramesRecord, InstanceRecord, VersionedMetadata
from hilum.imaging.transcoding import transcode
from hilum.ingest.examine import examine
from hilum.ports.objects import ObjectStore
from hilum.ports.telemetry import NoIngestMeter
from tests.instances import a_dataset, part10
from tests.twins import MemoryObjects

KEY = ObjectKey("1/1.2/1.2.3/1.2.3.4.1.dcm")
SIDE = 64
SAMPLES = np.arange(10 * SIDE * SIDE, dtype="<u2").reshape(10, SIDE, SIDE)
FRAME_BYTES = SIDE * SIDE * 2
LITTLE = str(ExplicitVRLittleEndian)


@dataclass
class OneInstance:
    """The part of an index that frames need, of one instance that a test may change."""

    held: FramesRecord | None
    described_as: VersionedMetadata | None
    looks: int = 0

    async def frames(self, scope: Scope) -> FramesRecord | None:
        assert scope.sop_instance is not None
        return self.held

    async def described(self, scope: Scope) -> VersionedMetadata | None:
        assert scope.sop_instance is not None
        self.looks += 1
        return self.described_as


class WatchedObjects(MemoryObjects):
    """Notes what is read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[tuple[int, int]] = []

    async def read(self, key: ObjectKey, offset: int, length: int) -> bytes:
        self.reads.append((offset, length))
        return await super().read(key, offset, length)


class InlineEngine:
    """Works at once, in the test's own process; may be told to fail."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.fault = fault
        self.frames: list[EncodedFrame] = []

    async def transcode(self, frame: EncodedFrame, target: TransferSyntaxUID) -> TranscodedFrame:
        await asyncio.sleep(0)
        self.frames.append(frame)
        if self.fault is not None:
            raise self.fault
        return transcode(frame, target, 1 << 30)


def described(content: Content, version: int = 1) -> tuple[Scope, OneInstance]:
    examined = examine(content, StorePolicy("minimal"), HeaderLimits(), NoIngestMeter())
    description = examined.description
    assert description is not None
    uids = description.uids
    record = InstanceRecord(
        1, uids, description.sop_class_uid, description.transfer_syntax_uid, Version(version),
        KEY, content.size_bytes, description.dataset_offset,
    )  # fmt: skip
    held = FramesRecord(record, examined.dataset_sha256, description.frame_table)
    metadata = VersionedMetadata(Version(version), description.metadata)
    return Scope(uids.study, uids.series, uids.sop_instance), OneInstance(held, metadata)


class Archived:
    """One instance, and the use case over it."""

    def __init__(
        self,
        data: bytes,
        engine: InlineEngine | None = None,
        limits: FrameLimits | None = None,
    ) -> None:
        self.scope, self.index = described(InMemory(data))
        self.objects = WatchedObjects()
        self.objects.held[KEY] = data
        self.frames = Frames(self.index, self.objects, engine, limits)

    async def find(self, *numbers: int) -> FoundFrames:
        return await self.frames.find(self.scope, [number - 1 for number in numbers])

    async def get(self, *numbers: int, syntaxes: Sequence[str] = (LITTLE,)) -> list[bytes]:
        plan = await self.frames.plan(await self.find(*numbers), syntaxes)
        return await contents(plan, len(numbers))


async def contents(plan: FramePlan, count: int) -> list[bytes]:
    sizes = plan.frames.sizes or [THE_END] * count
    pieces = [FramePiece(position, 0, size) for position, size in enumerate(sizes)]
    found = []
    async for each in plan.frames.open(pieces):
        content = each.content
        if not isinstance(content, bytes):
            content = b"".join([chunk async for chunk in content])
        found.append(content)
    return found


def a_file(name: str) -> bytes:
    """Read one of pydicom's files."""
    return Path(str(get_testdata_file(name))).read_bytes()


def native(syntax: str = LITTLE) -> bytes:
    samples = SAMPLES.astype(">u2") if syntax == ExplicitVRBigEndian else SAMPLES
    dataset = a_dataset(
        Rows=SIDE, Columns=SIDE, NumberOfFrames=10, BitsAllocated=16, BitsStored=16, HighBit=15,
        PixelRepresentation=0, PhotometricInterpretation="MONOCHROME2",
        PixelData=samples.tobytes(),
    )  # fmt: skip
    dataset["PixelData"].VR = "OW"
    return part10(dataset, syntax)


def encoded(codestreams: Sequence[bytes], syntax: str = JPEG2000Lossless, side: int = 16) -> bytes:
    dataset = a_dataset(
        Rows=side, Columns=side, NumberOfFrames=len(codestreams), BitsStored=8, HighBit=7,
        PixelRepresentation=0, PhotometricInterpretation="MONOCHROME2",
        PixelData=encapsulate(list(codestreams)),
    )  # fmt: skip
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    return part10(dataset, syntax)


async def test_a_frame_costs_the_reading_of_the_frame() -> None:
    archived = Archived(native())

    (frame,) = await archived.get(7)

    assert frame == SAMPLES[6].tobytes()
    assert [length for _, length in archived.objects.reads] == [FRAME_BYTES]


async def test_neighbours_are_read_together_and_others_are_not() -> None:
    archived = Archived(native())

    frames = await archived.get(1, 2, 3, 7, 8, 5)

    assert frames == [SAMPLES[n].tobytes() for n in (0, 1, 2, 6, 7, 4)]
    lengths = [length for _, length in archived.objects.reads]
    assert lengths == [3 * FRAME_BYTES, 2 * FRAME_BYTES, FRAME_BYTES]


async def test_no_read_is_larger_than_the_bound_unless_one_frame_is() -> None:
    limits = FrameLimits(whole_object_bytes=2 * FRAME_BYTES)
    archived = Archived(native(), limits=limits)
    await archived.get(*range(1, 11))
    assert [length for _, length in archived.objects.reads] == [2 * FRAME_BYTES] * 5

    streaming = Archived(native(), limits=FrameLimits(whole_object_bytes=FRAME_BYTES - 1))
    assert await streaming.get(3, 4) == [SAMPLES[2].tobytes(), SAMPLES[3].tobytes()]


@pytest.mark.parametrize("syntax", [ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
@pytest.mark.parametrize("whole_bytes", [1, 1000, 1 << 20])
async def test_turned_and_inflated_frames_are_the_same_however_they_are_read(
    syntax: str, whole_bytes: int
) -> None:
    archived = Archived(native(syntax), limits=FrameLimits(whole_object_bytes=whole_bytes))

    frames = await archived.get(2, 3, 1, 10, 10)

    assert frames == [SAMPLES[n].tobytes() for n in (1, 2, 0, 9, 9)]


@pytest.mark.parametrize("whole_bytes", [1, 7, 1 << 20])
@pytest.mark.parametrize("side", [3, 5, 8, 13])
async def test_frames_of_bits_begin_with_their_first_bit(side: int, whole_bytes: int) -> None:
    bits = np.random.default_rng(side).integers(0, 2, (5, side * side), np.uint8)
    packed = np.packbits(bits.ravel(), bitorder="little").tobytes()
    dataset = a_dataset(
        Rows=side, Columns=side, NumberOfFrames=5, BitsAllocated=1, BitsStored=1, HighBit=0,
        PixelData=packed + bytes(len(packed) % 2),
    )  # fmt: skip
    archived = Archived(part10(dataset), limits=FrameLimits(whole_object_bytes=whole_bytes))

    frames = await archived.get(1, 2, 3, 4, 5)

    assert frames == [np.packbits(each, bitorder="little").tobytes() for each in bits]


async def test_a_piece_of_a_frame_reads_no_more_than_the_piece() -> None:
    archived = Archived(native())
    plan = await archived.frames.plan(await archived.find(4), [LITTLE])

    async for each in plan.frames.open([FramePiece(0, 100, 160)]):
        assert each.content == SAMPLES[3].tobytes()[100:160]

    assert [length for _, length in archived.objects.reads] == [60]


async def test_what_does_not_exist_is_told_apart() -> None:
    archived = Archived(native())
    with pytest.raises(LimitExceeded, match=r"retrieve\.frames_per_request"):
        await Archived(native(), limits=FrameLimits(frames_per_request=2)).find(1, 2, 3)
    with pytest.raises(NoPixelData):
        await Archived(part10(a_dataset())).find(1)
    archived.index.held = None
    with pytest.raises(InstanceNotFound):
        await archived.find(1)


async def test_a_short_object_is_an_error_and_no_short_frame() -> None:
    archived = Archived(native())
    archived.objects.held[KEY] = archived.objects.held[KEY][:-1]

    with pytest.raises(ObjectMissing):
        await archived.get(10)
    streaming = Archived(native(), limits=FrameLimits(whole_object_bytes=100))
    streaming.objects.held[KEY] = streaming.objects.held[KEY][:-1]
    with pytest.raises(ObjectMissing):
        await streaming.get(10)


@pytest.mark.parametrize("cut", [20, 2000])
async def test_a_deflated_object_that_is_cut_short_is_an_error(cut: int) -> None:
    archived = Archived(native(DeflatedExplicitVRLittleEndian))
    archived.objects.held[KEY] = archived.objects.held[KEY][:-cut]

    with pytest.raises(ObjectMissing):
        await archived.get(10)


async def test_without_an_engine_nothing_is_decoded() -> None:
    archived = Archived(encoded([b"a", b"b"]))

    with pytest.raises(NotAcceptable, match=LITTLE):
        await archived.get(1)
    assert await archived.get(2, syntaxes=[LITTLE, JPEG2000Lossless]) == [b"b\0"]


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("MR_small_RLE.dcm", ExplicitVRLittleEndian),
        ("MR_small_RLE.dcm", JPEGLSLossless),
        ("MR_small_bigendian.dcm", RLELossless),
        ("MR_small.dcm", JPEG2000Lossless),
        ("emri_small_jpeg_ls_lossless.dcm", ExplicitVRLittleEndian),
        ("emri_small_jpeg_2k_lossless.dcm", RLELossless),
        ("rtdose_rle.dcm", ExplicitVRLittleEndian),
    ],
)
async def test_frames_are_transcoded_without_loss(name: str, target: str) -> None:
    data = a_file(name)
    dataset = pydicom.dcmread(io.BytesIO(data))
    samples = dataset.pixel_array.reshape(-1, dataset.Rows, dataset.Columns)
    archived = Archived(data, InlineEngine())
    numbers = range(1, len(samples) + 1)

    frames = await archived.get(*numbers, syntaxes=[target])

    for frame, expected in zip(frames, samples, strict=True):
        if target == ExplicitVRLittleEndian:
            assert frame == expected.astype(expected.dtype.newbyteorder("<")).tobytes()
        else:
            assert (decoded_by_pydicom(dataset, frame, target) == expected).all()


def decoded_by_pydicom(dataset: pydicom.Dataset, frame: bytes, syntax: str) -> np.ndarray:
    """Decode one frame, which has the other attributes of `dataset`."""
    runner = get_decoder(UID(syntax))
    options = {
        keyword: getattr(dataset, pydicom.datadict.keyword_for_tag(tag))
        for keyword, tag in PIXEL_MODULE.items()
    }
    array, _ = runner.as_array(
        encapsulate([frame]), index=0, raw=True, number_of_frames=1,
        pixel_keyword="PixelData", **options,
    )  # fmt: skip
    return array


PIXEL_MODULE = {
    "rows": 0x00280010,
    "columns": 0x00280011,
    "samples_per_pixel": 0x00280002,
    "photometric_interpretation": 0x00280004,
    "bits_allocated": 0x00280100,
    "bits_stored": 0x00280101,
    "pixel_representation": 0x00280103,
}


async def test_the_engine_is_asked_once_for_a_frame_that_is_wanted_twice() -> None:
    engine = InlineEngine()
    data = a_file("MR_small_RLE.dcm")

    first, second = await Archived(data, engine).get(1, 1)

    assert first == second
    assert len(engine.frames) == 1


async def test_frames_beyond_what_is_held_are_made_while_they_are_sent() -> None:
    engine = InlineEngine()
    limits = FrameLimits(held_frames_bytes=FRAME_BYTES)
    archived = Archived(native(), engine, limits)
    found = await archived.find(*range(1, 11))

    plan = await archived.frames.plan(found, [RLELossless])
    before = len(engine.frames)
    frames = await contents(plan, 10)

    assert plan.frames.sizes is None
    assert 0 < before < 10
    assert len(engine.frames) == 10
    whole = Archived(native(), InlineEngine())
    assert frames == await whole.get(*range(1, 11), syntaxes=[RLELossless])


async def test_what_is_transcoded_at_the_same_time_is_bounded() -> None:
    data = a_file("MR_small_RLE.dcm")
    one = Archived(data, InlineEngine(), FrameLimits(transcoding_memory_bytes=1))
    found = await one.find(1)

    first = await one.frames.plan(found, [LITTLE])
    second = asyncio.create_task(one.frames.plan(found, [LITTLE]))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not second.done()
    del first

    assert (await asyncio.wait_for(second, 5)).frames.sizes == [FRAME_BYTES]


async def test_a_failure_gives_its_memory_back() -> None:
    engine = InlineEngine(PixelEngineBusy("later"))
    one = Archived(native(), engine, FrameLimits(transcoding_memory_bytes=1))

    for _ in range(3):
        with pytest.raises(PixelEngineBusy):
            await asyncio.wait_for(one.get(1, syntaxes=[RLELossless]), 5)


async def test_the_next_syntax_is_taken_when_the_first_cannot_be_had() -> None:
    for fault in (NotTranscodable("no"), PixelsNotDecodable("no")):
        archived = Archived(encoded([b"a", b"b"]), InlineEngine(fault))

        assert await archived.get(1, syntaxes=[LITTLE, JPEG2000Lossless]) == [b"a\0"]
        with pytest.raises(type(fault)):
            await archived.get(1, syntaxes=[LITTLE, RLELossless])


@pytest.mark.parametrize("fault", [PixelEngineBusy("later"), PixelLimitExceeded("x", 1, "big")])
async def test_a_refusal_of_the_engine_is_told_and_not_gone_around(fault: Exception) -> None:
    archived = Archived(encoded([b"a", b"b"]), InlineEngine(fault))

    with pytest.raises(type(fault)):
        await archived.get(1, syntaxes=[LITTLE, JPEG2000Lossless])


async def test_a_frame_that_is_too_large_to_be_decoded_is_not_read() -> None:
    engine = InlineEngine()
    archived = Archived(encoded([b"a" * 100]), engine, FrameLimits(decoded_frame_bytes=99))

    with pytest.raises(PixelLimitExceeded, match=r"retrieve\.decoded_frame_bytes"):
        await archived.get(1)
    assert archived.objects.reads == []
    assert engine.frames == []


async def test_a_lossy_syntax_goes_out_only_where_it_is_allowed() -> None:
    with pytest.raises(NotAcceptable):
        await Archived(native(), InlineEngine()).get(1, syntaxes=[JPEG2000])

    allowed = Archived(native(), InlineEngine(), FrameLimits(lossy=True))
    assert await allowed.get(1, syntaxes=[JPEG2000])


async def test_large_instances_go_out_as_stored_where_the_surface_says_so() -> None:
    archived = Archived(native(ExplicitVRBigEndian), InlineEngine())
    found = await archived.find(1)
    size = found.record.size_bytes

    assert await archived.frames.plan(found, [LITTLE], size)
    with pytest.raises(NotAcceptable):
        await archived.frames.plan(found, [LITTLE], size - 1)
    plan = await archived.frames.plan(found, [LITTLE, ExplicitVRBigEndian], size - 1)
    assert plan.choice == 1


async def test_an_instance_that_is_replaced_meanwhile_is_not_mixed_up() -> None:
    archived = Archived(encoded([b"a", b"b"]), InlineEngine())
    found = await archived.find(1)
    assert archived.index.described_as is not None
    archived.index.described_as = replace(archived.index.described_as, version=Version(2))

    with pytest.raises(ObjectMissing):
        await archived.frames.plan(found, [LITTLE])


async def test_what_was_read_of_an_image_is_remembered_by_version() -> None:
    data = a_file("MR_small_RLE.dcm")
    archived = Archived(data, InlineEngine())

    for _ in range(3):
        await archived.get(1)

    assert archived.index.looks == 1
    assert (await archived.find(1)).places is (await archived.find(1)).places


def sparse_file(path: Path, frames: int, frame_bytes: int) -> Spooled:
    """A multi-frame instance with nothing but zeros in it, which takes no space."""
    side = 1 << 15
    dataset = a_dataset(
        Rows=side, Columns=frame_bytes // side, NumberOfFrames=frames, BitsStored=8,
        PixelData=b"ab",
    )  # fmt: skip
    head = part10(dataset)[:-2]
    length = frames * frame_bytes
    path.write_bytes(head[:-4] + struct.pack("<I", length))
    with path.open("r+b") as file:
        file.truncate(len(head) + length)
        file.seek(len(head) + length - 5)
        file.write(b"last.")
    return Spooled(path, len(head) + length)


@pytest.fixture
async def objects(tmp_path: Path) -> AsyncIterator[ObjectStore]:
    async with DiskObjects(tmp_path / "store", reserve_bytes=0) as objects:
        yield objects


@pytest.mark.slow
async def test_the_last_frame_of_a_gigabyte_takes_no_more_than_a_frame_of_memory(
    objects: ObjectStore, tmp_path: Path
) -> None:
    spooled = sparse_file(tmp_path / "store" / "large", 1024, 1 << 20)
    scope, index = described(spooled)
    await objects.put_once(KEY, spooled)
    frames = Frames(index, objects)

    tracemalloc.start()
    found = await frames.find(scope, [1023])
    (frame,) = await contents(await frames.plan(found, [LITTLE]), 1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert frame == bytes((1 << 20) - 5) + b"last."
    assert peak < 8 << 20


@pytest.mark.slow
async def test_a_frame_of_a_gigabyte_streams(objects: ObjectStore, tmp_path: Path) -> None:
    spooled = sparse_file(tmp_path / "store" / "large", 1, 1 << 30)
    scope, index = described(spooled)
    await objects.put_once(KEY, spooled)
    frames = Frames(index, objects)
    found = await frames.find(scope, [0])

    tracemalloc.start()
    plan = await frames.plan(found, [LITTLE])
    read, tail = 0, b""
    async for each in plan.frames.open([FramePiece(0, 0, 1 << 30)]):
        assert not isinstance(each.content, bytes)
        async for chunk in each.content:
            read, tail = read + len(chunk), chunk[-5:]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert (read, tail) == (1 << 30, b"last.")
    assert peak < 16 << 20
