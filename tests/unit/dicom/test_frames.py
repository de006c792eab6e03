"""Frame tables: native arithmetic, offset tables, fragment scan, and what cannot be told."""

import io
import struct
import warnings
import zlib
from array import array
from pathlib import Path

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.encaps import encapsulate, encapsulate_extended, generate_frames, parse_basic_offsets

from hilum.dicom.frames import (
    FramesUnknown,
    FrameTable,
    FrameTableUnreadable,
    NoSuchFrame,
    WhyUnknown,
    frame_table,
)
from hilum.dicom.header import HeaderLimits, InflatedSource, Memo, Source, read_header
from hilum.domain.errors import UnreadableInstance
from tests.corpus import corpus, corpus_id
from tests.unit.dicom.builders import (
    DEFLATED,
    JPEG_BASELINE,
    SEQUENCE_END,
    UNDEFINED,
    explicit,
    item,
    part10,
)


def _image(
    *,
    frames: bytes | None = None,
    rows: int = 2,
    columns: int = 3,
    samples: int = 1,
    bits: int = 8,
    photometric: bytes = b"MONOCHROME2 ",
) -> bytes:
    number = b"" if frames is None else explicit(0x00280008, b"IS", frames)
    return (
        explicit(0x00280002, b"US", struct.pack("<H", samples))
        + explicit(0x00280004, b"CS", photometric)
        + number
        + explicit(0x00280010, b"US", struct.pack("<H", rows))
        + explicit(0x00280011, b"US", struct.pack("<H", columns))
        + explicit(0x00280100, b"US", struct.pack("<H", bits))
    )


def _table(data: bytes) -> FrameTable:
    table = frame_table(data, read_header(data, memo=Memo()))
    assert table is not None
    assert FrameTable.unpack(table.pack()) == table
    return table


def _frames(source: Source, table: FrameTable) -> list[bytes]:
    return [
        b"".join(source[span.offset : span.offset + span.length] for span in table.spans(frame))
        for frame in range(table.number_of_frames)
    ]


def _native(pixels: bytes, **image: object) -> bytes:
    return part10(_image(**image) + explicit(0x7FE00010, b"OB", pixels))  # type: ignore[arg-type]


def _encapsulated(value: bytes, frames: bytes, extra: bytes = b"") -> bytes:
    pixels = explicit(0x7FE00010, b"OB", value, length=UNDEFINED) + SEQUENCE_END
    return part10(_image(frames=frames) + extra + pixels, JPEG_BASELINE)


def _corpus_with_pixels() -> list[Path]:
    found = []
    for path in corpus():
        try:
            header = read_header(path.read_bytes(), memo=Memo())
        except UnreadableInstance:
            continue
        if header.pixel_data is not None:
            found.append(path)
    return found


# Files whose frames cannot be told, with the reason.
_UNKNOWN = {
    "badVR.dcm": WhyUnknown.BAD_NUMBER_OF_FRAMES,
    "meta_missing_tsyntax.dcm": WhyUnknown.NO_DIMENSIONS,
    "nested_priv_SQ.dcm": WhyUnknown.NO_DIMENSIONS,
}


@pytest.mark.parametrize("path", _corpus_with_pixels(), ids=corpus_id)
def test_the_frames_of_the_corpus_are_those_of_pydicom(path: Path) -> None:
    data = path.read_bytes()
    table = _table(data)
    if path.name in _UNKNOWN:
        assert table.reason is _UNKNOWN[path.name]
        return
    source: Source = data
    if table.inflated:
        header = read_header(data, memo=Memo())
        source = InflatedSource(data, header.dataset_offset, HeaderLimits())

    ours = _frames(source, table)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(io.BytesIO(data), force=True)
    if table.encapsulated:
        offsets = None
        if "ExtendedOffsetTable" in dataset:
            offsets = (dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths)
        assert ours == list(
            generate_frames(
                dataset.PixelData,
                number_of_frames=table.number_of_frames,
                extended_offsets=offsets,
            )
        )
    else:
        tags = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
        pixels = next(dataset[tag].value for tag in tags if tag in dataset)
        assert b"".join(ours) == pixels[: sum(map(len, ours))]
        assert len(set(map(len, ours))) == 1
        # Nothing but a padding byte is left over; one file is padded on purpose.
        assert len(pixels) - sum(map(len, ours)) < 2 or path.name == "MR_small_padded.dcm"


@pytest.mark.parametrize("bits", [8, 16, 32, 64])
@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("number", [1, 2, 5])
def test_native_frames_follow_each_other(bits: int, samples: int, number: int) -> None:
    size = 2 * 3 * samples * bits // 8
    frames = [bytes([index + 1]) * size for index in range(number)]
    data = _native(
        b"".join(frames) + b"\0" * (size * number % 2),
        frames=str(number).encode().ljust(2),
        bits=bits,
        samples=samples,
    )

    assert _frames(data, _table(data)) == frames


def test_an_instance_without_number_of_frames_has_one() -> None:
    assert _table(_native(bytes(6))).number_of_frames == 1
    assert _table(_native(bytes(6), frames=b"0 ")).number_of_frames == 1


def test_one_bit_frames_start_inside_of_bytes() -> None:
    """3 x 5 pixels are 15 bits: frames follow without a gap (PS3.5 8.1.1)."""
    table = _table(_native(bytes(6), frames=b"3 ", rows=3, columns=5, bits=1))

    assert [table.bit_offset(frame) for frame in range(3)] == [0, 7, 6]
    assert [tuple(table.spans(frame)[0]) for frame in range(3)] == [
        (table.start, 2),
        (table.start + 1, 3),
        (table.start + 3, 3),
    ]


@pytest.mark.parametrize(
    ("photometric", "pixels", "size"),
    [
        (b"YBR_FULL_422", 2 * 16, 16),
        (b"YBR_PARTIAL_420 ", 2 * 12, 12),
        (b"YBR_FULL", 2 * 24, 24),
        (b"YBR_FULL_422", 2 * 24, 24),  # says so, but is not sub-sampled
    ],
)
def test_subsampled_native_frames(photometric: bytes, pixels: int, size: int) -> None:
    data = _native(
        bytes(pixels), frames=b"2 ", rows=2, columns=4, samples=3, photometric=photometric
    )

    assert [len(frame) for frame in _frames(data, _table(data))] == [size, size]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (_native(bytes(6), rows=0), WhyUnknown.NO_DIMENSIONS),
        (_native(bytes(6), frames=b"2 "), WhyUnknown.TOO_SHORT),
        (_native(bytes(6), frames=b"-1"), WhyUnknown.BAD_NUMBER_OF_FRAMES),
        (_native(bytes(6), frames=b"many"), WhyUnknown.BAD_NUMBER_OF_FRAMES),
        (_native(bytes(6), frames=b"1.5 "), WhyUnknown.BAD_NUMBER_OF_FRAMES),
        (_native(bytes(6), frames=b"99999999999 "), WhyUnknown.BAD_NUMBER_OF_FRAMES),
        (part10(explicit(0x7FE00010, b"OW", bytes(6))), WhyUnknown.NO_DIMENSIONS),
        (_encapsulated(item() + item(b"ab"), b"2 "), WhyUnknown.TOO_FEW_FRAGMENTS),
        (_encapsulated(item(), b"1 "), WhyUnknown.TOO_FEW_FRAGMENTS),
        (_encapsulated(item() + item(b"ab") * 3, b"2 "), WhyUnknown.NO_OFFSETS),
    ],
)
def test_frames_that_cannot_be_told_apart(data: bytes, reason: WhyUnknown) -> None:
    table = _table(data)

    assert table.reason is reason
    if table.number_of_frames:
        with pytest.raises(FramesUnknown, match="cannot be told apart"):
            table.spans(0)


def test_there_is_no_table_without_pixel_data() -> None:
    data = part10(_image())

    assert frame_table(data, read_header(data, memo=Memo())) is None


def test_there_is_no_frame_beyond_the_last() -> None:
    table = _table(_native(bytes(12), frames=b"2 "))

    for frame in (-1, 2):
        with pytest.raises(NoSuchFrame, match="the instance has 2"):
            table.spans(frame)


def _payloads(sizes: list[int]) -> list[bytes]:
    return [bytes([index % 255 + 1]) * size for index, size in enumerate(sizes)]


@given(
    st.lists(st.integers(6, 40), min_size=1, max_size=6),
    st.integers(1, 3),
    st.booleans(),
)
def test_encapsulated_frames_are_those_of_pydicom(
    sizes: list[int], per_frame: int, has_table: bool
) -> None:
    value = encapsulate(_payloads(sizes), fragments_per_frame=per_frame, has_bot=has_table)
    number = len(sizes)
    data = _encapsulated(value, str(number).encode().ljust(2))

    table = _table(data)

    if table.reason is None:
        theirs = list(generate_frames(value, number_of_frames=number))
        assert _frames(data, table) == theirs
    else:
        assert parse_basic_offsets(value) == []
        assert table.reason is WhyUnknown.NO_OFFSETS


def test_an_extended_offset_table_gives_lengths_without_padding() -> None:
    payloads = _payloads([3, 8, 5])
    value, offsets, _ = encapsulate_extended(payloads)
    lengths = struct.pack("<3Q", *map(len, payloads))
    extra = explicit(0x7FE00001, b"OV", offsets) + explicit(0x7FE00002, b"OV", lengths)
    data = _encapsulated(value, b"3 ", extra)

    assert _frames(data, _table(data)) == payloads


@pytest.mark.parametrize("spoil", [0, 8, 17])
def test_an_extended_offset_table_that_lies_is_not_believed(spoil: int) -> None:
    value, offsets, lengths = encapsulate_extended(_payloads([4, 8, 6]))
    spoilt = bytearray(offsets)
    spoilt[spoil] += 2
    extra = explicit(0x7FE00001, b"OV", bytes(spoilt)) + explicit(0x7FE00002, b"OV", lengths)
    data = _encapsulated(value, b"3 ", extra)

    assert _frames(data, _table(data)) == _payloads([4, 8, 6])


@pytest.mark.parametrize("offsets", [(0, 11), (4, 10), (10, 0), (0, 0), (0, 9999)])
def test_a_basic_offset_table_that_lies_is_not_believed(offsets: tuple[int, int]) -> None:
    value = item(struct.pack("<2I", *offsets)) + item(b"ab") * 3
    data = _encapsulated(value, b"2 ")

    assert _table(data).reason is WhyUnknown.NO_OFFSETS


def test_all_fragments_of_a_single_frame_belong_to_it() -> None:
    data = _encapsulated(item() + item(b"ab") + item(b"cdef"), b"1 ")

    assert _frames(data, _table(data)) == [b"abcdef"]


def test_offsets_of_a_deflated_instance_count_in_what_it_inflates_to() -> None:
    dataset = _image(frames=b"2 ") + explicit(0x7FE00010, b"OB", b"abcdefghijkl")
    data = part10(zlib.compress(dataset, wbits=-15), DEFLATED)

    table = _table(data)

    assert table.inflated
    assert _frames(dataset, table) == [b"abcdef", b"ghijkl"]


def test_packed_tables_are_small() -> None:
    native = _table(_native(bytes(6000), frames=b"1000"))
    lengths = array("I", [20_000 + index * 7919 % 5000 * 2 for index in range(10_000)])
    encapsulated = FrameTable(10_000, encapsulated=True, start=1000, lengths=lengths)

    assert len(native.pack()) < 60
    assert len(encapsulated.pack()) < 3 * 10_000
    assert FrameTable.unpack(encapsulated.pack()) == encapsulated


_PACKED = FrameTable(2, encapsulated=True, start=9, lengths=array("I", [4, 6])).pack()


@pytest.mark.parametrize(
    ("packed", "why"),
    [
        (b"", "another release"),
        (b"\0", "another release"),
        (b"\x02" + _PACKED[1:], "another release"),
        (b"\x01abc", "damaged"),
        (b"\x01" + zlib.compress(b"a"), "damaged"),
        (_PACKED[:-1], "damaged"),
        (_PACKED[:7] + b"\xff" + _PACKED[8:], "damaged"),
    ],
)
def test_a_table_that_cannot_be_read_says_how_to_mend_it(packed: bytes, why: str) -> None:
    with pytest.raises(FrameTableUnreadable, match=f"{why}.*hilum rebuild"):
        FrameTable.unpack(packed)


@pytest.mark.parametrize("reason", WhyUnknown)
def test_each_reason_is_told_in_words(reason: WhyUnknown) -> None:
    told = str(FramesUnknown(reason))

    assert reason.name.replace("_", " ").lower() not in told
    assert "can be had as a whole" in told
