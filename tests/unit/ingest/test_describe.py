"""What the archive keeps about an instance."""

import gzip
import struct
import zlib
from typing import Any

import orjson
import pytest
from isal import isal_zlib
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from hilum.dicom.attributes import INDEXED_ATTRIBUTES
from hilum.dicom.frames import FrameTable
from hilum.dicom.header import HeaderLimits
from hilum.domain.instances import Description, InMemory, Metadata, StorePolicy
from hilum.domain.levels import Level
from hilum.ingest.describe import ATTRIBUTES_BYTES, ITEM_VALUES, compress
from hilum.ingest.examine import examine
from hilum.ports.telemetry import NoIngestMeter
from tests.corpus import corpus
from tests.instances import STUDY, a_dataset, part10


def _described(dataset: Dataset, syntax: str = ExplicitVRLittleEndian) -> Description:
    content = InMemory(part10(dataset, syntax))
    examined = examine(content, StorePolicy("minimal"), HeaderLimits(), NoIngestMeter())
    assert examined.description is not None, examined.verdict
    return examined.description


def _item(**elements: Any) -> Dataset:
    item = Dataset()
    for keyword, value in elements.items():
        setattr(item, keyword, value)
    return item


def _json(metadata: Metadata) -> Any:
    text = zlib.decompressobj(-15).decompress(metadata.deflated)
    assert zlib.crc32(text) == metadata.crc32
    assert len(text) == metadata.size_bytes
    return orjson.loads(text)


def test_keys_are_folded_by_level() -> None:
    description = _described(
        a_dataset(
            PatientName="Grün^Ada",
            StudyTime="1011",
            SeriesNumber="007",
            Modality="CT",
            NumberOfFrames="3",
        )
    )

    assert description.study.keys["PatientName"] == "grun ada"
    assert description.study.keys["StudyTime"] == "101100.000000"
    assert description.study.keys["StudyInstanceUID"] == STUDY
    assert description.series.keys["SeriesNumber"] == 7
    assert description.series.keys["Modality"] == "ct"
    assert description.instance.keys["NumberOfFrames"] == 3
    assert description.instance.keys["Rows"] == 1


def test_every_indexed_attribute_has_a_key_also_when_it_is_absent() -> None:
    description = _described(a_dataset(StudyDate=None, PatientID=""))

    for attribute in INDEXED_ATTRIBUTES:
        levels = {
            Level.STUDY: description.study,
            Level.SERIES: description.series,
            Level.INSTANCE: description.instance,
        }
        assert attribute.keyword in levels[attribute.level].keys
    assert description.study.keys["StudyDate"] is None
    assert description.study.keys["PatientID"] is None


def test_the_first_of_several_values_is_the_key() -> None:
    description = _described(a_dataset(ManufacturerModelName=["One", "Two"]))

    assert description.series.keys["ManufacturerModelName"] == "one"


def test_attributes_hold_what_has_a_value() -> None:
    description = _described(a_dataset(StudyDescription="Abdomen", StudyID=""))

    attributes = orjson.loads(description.study.attributes)
    assert attributes["00081030"] == {"vr": "LO", "Value": ["Abdomen"]}
    assert attributes["00100010"] == {"vr": "PN", "Value": [{"Alphabetic": "Phantom^Test"}]}
    assert "00200010" not in attributes
    assert list(attributes) == sorted(attributes)


def test_values_of_sequence_items_are_told_by_item() -> None:
    codes = [
        _item(CodeValue="A1", CodingSchemeDesignator="DCM", CodeMeaning="First"),
        _item(CodeValue="B2", CodeMeaning=""),
    ]
    description = _described(a_dataset(ProcedureCodeSequence=Sequence(codes)))

    assert {(item.path, item.item, item.value) for item in description.study.items} == {
        ("0008103200080100", 0, "a1"),
        ("0008103200080102", 0, "dcm"),
        ("0008103200080104", 0, "first"),
        ("0008103200080100", 1, "b2"),
    }


def test_values_of_sequence_items_are_bounded() -> None:
    references = [_item(SeriesInstanceUID=f"1.2.{number}") for number in range(ITEM_VALUES + 50)]
    description = _described(a_dataset(ReferencedSeriesSequence=Sequence(references)))

    assert len(description.instance.items) == ITEM_VALUES


def test_a_huge_attribute_is_left_to_the_metadata() -> None:
    references = [_item(ReferencedSOPInstanceUID=f"1.2.{number}") for number in range(8000)]
    description = _described(a_dataset(ReferencedStudySequence=Sequence(references)))

    assert "00081110" not in orjson.loads(description.study.attributes)
    assert "00100020" in orjson.loads(description.study.attributes)
    assert len(description.study.attributes) < ATTRIBUTES_BYTES
    assert len(_json(description.metadata)["00081110"]["Value"]) == 8000


def test_metadata_is_the_whole_header() -> None:
    metadata = _json(_described(a_dataset(PixelData=b"\0\0")).metadata)

    assert metadata["00080060"] == {"vr": "CS", "Value": ["CT"]}
    assert "7FE00010" not in metadata
    assert "00020010" not in metadata


def test_compressed_metadata_can_be_joined_to_one_stream() -> None:
    texts = [b'{"a":1}', b"{}", orjson.dumps({"text": "y" * 100_000})]
    parts = [compress(text)[0] for text in texts]
    comma, _ = compress(b",")
    joined, crc, size = b"", 0, 0
    for number, part in enumerate(parts):
        for piece in (comma, part) if number else (part,):
            joined += piece.deflated
            crc = isal_zlib.crc32_combine(crc, piece.crc32, piece.size_bytes)
            size += piece.size_bytes
    member = b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + joined + b"\x03\0" + struct.pack("<II", crc, size)

    assert gzip.decompress(member) == b",".join(texts)


@pytest.mark.parametrize(
    "syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian]
)
def test_the_frame_table_and_the_data_set_are_found_in_every_syntax(syntax: str) -> None:
    dataset = a_dataset(Rows=2, Columns=2, BitsAllocated=8, PixelData=b"\1\2\3\4")
    description = _described(dataset, syntax)

    table = FrameTable.unpack(description.frame_table)
    assert table.number_of_frames == 1
    assert description.transfer_syntax_uid == syntax
    whole = part10(dataset, syntax)
    assert whole[description.dataset_offset - 1 : description.dataset_offset + 2]
    if syntax == ExplicitVRLittleEndian:
        assert whole[description.dataset_offset :][:4] == b"\x08\0\x16\0"


def test_an_instance_without_pixel_data_has_no_frame_table() -> None:
    assert _described(a_dataset()).frame_table == b""


def test_attributes_with_invalid_values_are_told() -> None:
    dataset = a_dataset(StudyDate=None)
    dataset.add_new("StudyDate", "DA", "not-a-date")

    assert 0x00080020 in _described(dataset).invalid_tags


def test_studies_that_alternate_are_not_mixed_up() -> None:
    for number in range(3):
        for study in range(100):
            description = _described(
                a_dataset(StudyInstanceUID=f"1.2.{study}", PatientID=f"P{study}-{number % 2}")
            )
            assert description.study.keys["PatientID"] == f"p{study}-{number % 2}"
            assert description.study.keys["StudyInstanceUID"] == f"1.2.{study}"


def test_every_file_of_the_corpus_that_has_its_uids_is_described() -> None:
    described = 0
    for path in corpus():
        content = InMemory(path.read_bytes())
        try:
            examined = examine(content, StorePolicy("minimal"), HeaderLimits(), NoIngestMeter())
        except Exception as error:  # noqa: BLE001 - only typed ones are allowed
            assert type(error).__module__.startswith("hilum."), (path, error)  # noqa: PT017
            continue
        if examined.description is not None:
            described += 1
            assert isinstance(_json(examined.description.metadata), dict)
            for level in (examined.description.study, examined.description.series):
                orjson.loads(level.attributes)
    assert described > 100
