"""Retrieve: what goes out, in which syntax, and what happens when the archive changes meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

import pytest
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from hilum.catalogue.conversion import Conversion
from hilum.catalogue.delete import Delete
from hilum.catalogue.instance_syntaxes import Wanted
from hilum.catalogue.retrieve import OpenInstance, Retrieve, RetrieveLimits
from hilum.domain.errors import (
    InstanceNotFound,
    NotAcceptable,
    ObjectMissing,
    SeriesNotFound,
    StudyNotFound,
)
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
from hilum.domain.instances import InMemory
from hilum.domain.origins import Door, Origin
from hilum.domain.records import InstanceRecord, MetadataRecord, ScopeSummary
from tests.instances import a_dataset, part10
from tests.twins import MemoryObjects

STUDY = StudyInstanceUID("1.2")
SERIES = SeriesInstanceUID("1.2.3")
SCOPE = Scope(STUDY)
EXPLICIT_ONLY = Wanted((ExplicitVRLittleEndian,))


@dataclass
class Records:
    """The part of an InstanceReader that retrieves read, over a list the test changes."""

    records: list[InstanceRecord] = field(default_factory=list)
    pages: int = 0

    async def instances(self, scope: Scope, after: int, limit: int) -> Sequence[InstanceRecord]:
        self.pages += 1
        await asyncio.sleep(0)
        found = [
            record
            for record in self.records
            if record.key > after and scope.sop_instance in {None, record.uids.sop_instance}
        ]
        return found[:limit]

    async def summary(self, scope: Scope) -> ScopeSummary | None:
        found = await self.instances(scope, 0, 1 << 30)
        if not found:
            return None
        return ScopeSummary(len(found), max(record.version for record in found))

    async def metadata(
        self, scope: Scope, after: int, limit: int, limit_bytes: int | None = None
    ) -> Sequence[MetadataRecord]:
        raise NotImplementedError

    async def metadata_of(
        self, keys: Sequence[int], limit_bytes: int | None = None
    ) -> Sequence[MetadataRecord]:
        raise NotImplementedError

    async def referenced(self, keys: Sequence[ObjectKey]) -> set[ObjectKey]:
        raise NotImplementedError


class Archive:
    """Records, objects and the use case over them."""

    def __init__(self, limits: RetrieveLimits | None = None) -> None:
        self.records = Records()
        self.objects = MemoryObjects()
        self._conversion = Conversion(self.objects, 1)
        self.retrieve = Retrieve(self.records, self.objects, self._conversion, limits)

    async def keep(
        self, data: bytes, syntax: str = ExplicitVRLittleEndian, number: int | None = None
    ) -> InstanceRecord:
        """Keep `data`; with the `number` of an instance that is there, a new version of it."""
        key = number or len(self.records.records) + 1
        version = Version(max([each.version for each in self.records.records], default=0) + 1)
        name = SOPInstanceUID(f"1.2.3.{key}")
        record = InstanceRecord(
            key=key,
            uids=InstanceUIDs(STUDY, SERIES, name),
            sop_class_uid=SOPClassUID("1.2.840.10008.5.1.4.1.1.2"),
            transfer_syntax_uid=TransferSyntaxUID(syntax),
            version=version,
            object_key=ObjectKey(f"1/{STUDY}/{SERIES}/{name}.{version}.dcm"),
            size_bytes=len(data),
            dataset_offset=0,
        )
        await self.objects.put_once(record.object_key, InMemory(data))
        kept = [each for each in self.records.records if each.key != key]
        self.records.records = sorted([*kept, record], key=lambda each: each.key)
        return record

    def close(self) -> None:
        self._conversion.close()


@pytest.fixture
async def archive() -> AsyncIterator[Archive]:
    archive = Archive(RetrieveLimits(whole_object_bytes=1000, page_instances=3))
    yield archive
    archive.close()


def one(number: int) -> Scope:
    return Scope(STUDY, SERIES, SOPInstanceUID(f"1.2.3.{number}"))


async def whole(opened: OpenInstance) -> bytes:
    if isinstance(opened.content, bytes):
        return opened.content
    return b"".join([chunk async for chunk in opened.content])


async def all_of(archive: Archive, wanted: Wanted) -> list[bytes]:
    plan = await archive.retrieve.plan(SCOPE, wanted)
    async with aclosing(archive.retrieve.open_all(plan)) as opened:
        return [await whole(each) async for each in opened]


async def test_instances_come_in_order_over_several_pages(archive: Archive) -> None:
    data = [bytes([number]) * number for number in range(1, 9)]
    for each in data:
        await archive.keep(each)

    assert await all_of(archive, Wanted()) == data


async def test_small_instances_come_whole_and_large_ones_in_chunks(archive: Archive) -> None:
    await archive.keep(bytes(1000))
    await archive.keep(bytes(9000))

    small = await archive.retrieve.instance(one(1), Wanted())
    large = await archive.retrieve.instance(one(2), Wanted())

    assert isinstance(small.content, bytes)
    assert not isinstance(large.content, bytes)
    assert await whole(large) == bytes(9000)
    assert large.size_bytes == 9000


@pytest.mark.parametrize(
    ("scope", "error"),
    [
        (SCOPE, StudyNotFound),
        (Scope(STUDY, SERIES), SeriesNotFound),
        (one(1), InstanceNotFound),
    ],
)
async def test_what_is_not_held_is_told_by_its_level(
    archive: Archive, scope: Scope, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await archive.retrieve.plan(scope, Wanted())
    with pytest.raises(error):
        await archive.retrieve.summary(scope)


async def test_a_version_that_came_between_the_two_reads_is_the_one_that_is_given(
    archive: Archive,
) -> None:
    old = await archive.keep(b"old")

    class Replaced(MemoryObjects):
        async def read(self, key: ObjectKey, offset: int, length: int) -> bytes:
            if key == old.object_key:
                del self.held[key]
                await archive.keep(b"newer", number=1)
            return await super().read(key, offset, length)

    replaced = Replaced()
    replaced.held = archive.objects.held
    conversion = Conversion(replaced, 1)
    retrieve = Retrieve(archive.records, replaced, conversion)

    opened = await retrieve.instance(one(1), Wanted())
    conversion.close()

    assert opened.content == b"newer"


async def test_an_instance_deleted_between_the_two_reads_is_not_held(archive: Archive) -> None:
    record = await archive.keep(b"gone")
    del archive.objects.held[record.object_key]

    with pytest.raises(ObjectMissing):
        await archive.retrieve.instance(one(1), Wanted())
    archive.records.records.clear()
    with pytest.raises(InstanceNotFound):
        await archive.retrieve.instance(one(1), Wanted())


@pytest.mark.parametrize("size", [500, 5000])
async def test_an_object_shorter_than_its_row_says_is_an_error(archive: Archive, size: int) -> None:
    record = await archive.keep(bytes(size))
    archive.objects.held[record.object_key] = bytes(size - 1)

    with pytest.raises(ObjectMissing):
        await whole(await archive.retrieve.instance(one(1), Wanted()))


async def test_one_instance_is_read_ahead_and_no_more(archive: Archive) -> None:
    for _ in range(8):
        await archive.keep(b"x")
    reads: list[ObjectKey] = []

    class Watched(MemoryObjects):
        async def read(self, key: ObjectKey, offset: int, length: int) -> bytes:
            reads.append(key)
            return await super().read(key, offset, length)

    watched = Watched()
    watched.held = archive.objects.held
    conversion = Conversion(watched, 1)
    retrieve = Retrieve(archive.records, watched, conversion)
    plan = await retrieve.plan(SCOPE, Wanted())

    async with aclosing(retrieve.open_all(plan)) as opened:
        await anext(opened)
        for _ in range(50):
            await asyncio.sleep(0)
        assert len(reads) == 2
    conversion.close()


async def test_a_reader_that_stops_leaves_no_task_behind(archive: Archive) -> None:
    for _ in range(4):
        await archive.keep(b"x")
    before = asyncio.all_tasks()
    plan = await archive.retrieve.plan(SCOPE, Wanted())

    async with aclosing(archive.retrieve.open_all(plan)) as opened:
        await anext(opened)

    assert asyncio.all_tasks() == before


async def test_a_failure_comes_after_the_instances_before_it(archive: Archive) -> None:
    records = [await archive.keep(bytes([number])) for number in range(4)]
    del archive.objects.held[records[2].object_key]
    plan = await archive.retrieve.plan(SCOPE, Wanted())

    async with aclosing(archive.retrieve.open_all(plan)) as opened:
        got = [await whole(await anext(opened)) for _ in range(2)]
        with pytest.raises(ObjectMissing):
            await anext(opened)

    assert got == [b"\x00", b"\x01"]


async def test_the_first_syntax_that_can_be_had_is_given(archive: Archive) -> None:
    implicit = part10(a_dataset(PixelData=b"\x01\x02"), ImplicitVRLittleEndian)[132:]
    await archive.keep(implicit, ImplicitVRLittleEndian)

    async def syntax(*wanted: str) -> str:
        return (await archive.retrieve.instance(one(1), Wanted(wanted))).transfer_syntax_uid

    assert await syntax("*") == ImplicitVRLittleEndian
    assert await syntax(ImplicitVRLittleEndian) == ImplicitVRLittleEndian
    assert await syntax(RLELossless, "*") == ImplicitVRLittleEndian
    with pytest.raises(NotAcceptable):
        await syntax(RLELossless)


async def test_an_instance_that_cannot_be_converted_is_given_as_stored_when_that_will_do(
    archive: Archive,
) -> None:
    await archive.keep(b"no data set at all", ImplicitVRLittleEndian)

    opened = await archive.retrieve.instance(one(1), Wanted((ExplicitVRLittleEndian, "*")))

    assert opened.content == b"no data set at all"
    with pytest.raises(NotAcceptable):
        await archive.retrieve.instance(one(1), EXPLICIT_ONLY)


async def test_conversions_stop_at_the_smaller_of_both_limits(archive: Archive) -> None:
    await archive.keep(bytes(5000), ImplicitVRLittleEndian)

    with pytest.raises(NotAcceptable, match="and in nothing else"):
        await archive.retrieve.instance(
            one(1), Wanted((ExplicitVRLittleEndian,), maximum_conversion_bytes=4999)
        )


async def test_who_is_refused_a_large_instance_is_told_the_setting() -> None:
    archive = Archive(RetrieveLimits(conversion_bytes=4999))
    await archive.keep(bytes(5000), ImplicitVRLittleEndian)

    with pytest.raises(NotAcceptable, match=r"retrieve\.conversion_bytes allows 4999"):
        await archive.retrieve.instance(one(1), EXPLICIT_ONLY)


async def test_many_instances_may_be_bound_to_their_stored_syntax(archive: Archive) -> None:
    await archive.keep(b"a")
    wanted = Wanted((ExplicitVRLittleEndian,), converts_many=False)

    assert await all_of(archive, wanted) == [b"a"]
    await archive.keep(b"b")
    with pytest.raises(NotAcceptable):
        await archive.retrieve.plan(SCOPE, wanted)


async def test_a_plan_counts_what_is_left_out_over_all_pages(archive: Archive) -> None:
    for number in range(10):
        syntax = ExplicitVRLittleEndian if number % 5 == 4 else RLELossless
        await archive.keep(bytes([number]), syntax)

    plan = await archive.retrieve.plan(SCOPE, EXPLICIT_ONLY)

    assert plan.left_out == 8
    assert await all_of(archive, EXPLICIT_ONLY) == [b"\x04", b"\x09"]
    with pytest.raises(NotAcceptable):
        await archive.retrieve.plan(SCOPE, Wanted((ImplicitVRLittleEndian,)))


async def test_a_plan_knows_when_it_is_complete_and_as_stored(archive: Archive) -> None:
    for _ in range(2):
        await archive.keep(b"x")

    assert (await archive.retrieve.plan(SCOPE, Wanted())).complete
    assert (await archive.retrieve.plan(SCOPE, EXPLICIT_ONLY)).as_stored
    either = Wanted((ImplicitVRLittleEndian, "*"))
    assert (await archive.retrieve.plan(SCOPE, either)).as_stored
    await archive.keep(b"x", ImplicitVRLittleEndian)
    assert not (await archive.retrieve.plan(SCOPE, EXPLICIT_ONLY)).as_stored
    assert not (await archive.retrieve.plan(SCOPE, Wanted())).complete


async def test_an_instance_that_arrives_while_a_study_is_sent_may_come_or_not(
    archive: Archive,
) -> None:
    for number in range(3):
        await archive.keep(bytes([number]))
    plan = await archive.retrieve.plan(SCOPE, Wanted())
    await archive.keep(b"\x03")

    async with aclosing(archive.retrieve.open_all(plan)) as opened:
        got = [await whole(each) async for each in opened]

    assert got[:3] == [b"\x00", b"\x01", b"\x02"]


class Deleted:
    """An InstanceWriter whose deletes find `instances`."""

    def __init__(self, instances: int) -> None:
        self.instances = instances

    async def delete(self, _scope: Scope, _origin: Origin) -> int:
        return self.instances

    async def commit(self, batch: Sequence[object]) -> Sequence[object]:
        raise NotImplementedError

    async def reserve_versions(self, count: int) -> range:
        raise NotImplementedError


async def test_a_delete_wakes_the_worker_that_frees_and_one_of_nothing_does_not() -> None:
    wakes: list[None] = []
    origin = Origin(Door.DELETE, "c")

    assert await Delete(Deleted(3), lambda: wakes.append(None))(SCOPE, origin) == 3  # type: ignore[arg-type]
    with pytest.raises(StudyNotFound):
        await Delete(Deleted(0), lambda: wakes.append(None))(SCOPE, origin)  # type: ignore[arg-type]

    assert len(wakes) == 1


async def test_a_large_object_that_is_gone_is_an_error_before_anything_is_sent(
    archive: Archive,
) -> None:
    record = await archive.keep(bytes(5000))
    del archive.objects.held[record.object_key]

    with pytest.raises(ObjectMissing):
        await archive.retrieve.instance(one(1), Wanted())


async def test_a_large_version_that_came_between_the_two_reads_is_the_one_that_is_given(
    archive: Archive,
) -> None:
    old = await archive.keep(bytes(5000))
    objects = archive.objects

    class Replaced(MemoryObjects):
        async def read(self, key: ObjectKey, offset: int, length: int) -> bytes:
            if key == old.object_key and key in self.held:
                del self.held[key]
                await archive.keep(b"n" * 6000, number=1)
            return await super().read(key, offset, length)

    replaced = Replaced()
    replaced.held = objects.held
    conversion = Conversion(replaced, 1)
    limits = RetrieveLimits(whole_object_bytes=1000)
    opened = await Retrieve(archive.records, replaced, conversion, limits).instance(
        one(1), Wanted()
    )
    conversion.close()

    assert await whole(opened) == b"n" * 6000
