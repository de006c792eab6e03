"""What a file has before its pixels, found without the pixels."""

from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from hilum.dicom.before_pixels import (
    FLOAT_PIXELS,
    BeforePixels,
    names_tables,
    read_before_pixels,
)
from hilum.dicom.elements import ElementPath
from hilum.dicom.errors import MalformedElement
from hilum.dicom.frames import FrameTable, frame_table
from hilum.dicom.header import Header, HeaderLimits, read_header
from hilum.dicom.memo import Memo
from hilum.dicom.sources import InflatedSource, Source
from tests.conformance.standard.test_frames_of_corpus import IMAGES, UNTOLD
from tests.corpus import corpus_id
from tests.instances import part10
from tests.unit.imaging.shown import a_table, an_image, json_of

_LIMITS = HeaderLimits()
_WORDS = np.arange(12, dtype=np.uint16).reshape(3, 4)


def told(data: bytes) -> tuple[Header, Source, FrameTable]:
    header = read_header(data, memo=Memo())
    source: Source = data
    if header.inflated:
        source = InflatedSource(data, header.dataset_offset, _LIMITS)
    table = frame_table(source, header)
    assert table is not None
    return header, source, table


def before(data: bytes) -> BeforePixels:
    header, source, table = told(data)
    prefix = bytes(source[0 : table.start])
    return read_before_pixels(prefix, table, header.transfer_syntax_uid, _LIMITS)


_TOLD = [path for path in IMAGES if path.name not in UNTOLD]


@pytest.mark.parametrize("path", _TOLD, ids=corpus_id)
def test_values_are_those_of_the_whole_file(path: Path) -> None:
    data = path.read_bytes()
    header, source, _ = told(data)

    found = before(data)

    expected = {
        element.path: source[element.offset : element.offset + element.length]
        for element in header.bulk
        if element.length is not None and element.path.top_level_tag < 0x7FE00000
    }
    assert found.pixels_tag == 0x7FE00010
    assert found.values.keys() <= expected.keys()
    assert {path for path in expected if path.top_level_tag >> 16 == 0x0028} <= found.values.keys()
    if header.transfer_syntax_uid != ExplicitVRBigEndian:
        assert all(expected[path] == value for path, value in found.values.items())


def with_tables(syntax: str) -> bytes:
    table = a_table(np.arange(4, dtype=np.uint16), 0, 16)
    dataset = an_image(_WORDS, VOILUTSequence=[table])
    dataset.add_new(0x60003000, "OW", b"\x01\x02\x03\x04")
    dataset.add_new(0x60000010, "US", 3)
    dataset.add_new(0x00282000, "OB", b"ICC profile.")
    optical_path = Dataset()
    optical_path.add_new(0x00282000, "OB", b"of its path.")
    dataset.OpticalPathSequence = [optical_path]
    return part10(dataset, syntax)


@pytest.mark.parametrize(
    "syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian]
)
def test_words_are_in_little_endian_order(syntax: str) -> None:
    data = with_tables(syntax)

    values = before(data).values

    lut = ElementPath(((0x00283010, 0),), 0x00283006)
    # pydicom writes such bytes as they are given: in a big endian file they are other words.
    words = ">u2" if syntax == ExplicitVRBigEndian else "<u2"
    assert values[lut] == np.arange(4, dtype=words).tobytes()
    expected = b"\x02\x01\x04\x03" if syntax == ExplicitVRBigEndian else b"\x01\x02\x03\x04"
    assert values[ElementPath((), 0x60003000)] == expected
    assert values[ElementPath((), 0x00282000)] == b"ICC profile."
    assert values[ElementPath(((0x00480105, 0),), 0x00282000)] == b"of its path."


def test_floating_point_pixels_are_told_by_their_tag() -> None:
    dataset = an_image(_WORDS, BitsAllocated=32)
    del dataset.PixelData
    dataset.FloatPixelData = bytes(48)

    assert before(part10(dataset)).pixels_tag in FLOAT_PIXELS


def test_an_offset_table_that_looks_like_pixel_data_does_not_lead_astray() -> None:
    """Its bytes are those of tag and VR of pixel data, and of an item."""
    dataset = an_image(_WORDS, NumberOfFrames=1)
    dataset.PixelData = encapsulate([b"\0" * 24])
    dataset["PixelData"].is_undefined_length = True
    dataset["PixelData"].VR = "OB"
    data = part10(dataset, RLELossless)
    header, _, table = told(data)
    fake = b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\x00\x00\x00\x00"
    prefix = data[: table.start - 12]  # the offset table's value, and the head of the fragment
    item = b"\xfe\xff\x00\xe0"
    prefix = prefix[:-8] + item + len(fake).to_bytes(4, "little") + fake + item + bytes(4)

    found = read_before_pixels(prefix, table, header.transfer_syntax_uid, _LIMITS)

    assert found.pixels_tag == 0x7FE00010


def test_a_file_that_is_not_as_it_was_is_an_error() -> None:
    header, source, table = told(with_tables(ExplicitVRLittleEndian))
    prefix = bytes(source[0 : table.start])

    for damaged in (prefix[:-1], b"", prefix[:-12] + bytes(12)):
        with pytest.raises(MalformedElement):
            read_before_pixels(damaged, table, header.transfer_syntax_uid, _LIMITS)


def test_metadata_tells_whether_there_is_something_to_be_read() -> None:
    plain = an_image(_WORDS)
    overlay = an_image(_WORDS)
    overlay.add_new(0x60020010, "US", 3)
    nested = an_image(_WORDS)
    group = Dataset()
    group.FrameVOILUTSequence = [Dataset()]
    group.FrameVOILUTSequence[0].VOILUTSequence = [a_table(np.arange(4, dtype=np.uint16), 0, 16)]
    nested.SharedFunctionalGroupsSequence = [group]

    texts = [read_header(part10(each), memo=Memo()).json for each in (plain, overlay, nested)]

    assert [names_tables(text) for text in texts] == [False, True, True]
    assert json_of(part10(plain))[0]
