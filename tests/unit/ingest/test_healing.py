"""Sending again what was lost or damaged heals it; names that others have are passed by."""

import io

import pydicom
import pytest
from structlog.testing import capture_logs

from hilum.domain.errors import ArchiveUnavailable, ObjectExists, ObjectMissing
from hilum.domain.identifiers import ObjectKey
from hilum.domain.instances import Disposition
from tests.instances import an_instance
from tests.unit.ingest.houses import House, a_house, an_arrival


async def _held_and_damaged(house: House, data: bytes, damage: str) -> ObjectKey:
    await house.ingest(an_arrival(data))
    (key,) = house.objects.held
    if damage == "lost":
        del house.objects.held[key]
    else:
        house.objects.held[key] = data[:-7]
    return key


@pytest.mark.parametrize("damage", ["lost", "truncated"])
async def test_a_held_object_that_is_damaged_is_made_whole_by_sending_again(damage: str) -> None:
    data = an_instance(500)
    async with a_house() as house:
        key = await _held_and_damaged(house, data, damage)

        with capture_logs() as logs:
            outcome = await house.ingest(an_arrival(data))

        assert outcome.disposition is Disposition.ALREADY_HELD
        assert house.objects.held == {key: data}
        assert [log["event"] for log in logs] == ["object_healed"]
        house.demand_tidy()


async def test_a_sender_whose_file_cannot_replace_the_lost_one_hears_of_a_failure() -> None:
    data = an_instance(500, SOPInstanceUID="1.2.3")
    async with a_house() as house:
        await _held_and_damaged(house, data, "lost")

        outcome = await house.ingest(an_arrival(_with_longer_header(data)))

        assert outcome.disposition is Disposition.FAILED
        assert isinstance(outcome.error, ObjectMissing)
        assert house.objects.held == {}
        assert house.intents.open == set()


async def test_a_damaged_object_that_cannot_be_looked_at_is_not_acknowledged() -> None:
    data = an_instance(500)
    async with a_house() as house:
        await house.ingest(an_arrival(data))

        async def break_down() -> None:
            house.objects.fault = ArchiveUnavailable("down")

        house.index.after_commit = break_down
        outcome = await house.ingest(an_arrival(data))

        assert outcome.disposition is Disposition.FAILED
        assert isinstance(outcome.error, ArchiveUnavailable)


async def test_an_instance_whose_name_other_bytes_have_gets_another_name() -> None:
    """As with an index restored from an older copy: its next version numbers were given out."""
    data = an_instance(SOPInstanceUID="1.2.3", PatientID="A")
    other = an_instance(SOPInstanceUID="1.2.3", PatientID="B")
    async with a_house() as house, a_house() as older:
        await house.ingest(an_arrival(data))
        (key,) = house.objects.held
        older.objects.held = dict(house.objects.held)

        outcome = await older.ingest(an_arrival(other))

        assert outcome.disposition is Disposition.CREATED
        (row,) = older.index.rows.values()
        assert row.kept.object_key != key
        assert older.objects.held == {key: data, row.kept.object_key: other}
        assert older.intents.open == set()


async def test_an_instance_all_of_whose_names_are_taken_fails_and_removes_nothing() -> None:
    data = an_instance(SOPInstanceUID="1.2.3")
    async with a_house() as house:
        await house.ingest(an_arrival(data))
        (key,) = house.objects.held
        taken = {ObjectKey(key.replace(".1.dcm", f".{1 + block * 1024}.dcm")) for block in range(3)}
    async with a_house() as house:
        house.objects.held = dict.fromkeys(taken, b"of somebody else")

        outcome = await house.ingest(an_arrival(data))

        assert outcome.disposition is Disposition.FAILED
        assert isinstance(outcome.error, ObjectExists)
        assert house.objects.held == dict.fromkeys(taken, b"of somebody else")
        assert house.intents.open == set()


def _with_longer_header(data: bytes) -> bytes:
    """The same data set behind a file meta group with one more element."""
    file = pydicom.dcmread(io.BytesIO(data))
    file.file_meta.SourceApplicationEntityTitle = "ELSEWHERE"
    written = io.BytesIO()
    file.save_as(written, enforce_file_format=True)
    return written.getvalue()
