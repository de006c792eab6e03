"""Whole instances in other transfer syntaxes: what their files look like, and what is refused."""

import struct
import tracemalloc
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import (
    encapsulate,
    encapsulate_extended,
    generate_fragments,
    parse_basic_offsets,
)
from pydicom.sequence import Sequence
from pydicom.uid import (
    JPEG2000,
    MPEG4HP41,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from hilum.catalogue.frames import FrameLimits
from hilum.catalogue.instance_syntaxes import AS_STORED, DEFAULT, Wanted
from hilum.catalogue.retrieve import RetrieveLimits
from hilum.catalogue.transcoding import TranscodingLimits
from hilum.domain.errors import (
    NotAcceptable,
    ObjectMissing,
    PixelEngineBusy,
    PixelsNotDecodable,
)
from hilum.domain.identifiers import TransferSyntaxUID, Version
from hilum.domain.images import EncodedFrame, TranscodedFrame
from hilum.domain.implementation import IMPLEMENTATION_CLASS_UID
from tests.instances import a_dataset, part10
from tests.unit.catalogue.transcoded import (
    Archived,
    InlineEngine,
    archived,
    opened_as,
    put_into,
    read,
    whole,
)
from tests.unit.imaging.oracle import DEFLATED_FRAME, JPEG_LS_NEAR

ENCAPSULATED_UNCOMPRESSED = "1.2.840.10008.1.2.1.98"
SIDE = 16
WORDS = np.arange(5 * SIDE * SIDE, dtype="<u2").reshape(5, SIDE, SIDE)
NOT_HELD = FrameLimits(held_frames_bytes=1)
"""One frame is made before the answer begins, and the others while it is sent."""


def native(
    samples: "np.ndarray[Any, Any]" = WORDS, syntax: str = ExplicitVRLittleEndian, **more: Any
) -> bytes:
    bits = samples.dtype.itemsize * 8
    elements: dict[str, Any] = {
        "NumberOfFrames": len(samples), "Rows": samples.shape[1], "Columns": samples.shape[2],
        "BitsAllocated": bits, "BitsStored": bits, "HighBit": bits - 1, "PixelRepresentation": 0,
        "PhotometricInterpretation": "MONOCHROME2",
    }  # fmt: skip
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    data = samples.astype(samples.dtype.newbyteorder(order)).tobytes()
    dataset = a_dataset(**elements | more, PixelData=data + bytes(len(data) % 2))
    dataset["PixelData"].VR = "OW" if bits > 8 else "OB"
    return part10(dataset, syntax)


def encapsulated(pixels: bytes, syntax: str, frames: int, **more: Any) -> bytes:
    dataset = a_dataset(
        Rows=3, Columns=3, NumberOfFrames=frames, BitsStored=8, HighBit=7, PixelRepresentation=0,
        PhotometricInterpretation="MONOCHROME2", PixelData=pixels, **more,
    )  # fmt: skip
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    return part10(dataset, syntax)


def fragments_of(dataset: Dataset) -> list[bytes]:
    """The fragments behind the Basic Offset Table."""
    return list(generate_fragments(dataset.PixelData))[1:]


async def demand_refused(data: bytes, syntax: str, why: str, **limits: Any) -> None:
    archive = Archived(data, **limits)
    try:
        with pytest.raises(NotAcceptable, match=why):
            await whole(await opened_as(archive, syntax))
    finally:
        archive.close()


async def test_frames_that_are_all_made_before_have_a_full_offset_table_and_a_length() -> None:
    async with archived(native()) as archive:
        opened = await opened_as(archive, RLELossless)
        result = read(await whole(opened))

    assert opened.size_bytes is not None
    offsets = parse_basic_offsets(result.PixelData)
    fragments = fragments_of(result)
    assert len(offsets) == len(fragments) == 5
    starts = [sum(8 + len(each) for each in fragments[:number]) for number in range(5)]
    assert offsets == starts


async def test_frames_that_are_made_while_they_are_sent_have_an_empty_offset_table() -> None:
    async with archived(native(), NOT_HELD) as archive:
        opened = await opened_as(archive, RLELossless)
        result = read(await whole(opened))

    assert opened.size_bytes is None
    assert parse_basic_offsets(result.PixelData) == []
    assert np.array_equal(result.pixel_array, WORDS)


async def test_native_frames_have_a_length_though_not_all_are_made() -> None:
    rle = await put_into(native(), RLELossless)

    async with archived(rle, NOT_HELD) as archive:
        opened = await opened_as(archive, ExplicitVRLittleEndian)
        result = read(await whole(opened))

    assert opened.size_bytes is not None
    assert result.PixelData == WORDS.tobytes()
    assert result["PixelData"].VR == "OW"


@pytest.mark.parametrize(
    "stored",
    [
        ImplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
        ExplicitVRLittleEndian,
    ],
)
@pytest.mark.parametrize("limits", [None, NOT_HELD])
async def test_every_way_of_writing_elements_becomes_explicit_little_endian(
    stored: str, limits: FrameLimits | None
) -> None:
    comments = "x" * 300
    data = native(syntax=stored, ImageComments=comments, DataSetTrailingPadding=b"\1\2\3\4")

    result = read(await put_into(data, JPEGLSLossless, limits))

    assert result.file_meta.TransferSyntaxUID == JPEGLSLossless
    assert result.file_meta.ImplementationClassUID == IMPLEMENTATION_CLASS_UID
    assert result.ImageComments == comments
    assert result.DataSetTrailingPadding == b"\1\2\3\4"
    assert np.array_equal(result.pixel_array, WORDS)


@pytest.mark.parametrize("limits", [None, NOT_HELD])
async def test_frames_of_an_odd_length_are_padded_in_fragments_and_not_in_between(
    limits: FrameLimits | None,
) -> None:
    samples = np.arange(27, dtype="u1").reshape(3, 3, 3)
    stored = encapsulated(
        encapsulate([each.tobytes() for each in samples]),
        ENCAPSULATED_UNCOMPRESSED,
        frames=3,
    )

    little = read(await put_into(stored, ExplicitVRLittleEndian, limits))
    deflated = read(await put_into(native(samples), DEFLATED_FRAME, limits))

    assert little.PixelData == samples.tobytes() + b"\0"
    assert little["PixelData"].VR == "OB"
    assert all(len(each) % 2 == 0 for each in fragments_of(deflated))


async def test_frames_of_bits_are_joined_as_they_were_before() -> None:
    bits = np.random.default_rng(1).integers(0, 2, (5, 3, 3), dtype="u1")
    packed = np.packbits(bits.ravel(), bitorder="little").tobytes()
    dataset = a_dataset(
        Rows=3, Columns=3, NumberOfFrames=5, BitsAllocated=1, BitsStored=1, HighBit=0,
        PixelRepresentation=0, PhotometricInterpretation="MONOCHROME2", PixelData=packed,
    )  # fmt: skip
    dataset["PixelData"].VR = "OB"
    data = part10(dataset)

    there = await put_into(data, DEFLATED_FRAME)
    back = read(await put_into(there, ExplicitVRLittleEndian))

    assert len(fragments_of(read(there))) == 5
    assert back.PixelData == packed
    await demand_refused(data, JPEGLSLossless, "one bit")


async def test_an_extended_offset_table_of_other_fragments_does_not_stay() -> None:
    rle = read(await put_into(native(), RLELossless))
    frames = fragments_of(rle)
    rle.PixelData, rle.ExtendedOffsetTable, rle.ExtendedOffsetTableLengths = encapsulate_extended(
        frames
    )
    rle["PixelData"].is_undefined_length = True

    result = read(await put_into(part10(rle, RLELossless), JPEGLSLossless))

    assert "ExtendedOffsetTable" not in result
    assert "ExtendedOffsetTableLengths" not in result
    assert np.array_equal(result.pixel_array, WORDS)


async def test_what_the_data_set_says_of_its_pixels_changes_with_them() -> None:
    rgb = np.random.default_rng(1).integers(0, 255, (2, SIDE, SIDE, 3), dtype="u1")
    dataset = a_dataset(
        Rows=SIDE, Columns=SIDE, NumberOfFrames=2, BitsStored=8, HighBit=7, PixelRepresentation=0,
        SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=1,
        PixelData=np.moveaxis(rgb, -1, 1).tobytes(),
    )  # fmt: skip
    dataset["PixelData"].VR = "OB"

    result = read(await put_into(part10(dataset), JPEG2000Lossless))

    assert result.PhotometricInterpretation == "YBR_RCT"
    assert result.PlanarConfiguration == 0
    assert "LossyImageCompression" not in result
    assert np.array_equal(result.pixel_array, rgb)


async def test_a_lossy_image_has_a_name_of_its_own_and_tells_where_it_comes_from() -> None:
    lossy = FrameLimits(lossy=True)
    data = native(
        WORDS.astype("u1"), ImageType=["ORIGINAL", "PRIMARY", "AXIAL"],
        LossyImageCompression="01", LossyImageCompressionRatio="4",
        LossyImageCompressionMethod="ISO_10918_1",
    )  # fmt: skip
    original = read(data)

    result = read(await put_into(data, JPEG2000, lossy))
    again = read(await put_into(data, JPEG2000, lossy))
    near = read(await put_into(data, JPEG_LS_NEAR, lossy))

    assert result.SOPInstanceUID == result.file_meta.MediaStorageSOPInstanceUID
    assert result.SOPInstanceUID == again.SOPInstanceUID
    assert len({original.SOPInstanceUID, result.SOPInstanceUID, near.SOPInstanceUID}) == 3
    assert list(result.ImageType) == ["DERIVED", "PRIMARY", "AXIAL"]
    (source,) = result.SourceImageSequence
    assert source.ReferencedSOPInstanceUID == original.SOPInstanceUID
    assert result.LossyImageCompression == "01"
    assert list(result.LossyImageCompressionMethod) == ["ISO_10918_1", "ISO_15444_1"]
    assert float(result.LossyImageCompressionRatio[0]) == 4
    mean = np.mean([len(each) for each in fragments_of(result)])
    assert float(result.LossyImageCompressionRatio[1]) == pytest.approx(SIDE * SIDE / mean, 0.05)


async def test_a_lossy_syntax_is_not_made_unless_it_is_allowed() -> None:
    await demand_refused(native(WORDS.astype("u1")), JPEGBaseline8Bit, "cannot be given")


async def test_what_is_stored_without_loss_is_decoded_when_no_syntax_is_named() -> None:
    rle = await put_into(native(), RLELossless)
    lossy = await put_into(native(WORDS.astype("u1")), JPEG2000, FrameLimits(lossy=True))
    left_open = Wanted((DEFAULT, AS_STORED))

    async with archived(rle) as archive:
        decoded = await archive.retrieve.instance(archive.scope, left_open)
        assert decoded.transfer_syntax_uid == ExplicitVRLittleEndian
        assert read(await whole(decoded)).PixelData == WORDS.tobytes()
    async with archived(lossy) as archive:
        stored = await archive.retrieve.instance(archive.scope, left_open)
        assert await whole(stored) == lossy


async def test_overlays_in_unused_bits_stay_with_words_and_are_not_lost_elsewhere() -> None:
    dataset = read(native(WORDS & 0x8FFF, BitsStored=12, HighBit=11))
    for tag, vr, value in (
        (0x60000010, "US", SIDE),
        (0x60000011, "US", SIDE),
        (0x60000040, "CS", "G"),
        (0x60000100, "US", 16),
        (0x60000102, "US", 15),
    ):
        dataset.add_new(tag, vr, value)
    data = part10(dataset)

    there = await put_into(data, RLELossless)

    assert read(await put_into(there, ExplicitVRLittleEndian)).PixelData == read(data).PixelData
    await demand_refused(data, JPEGLSLossless, "[Oo]verlays")


async def test_an_icon_in_the_transfer_syntax_of_the_image_is_not_left_in_it() -> None:
    rle = read(await put_into(native(), RLELossless))
    icon = Dataset()
    icon.Rows, icon.Columns = 3, 3
    icon.PixelData = encapsulate([b"abcd"])
    icon["PixelData"].VR = "OB"
    icon["PixelData"].is_undefined_length = True
    rle.IconImageSequence = Sequence([icon])

    await demand_refused(part10(rle, RLELossless), ExplicitVRLittleEndian, "icon")


async def test_a_native_icon_stays() -> None:
    icon = Dataset()
    icon.Rows, icon.Columns, icon.BitsAllocated = 2, 2, 8
    icon.PixelData = b"\1\2\3\4"
    icon["PixelData"].VR = "OB"
    data = native(IconImageSequence=Sequence([icon]))

    result = read(await put_into(data, RLELossless))

    assert result.IconImageSequence[0].PixelData == b"\1\2\3\4"


async def test_float_pixel_data_is_given_as_stored_only() -> None:
    dataset = a_dataset(
        Rows=2, Columns=2, BitsAllocated=32, PhotometricInterpretation="MONOCHROME2",
        FloatPixelData=struct.pack("<4f", 0, 1, 2, 3),
    )  # fmt: skip

    await demand_refused(part10(dataset), RLELossless, "integer pixel data")


async def test_video_is_given_as_stored_only() -> None:
    data = encapsulated(encapsulate([b"video " * 4]), MPEG4HP41, frames=20)

    await demand_refused(data, ExplicitVRLittleEndian, "cannot be given")


async def test_an_instance_without_pixel_data_is_written_anew_when_that_is_enough() -> None:
    data = part10(a_dataset(ImageComments="no pixels"), JPEG2000Lossless)

    result = read(await put_into(data, ExplicitVRLittleEndian))

    assert result.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert result.ImageComments == "no pixels"
    await demand_refused(data, RLELossless, "no pixel data")


async def test_a_plan_counts_what_is_no_image_with_what_is_only_written_anew() -> None:
    async with archived(part10(a_dataset(Rows=None, Columns=None), JPEG2000Lossless)) as archive:
        little = await archive.retrieve.plan(archive.scope, Wanted((ExplicitVRLittleEndian,)))
        with pytest.raises(NotAcceptable):
            await archive.retrieve.plan(archive.scope, Wanted((RLELossless,)))

    assert len(little.first_page) == 1


async def test_frames_that_one_data_set_cannot_describe_are_refused() -> None:
    narrow = read(await put_into(native(WORDS[:1] % 256), JPEGLSLossless))
    wide = read(await put_into(native(WORDS[-1:] + 4000), JPEGLSLossless))
    frames = [fragments_of(each)[0] for each in (narrow, wide)]
    both = narrow
    both.PixelData = encapsulate(frames)
    both["PixelData"].is_undefined_length = True
    both.NumberOfFrames, both.BitsStored, both.HighBit = 2, 8, 7
    data = part10(both, JPEGLSLossless)

    await demand_refused(data, ExplicitVRLittleEndian, "frames differ")
    async with archived(data, NOT_HELD) as archive:
        opened = await opened_as(archive, ExplicitVRLittleEndian)
        with pytest.raises(PixelsNotDecodable, match="frames differ"):
            await whole(opened)


async def test_a_codestream_that_lies_about_its_size_is_refused() -> None:
    rle = read(await put_into(native(), JPEG2000Lossless))
    rle.Rows = rle.Columns = 2000

    await demand_refused(part10(rle, JPEG2000Lossless), ExplicitVRLittleEndian, "samples")


async def test_an_image_too_large_to_be_decoded_is_refused_by_its_description() -> None:
    limits = TranscodingLimits(frame_bytes=SIDE * SIDE)

    await demand_refused(native(), RLELossless, "maximum_frame_bytes", transcoding=limits)


async def test_limits_hold_for_frames_headers_and_whole_instances() -> None:
    data = native(ImageComments="x" * 5000)

    await demand_refused(
        data, RLELossless, "frames_per_instance", limits=FrameLimits(frames_per_instance=4)
    )
    await demand_refused(
        data, RLELossless, "too long", transcoding=TranscodingLimits(header_bytes=4000)
    )
    await demand_refused(
        data,
        RLELossless,
        "cannot be given",
        retrieve=RetrieveLimits(conversion_bytes=len(data) - 1),
    )


async def test_pixel_data_that_would_be_too_long_without_compression_is_refused() -> None:
    frame = np.zeros((1, 3000, 3000), "<u2")
    rle = read(await put_into(native(frame), RLELossless))
    (fragment,) = fragments_of(rle)
    rle.PixelData = encapsulate([fragment] * 250, has_bot=False)
    rle["PixelData"].is_undefined_length = True
    rle.NumberOfFrames = 250
    limits = FrameLimits(held_frames_bytes=1)

    await demand_refused(part10(rle, RLELossless), ExplicitVRLittleEndian, "4 GiB", limits=limits)


async def test_an_instance_that_is_replaced_meanwhile_is_not_mixed_up() -> None:
    async with archived(native()) as archive:
        held = archive.index.held
        newer = replace(held.instance, version=Version(2))
        archive.index.described_as = replace(archive.index.described_as, version=Version(2))

        with pytest.raises(ObjectMissing):
            await opened_as(archive, RLELossless)
        archive.index.held = replace(held, instance=newer)
        archive.index.described_as = replace(archive.index.described_as, version=Version(3))
        with pytest.raises(ObjectMissing):
            await opened_as(archive, RLELossless)


async def test_damage_is_told_before_the_answer_and_leads_to_the_next_syntax() -> None:
    damaged = encapsulated(encapsulate([b"no codestream"]), JPEGLSLossless, frames=1)

    await demand_refused(damaged, ExplicitVRLittleEndian, "cannot be given")
    async with archived(damaged) as archive:
        opened = await archive.retrieve.instance(
            archive.scope, Wanted((ExplicitVRLittleEndian, AS_STORED))
        )
        assert await whole(opened) == damaged


async def test_a_plan_leaves_out_what_cannot_be_put_into_the_syntax() -> None:
    async with archived(part10(a_dataset(Rows=None))) as archive:
        with pytest.raises(NotAcceptable):
            await archive.retrieve.plan(archive.scope, Wanted((RLELossless,)))
    async with archived(native()) as archive:
        plan = await archive.retrieve.plan(archive.scope, Wanted((RLELossless,)))
        assert (len(plan.first_page), plan.left_out, plan.as_stored) == (1, 0, False)


async def test_a_thousand_frames_take_the_memory_of_a_few() -> None:
    frames, side = 1000, 128
    data = native(np.zeros((frames, side, side), "<u2"))
    frame_bytes = side * side * 2
    limits = FrameLimits(held_frames_bytes=4 * frame_bytes, whole_object_bytes=frame_bytes)
    async with archived(data, limits) as archive:
        tracemalloc.start()

        opened = await opened_as(archive, DEFLATED_FRAME)
        assert not isinstance(opened.content, bytes)
        async for _ in opened.content:
            pass
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert peak < 40 * frame_bytes


class BusyNowAndThen(InlineEngine):
    """Refuses every other frame at first."""

    def __init__(self) -> None:
        self._refused: set[bytes] = set()

    async def transcode(self, frame: EncodedFrame, target: TransferSyntaxUID) -> TranscodedFrame:
        if frame.data not in self._refused and len(self._refused) < 3:
            self._refused.add(frame.data)
            message = "Others wait already."
            raise PixelEngineBusy(message)
        return await super().transcode(frame, target)


async def test_an_engine_that_is_busy_refuses_beginnings_and_is_waited_for_afterwards() -> None:
    async with archived(native(), NOT_HELD) as archive:
        archive.use(BusyNowAndThen())

        with pytest.raises(PixelEngineBusy):
            await opened_as(archive, RLELossless)
        result = read(await whole(await opened_as(archive, RLELossless)))

    assert np.array_equal(result.pixel_array, WORDS)


async def test_frames_that_cannot_all_be_held_are_not_made_in_advance() -> None:
    limits = FrameLimits(held_frames_bytes=WORDS[0].nbytes)
    async with archived(native(), limits) as archive:
        found = await archive.frames.find_all(archive.scope)

        frames = await archive.frames.transcode(found, DEFLATED_FRAME)

        assert len(frames.made) == 1


async def test_a_deflated_instance_is_inflated_once_for_all_of_its_frames() -> None:
    frames = np.random.default_rng(1).integers(0, 1 << 16, (64, 64, 64), dtype="u2")
    data = native(frames, syntax=DeflatedExplicitVRLittleEndian)
    async with archived(data, NOT_HELD) as archive:
        begun = 0
        stream = archive.objects.stream

        def counted(*arguments: Any) -> Any:
            nonlocal begun
            begun += 1
            return stream(*arguments)

        archive.objects.stream = counted  # type: ignore[method-assign] - counts, and goes on

        result = read(await whole(await opened_as(archive, RLELossless)))

    assert np.array_equal(result.pixel_array, frames)
    assert begun <= 4  # the header, the elements behind the pixel data, the frames
