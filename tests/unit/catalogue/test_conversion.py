"""Conversion to Explicit VR Little Endian, with pydicom as the judge."""

import asyncio
import io
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from hilum.catalogue.conversion import Conversion, ConversionLimits
from hilum.dicom.explicit_little import CONVERTIBLE, NotConvertible, swap_bytes
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
from tests.corpus import corpus, corpus_id
from tests.instances import a_dataset, part10
from tests.twins import MemoryObjects

KEY = ObjectKey("1/1.2/1.2.3/1.2.3.4.1.dcm")
_PREAMBLE_BYTES = 128 + 4
CHANGED_META = {
    "TransferSyntaxUID",
    "FileMetaInformationGroupLength",
    "ImplementationClassUID",
    "ImplementationVersionName",
}
"""Whoever writes a file names itself."""
TRUNCATED = {"rtplan_truncated.dcm"}


def _convertible_files() -> list[Path]:
    files = []
    for path in corpus():
        try:
            dataset = pydicom.dcmread(path, stop_before_pixels=True)
        except Exception:  # noqa: BLE001 - whatever pydicom cannot read is no test case
            continue
        convertible = dataset.file_meta.get("TransferSyntaxUID") in CONVERTIBLE
        if convertible and path.name not in TRUNCATED:
            files.append(path)
    return files


def a_record(data: bytes, dataset_offset: int, syntax: str) -> InstanceRecord:
    return InstanceRecord(
        key=1,
        uids=InstanceUIDs(
            StudyInstanceUID("1.2"), SeriesInstanceUID("1.2.3"), SOPInstanceUID("1.2.3.4")
        ),
        sop_class_uid=SOPClassUID("1.2.840.10008.5.1.4.1.1.2"),
        transfer_syntax_uid=TransferSyntaxUID(syntax),
        version=Version(1),
        object_key=KEY,
        size_bytes=len(data),
        dataset_offset=dataset_offset,
    )


def record_of(data: bytes) -> InstanceRecord:
    file = io.BytesIO(data)
    file.seek(_PREAMBLE_BYTES)
    meta = read_dataset(file, False, True, stop_when=lambda tag, _vr, _length: tag.group != 2)
    return a_record(data, file.tell(), meta.TransferSyntaxUID)


async def convert(
    data: bytes, record: InstanceRecord, limits: ConversionLimits | None = None
) -> bytes:
    objects = MemoryObjects()
    await objects.put_once(KEY, InMemory(data))
    conversion = Conversion(objects, 1, limits)
    try:
        converted = await conversion(record)
        result = b"".join([chunk async for chunk in converted.chunks])
    finally:
        conversion.close()
    assert len(result) == converted.size_bytes
    return result


def without_pixels(dataset: Dataset) -> dict[str, Any]:
    """The data set as JSON, without what changes its bytes with the byte order."""
    plain: dict[str, Any] = dataset.to_json_dict(bulk_data_threshold=1 << 40)
    return {key: value for key, value in plain.items() if value["vr"] not in {"OW", "OF", "OB"}}


@pytest.mark.parametrize("path", _convertible_files(), ids=corpus_id)
async def test_a_file_keeps_its_elements_and_its_pixels(path: Path) -> None:
    data = path.read_bytes()  # noqa: ASYNC240 - nobody else waits in this test
    original = pydicom.dcmread(io.BytesIO(data))

    result = pydicom.dcmread(io.BytesIO(await convert(data, record_of(data))))

    assert result.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert result.preamble == bytes(128)  # what it told of the stored file is not true any more
    for element in original.file_meta:
        changed = element.keyword in CHANGED_META
        if element.value and not changed:  # what is required and empty is filled in
            assert result.file_meta[element.tag].value == element.value
    assert without_pixels(result) == without_pixels(_without_group_lengths(original))
    assert ("PixelData" in result) == ("PixelData" in original)
    if "PixelData" in original and _has_pixels(original):
        assert np.array_equal(result.pixel_array, original.pixel_array)


@pytest.mark.parametrize("name", sorted(TRUNCATED))
async def test_a_truncated_file_is_not_made_to_look_whole(name: str) -> None:
    (data,) = [path.read_bytes() for path in corpus() if path.name == name]

    with pytest.raises(NotConvertible):
        await convert(data, record_of(data))


def _without_group_lengths(dataset: Dataset) -> Dataset:
    """Group lengths are retired and not written again (PS3.5 section 7.2)."""
    for element in list(dataset):
        if element.tag.element == 0:
            del dataset[element.tag]
    return dataset


def _has_pixels(dataset: Dataset) -> bool:
    try:
        return bool(dataset.pixel_array.size)
    except Exception:  # noqa: BLE001 - some files of the corpus are damaged on purpose
        return False


async def test_numbers_of_every_width_change_their_byte_order() -> None:
    words = np.arange(6, dtype=">u2").tobytes()
    dataset = a_dataset(Rows=2, Columns=3, BitsAllocated=16, PixelData=words)
    dataset["PixelData"].VR = "OW"
    dataset.add_new(0x60003000, "OW", b"\x01\x02\x03\x04")
    dataset.add_new(0x00660016, "OF", b"\x01\x02\x03\x04")
    dataset.add_new(0x00660023, "OL", b"\x01\x02\x03\x04")
    dataset.add_new(0x00701A07, "OD", b"\x01\x02\x03\x04\x05\x06\x07\x08")
    item = Dataset()
    item.add_new(0x00283006, "OW", b"\x0a\x0b")
    dataset.ModalityLUTSequence = Sequence([item])
    dataset.add_new(0xFFFCFFFC, "OB", b"\x00" * 6)
    data = part10(dataset, ExplicitVRBigEndian)

    result = pydicom.dcmread(io.BytesIO(await convert(data, record_of(data))))

    assert result.PixelData == np.arange(6, dtype="<u2").tobytes()
    assert result[0x60003000].value == b"\x02\x01\x04\x03"
    assert result[0x00660016].value == b"\x04\x03\x02\x01"
    assert result[0x00660023].value == b"\x04\x03\x02\x01"
    assert result[0x00701A07].value == b"\x08\x07\x06\x05\x04\x03\x02\x01"
    assert result.ModalityLUTSequence[0][0x00283006].value == b"\x0b\x0a"
    assert result[0xFFFCFFFC].value == b"\x00" * 6


async def test_bytes_of_big_endian_pixels_keep_their_order() -> None:
    dataset = a_dataset(Rows=1, Columns=4, BitsAllocated=8, PixelData=b"\x01\x02\x03\x04")
    dataset["PixelData"].VR = "OB"
    data = part10(dataset, ExplicitVRBigEndian)

    result = pydicom.dcmread(io.BytesIO(await convert(data, record_of(data))))

    assert result.PixelData == b"\x01\x02\x03\x04"


async def test_an_instance_without_file_meta_gets_one() -> None:
    dataset = a_dataset(PatientName="Phantom^Bare")
    file = io.BytesIO()
    pydicom.dcmwrite(file, dataset, implicit_vr=True, little_endian=True, overwrite=True)
    data = file.getvalue()

    result = pydicom.dcmread(
        io.BytesIO(await convert(data, a_record(data, 0, ImplicitVRLittleEndian)))
    )

    assert result.file_meta.MediaStorageSOPInstanceUID == "1.2.3.4"
    assert result.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert result.PatientName == "Phantom^Bare"


async def test_a_header_longer_than_the_first_read_is_read_on() -> None:
    dataset = a_dataset(PixelData=b"\x00\x01", ImageComments="x" * 10_000)
    dataset.add_new(0x00281221, "OW", bytes(600_000))
    data = part10(dataset, ImplicitVRLittleEndian)

    result = pydicom.dcmread(io.BytesIO(await convert(data, record_of(data))))

    assert result.ImageComments == "x" * 10_000
    assert result.PixelData == b"\x00\x01"


async def test_a_header_above_the_limit_is_not_converted() -> None:
    dataset = a_dataset(PixelData=b"\x00\x01")
    dataset.add_new(0x00281221, "OW", bytes(600_000))
    data = part10(dataset, ImplicitVRLittleEndian)

    with pytest.raises(NotConvertible):
        await convert(data, record_of(data), ConversionLimits(header_bytes=500_000))


async def test_a_deflate_bomb_is_not_inflated() -> None:
    dataset = a_dataset(PixelData=bytes(64 << 20))
    data = part10(dataset, DeflatedExplicitVRLittleEndian)
    assert len(data) < 1 << 20

    record = record_of(data)

    tracemalloc.start()
    with pytest.raises(NotConvertible):
        await convert(data, record, ConversionLimits(inflated_bytes=1 << 20))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 8 << 20


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
)
async def test_a_damaged_instance_is_refused_without_its_values(syntax: UID) -> None:
    whole = part10(a_dataset(PixelData=bytes(100), PatientName="Secret^Nancy"), syntax)
    record = record_of(whole)
    for cut in range(record.dataset_offset + 1, len(whole) - 104, 7):
        data = whole[:cut]
        texts = []
        try:
            await convert(data, a_record(data, record.dataset_offset, syntax))
        except NotConvertible as error:
            texts.append(str(error))
        assert "Secret" not in "".join(texts)


async def test_pixels_stream_and_are_not_held_in_memory() -> None:
    class Endless(MemoryObjects):
        """Holds a header, and makes up pixel data while it is read."""

        async def stream(
            self, _key: ObjectKey, _offset: int = 0, length: int | None = None
        ) -> AsyncIterator[bytes]:
            assert length is not None
            for start in range(0, length, 1 << 16):
                yield bytes(min(1 << 16, length - start))

    dataset = a_dataset(Rows=1, Columns=2, BitsAllocated=16, PixelData=b"\x00\x01\x00\x02")
    header = part10(dataset, ExplicitVRBigEndian)[:-8]
    length = 256 << 20
    objects = Endless()
    await objects.put_once(KEY, InMemory(header + length.to_bytes(4, "big") + bytes(300_000)))
    whole = len(header) + 4 + length
    small = record_of(part10(dataset, ExplicitVRBigEndian))
    record = a_record(bytes(0), small.dataset_offset, ExplicitVRBigEndian)
    record = replace(record, size_bytes=whole)
    conversion = Conversion(objects, 1)
    tracemalloc.start()

    received = 0
    async for chunk in (await conversion(record)).chunks:
        received += len(chunk)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    conversion.close()

    assert received > length
    assert peak < 4 << 20


def test_what_does_not_fill_a_number_is_carried_over() -> None:
    assert swap_bytes(b"\x01\x02\x03\x04\x05", 2) == (b"\x02\x01\x04\x03", b"\x05")
    assert swap_bytes(b"", 8) == (b"", b"")
    assert zlib.crc32(swap_bytes(bytes(range(16)), 8)[0]) == zlib.crc32(
        bytes(range(7, -1, -1)) + bytes(range(15, 7, -1))
    )


async def turns() -> None:
    for _ in range(50):
        await asyncio.sleep(0.002)


async def test_inflated_instances_wait_while_the_memory_for_them_is_held_by_readers() -> None:
    data = part10(a_dataset(PixelData=bytes(1 << 20)), DeflatedExplicitVRLittleEndian)
    record = record_of(data)
    objects = MemoryObjects()
    await objects.put_once(KEY, InMemory(data))
    limits = ConversionLimits(memory_bytes=2 << 20)
    conversion = Conversion(objects, 1, limits)

    reading = await conversion(record)
    second = asyncio.create_task(conversion(record))
    third = asyncio.create_task(conversion(record))
    fourth = asyncio.create_task(conversion(record))
    await turns()
    assert not second.done()  # it could need more than is left beside the one that is being read

    whole = b"".join([chunk async for chunk in reading.chunks])
    begun = await second
    await anext(begun.chunks)
    await turns()
    assert not third.done()
    del begun, second  # the client has gone in the middle
    never_begun = await third
    await turns()
    assert not fourth.done()
    del never_begun, third  # and here before the first byte
    last = await fourth

    assert b"".join([chunk async for chunk in last.chunks]) == whole
    conversion.close()


async def test_a_conversion_that_fails_gives_its_memory_back() -> None:
    data = part10(a_dataset(PixelData=bytes(1 << 20)), DeflatedExplicitVRLittleEndian)
    record = record_of(data)
    objects = MemoryObjects()
    conversion = Conversion(objects, 1, ConversionLimits(memory_bytes=1))

    with pytest.raises(ObjectMissing):
        await conversion(record)
    await objects.put_once(KEY, InMemory(data))
    async with asyncio.timeout(10):
        converted = await conversion(record)

    assert converted.size_bytes > 1 << 20
    conversion.close()
