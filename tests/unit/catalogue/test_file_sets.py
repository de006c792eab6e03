import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from hilum.catalogue.conversion import Conversion
from hilum.catalogue.file_sets import FileSet, FileSets
from hilum.catalogue.instance_syntaxes import Wanted
from hilum.catalogue.retrieve import Retrieve, RetrieveLimits
from hilum.domain.errors import LimitExceeded, ObjectMissing
from hilum.domain.identifiers import (
    InstanceUIDs,
    ObjectKey,
    Scope,
    SeriesInstanceUID,
    SOPClassUID,
    SOPInstanceUID,
    StudyInstanceUID,
    TransferSyntaxUID,
    Version,
)
from hilum.domain.instances import InMemory, Metadata
from hilum.domain.records import InstanceRecord, MetadataRecord, ScopeSummary
from tests.twins import MemoryObjects

STUDY = StudyInstanceUID("1.2")
SERIES = SeriesInstanceUID("1.2.3")
CT = SOPClassUID("1.2.840.10008.5.1.4.1.1.2")


def metadata_of(dataset: object) -> Metadata:
    text = json.dumps(dataset).encode()
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    deflated = deflater.compress(text) + deflater.flush(zlib.Z_FULL_FLUSH)
    return Metadata(deflated, zlib.crc32(text), len(text))


IMAGE = metadata_of({"00280010": {"vr": "US", "Value": [4]}})


@dataclass
class Described:
    """An index of a list of instances with their metadata."""

    records: list[InstanceRecord] = field(default_factory=list)
    described: dict[int, Metadata] = field(default_factory=dict)
    text_bytes: int = 0
    """Text that every record counts for; 0 counts none."""

    async def instances(self, scope: Scope, after: int, limit: int) -> Sequence[InstanceRecord]:
        found = [
            record
            for record in self.records
            if record.key > after and scope.sop_instance in {None, record.uids.sop_instance}
        ]
        return found[:limit]

    async def metadata_of(
        self, keys: Sequence[int], limit_bytes: int | None = None
    ) -> Sequence[MetadataRecord]:
        held = [key for key in keys if key in self.described]
        most = len(held)
        if self.text_bytes and limit_bytes is not None:
            most = -(-limit_bytes // self.text_bytes)
        return [MetadataRecord(key, self.described[key], ()) for key in held[:most]]

    async def summary(self, scope: Scope) -> ScopeSummary | None:
        raise NotImplementedError

    async def metadata(
        self, scope: Scope, after: int, limit: int, limit_bytes: int | None = None
    ) -> Sequence[MetadataRecord]:
        raise NotImplementedError

    async def referenced(self, keys: Sequence[ObjectKey]) -> set[ObjectKey]:
        raise NotImplementedError


class Archive:
    def __init__(self, count: int, limit: int = 1000) -> None:
        self.index = Described()
        self.objects = MemoryObjects()
        limits = RetrieveLimits(page_instances=90, zip_instances=limit)
        conversion = Conversion(self.objects, 1)
        self._retrieve = Retrieve(self.index, self.objects, conversion, limits)
        self.file_sets = FileSets(self._retrieve)
        for number in range(1, count + 1):
            self._add(number)

    def _add(self, number: int) -> None:
        name = SOPInstanceUID(f"1.2.3.{number}")
        key = ObjectKey(f"1/{STUDY}/{SERIES}/{name}.1.dcm")
        record = InstanceRecord(
            number,
            InstanceUIDs(STUDY, SERIES, name),
            CT,
            TransferSyntaxUID("1.2.840.10008.1.2.1"),
            Version(number),
            key,
            size_bytes=len(str(number)),
            dataset_offset=0,
        )
        self.index.records.append(record)
        self.index.described[number] = IMAGE

    async def put(self) -> None:
        for record in self.index.records:
            content = InMemory(str(record.key).encode())
            await self.objects.put_once(record.object_key, content)

    async def lay_out(self) -> FileSet:
        plan = await self._retrieve.plan(Scope(STUDY), Wanted())
        return await self.file_sets.lay_out(plan)


def _images(numbers: range) -> list[str]:
    return [f"PT000000/ST000000/SE000000/IM{number:06d}" for number in numbers]


@pytest.mark.parametrize("text_bytes", [0, 3 << 20, 32 << 20])
async def test_every_instance_has_a_name_whatever_the_size_of_a_page(text_bytes: int) -> None:
    archive = Archive(450)
    archive.index.text_bytes = text_bytes

    file_set = await archive.lay_out()

    assert [file.name for file in file_set.files] == _images(range(450))
    assert [file.record.key for file in file_set.files] == list(range(1, 451))


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        metadata_of({"00080060": {"vr": "CS", "Value": ["CT"]}}),
        metadata_of({"00280010": {"vr": "US"}, "00100020": {"vr": "US", "Value": ["no number"]}}),
        Metadata(b"damaged", 0, 7),
        Metadata(IMAGE.deflated, 0, IMAGE.size_bytes + 1),
    ],
)
async def test_an_instance_that_cannot_be_listed_has_a_name_all_the_same(
    metadata: Metadata | None,
) -> None:
    archive = Archive(250)
    del archive.index.described[230]
    if metadata is not None:
        archive.index.described[230] = metadata

    file_set = await archive.lay_out()

    assert file_set.files[229].name == "OTHER/FI000229"
    assert [file.name for file in file_set.files if file.listed] == _images(range(249))


async def test_the_limit_is_that_of_the_whole_set() -> None:
    with pytest.raises(LimitExceeded, match=r"retrieve\.zip_instances allows 300"):
        await Archive(301, limit=300).lay_out()
    assert len((await Archive(300, limit=300).lay_out()).files) == 300


async def test_files_come_in_the_order_of_their_names() -> None:
    archive = Archive(3)
    await archive.put()
    file_set = await archive.lay_out()

    opened = [(file.name, each.content) async for file, each in archive.file_sets.open(file_set)]

    assert opened == list(zip(_images(range(3)), [b"1", b"2", b"3"], strict=True))


async def test_what_arrives_later_is_not_in_the_set_and_what_goes_is_missed() -> None:
    archive = Archive(3)
    await archive.put()
    file_set = await archive.lay_out()
    archive._add(4)
    await archive.objects.delete(archive.index.records[2].object_key)

    opened = archive.file_sets.open(file_set)
    found = [(await anext(opened))[0].record.key for _ in range(2)]

    assert found == [1, 2]
    with pytest.raises(ObjectMissing):
        await anext(opened)
