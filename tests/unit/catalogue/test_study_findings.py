"""Stored instances are validated like files, wherever the object store keeps them."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field

import pydicom
import pytest

from hilum.catalogue.study_findings import Examined, FindingsLimits, StudyFindings
from hilum.dicom.limits import HeaderLimits
from hilum.domain.errors import ArchiveUnavailable, LimitExceeded, StudyNotFound
from hilum.domain.identifiers import ObjectKey, Scope, StudyInstanceUID
from hilum.domain.instances import OnConflict
from hilum.domain.origins import Door, Origin
from hilum.validation.instance import examine_source
from tests.planted import CT, FAULTS, base
from tests.twins import MemoryObjects
from tests.unit.ingest.houses import House, a_house, an_arrival

_CT = pydicom.dcmread(io.BytesIO(base(CT)))
CT_STUDY = Scope(StudyInstanceUID(_CT.StudyInstanceUID))


@dataclass
class CountedObjects(MemoryObjects):
    """Knows how much of it was read."""

    largest: int = 0
    read_bytes: int = 0
    reading: set[ObjectKey] = field(default_factory=set)
    most_at_once: int = 0

    def __post_init__(self) -> None:
        super().__init__()

    async def read(self, key: ObjectKey, offset: int, length: int) -> bytes:
        self.reading.add(key)
        self.most_at_once = max(self.most_at_once, len(self.reading))
        await asyncio.sleep(0.001)
        data = await super().read(key, offset, length)
        self.reading.discard(key)
        self.largest = max(self.largest, len(data))
        self.read_bytes += len(data)
        return data


def a_copy(number: int, padding: int = 0) -> bytes:
    """The CT as another instance of its study, with long pixel data if wanted."""
    dataset = pydicom.dcmread(io.BytesIO(base(CT)))
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{number}"
    dataset.InstanceNumber = number
    if padding:
        dataset.PixelData += bytes(padding)
    written = io.BytesIO()
    dataset.save_as(written, enforce_file_format=True)
    return written.getvalue()


async def keep(house: House, *instances: bytes) -> None:
    for data in instances:
        outcome = await house.ingest(an_arrival(data, profile="minimal"))
        assert outcome.held, outcome


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with a_house() as house:
        yield house


def findings_of(house: House, objects: MemoryObjects | None = None, **limits: int) -> StudyFindings:
    chosen = FindingsLimits(**limits)
    return StudyFindings(house.index, objects or house.objects, HeaderLimits(), chosen)


async def examined(findings: StudyFindings, scope: Scope) -> list[Examined]:
    async with aclosing(findings.examined(scope)) as instances:
        return [each async for each in instances]


def codes(each: Examined) -> list[str]:
    return [finding.code for finding in each.examination.findings]


@pytest.mark.slow
async def test_what_is_said_of_a_stored_instance_is_what_is_said_of_its_file() -> None:
    compared = 0
    for fault in FAULTS:
        data = fault.part10()
        async with a_house() as house:
            outcome = await house.ingest(an_arrival(data, profile="minimal"))
            if not outcome.held or outcome.uids is None:
                continue  # no archive can keep it
            (found,) = await examined(findings_of(house), Scope(outcome.uids.study))
        assert found.examination == examine_source(data), fault.name
        compared += 1
    assert compared > 50


async def test_little_of_an_instance_is_read_and_less_is_held(house: House) -> None:
    await keep(house, a_copy(1, padding=5_000_000))
    objects = CountedObjects()
    objects.held = house.objects.held

    (found,) = await examined(findings_of(house, objects), CT_STUDY)

    assert codes(found) == ["pixel-length"]
    assert objects.read_bytes < 300_000


async def test_many_are_examined_in_order_a_few_at_a_time(house: House) -> None:
    await keep(house, *(a_copy(number) for number in range(1, 8)))
    objects = CountedObjects()
    objects.held = house.objects.held
    findings = findings_of(house, objects, threads=2, page_instances=3)

    one, two = await asyncio.gather(examined(findings, CT_STUDY), examined(findings, CT_STUDY))

    names = [each.record.uids.sop_instance for each in one]
    assert names == [f"1.2.3.{number}" for number in range(1, 8)]
    assert one == two
    assert objects.most_at_once == 2


async def test_an_object_that_is_lost_or_cut_short_is_a_finding(house: House) -> None:
    await keep(house, a_copy(1), a_copy(2), a_copy(3))
    lost, cut, _ = house.objects.held
    del house.objects.held[lost]
    house.objects.held[cut] = house.objects.held[cut][:5000]

    found = await examined(findings_of(house), CT_STUDY)

    assert [codes(each) for each in found] == [["file-unreadable"], ["file-unreadable"], []]


async def test_an_instance_that_was_deleted_meanwhile_is_left_out(house: House) -> None:
    await keep(house, a_copy(1), a_copy(2))
    instances = findings_of(house, threads=1, page_instances=100).examined(CT_STUDY)

    async with aclosing(instances):
        first = await anext(instances)
        await house.index.delete(CT_STUDY, Origin(Door.DELETE, "tests"))
        house.objects.held.clear()
        rest = [codes(each) async for each in instances]

    assert codes(first) == []
    assert rest in ([], [[]]), "it may have been read before"


async def test_an_instance_that_was_replaced_meanwhile_is_examined_as_it_is_now(
    house: House,
) -> None:
    await keep(house, a_copy(1), a_copy(2), a_copy(3))
    instances = findings_of(house, threads=1, page_instances=100).examined(CT_STUDY)

    async with aclosing(instances):
        first = await anext(instances)
        old = list(house.objects.held)
        again = an_arrival(
            a_copy(3, padding=2), profile="minimal", on_conflict=OnConflict.NEW_VERSION
        )
        assert (await house.ingest(again)).held
        del house.objects.held[old[2]]
        rest = [each async for each in instances]

    assert codes(first) == []
    assert [codes(each) for each in rest] == [[], ["pixel-length"]]


async def test_an_outage_is_no_finding(house: House) -> None:
    await keep(house, a_copy(1))
    house.objects.fault = ArchiveUnavailable("The store is away.")

    with pytest.raises(ArchiveUnavailable):
        await examined(findings_of(house), CT_STUDY)


async def test_too_many_instances_are_refused_and_none_are_not_found(house: House) -> None:
    await keep(house, a_copy(1), a_copy(2))

    with pytest.raises(LimitExceeded) as refused:
        await findings_of(house, instances=1).summary(CT_STUDY)
    with pytest.raises(StudyNotFound):
        await findings_of(house).summary(Scope(StudyInstanceUID("1.2.3")))

    assert refused.value.limit == "retrieve.findings_instances"
    assert (await findings_of(house).summary(CT_STUDY)).instances == 2
