"""What becomes of a data set that arrives by C-STORE, and which status the sender hears."""

import asyncio
from pathlib import Path

import pytest
import structlog

from hilum.domain.errors import ArchiveFull, ArchiveUnavailable, HilumError
from hilum.domain.implementation import IMPLEMENTATION_CLASS_UID
from hilum.domain.instances import OnConflict
from hilum.domain.origins import Door
from tests.peers.dimse_archive import DimseArchive, dimse_archive, until
from tests.peers.instances import a_ct_instance, dataset_bytes, split
from tests.peers.scripted_dimse import (
    CT_IMAGE_STORAGE,
    DATASET,
    EXPLICIT_LITTLE,
    LAST_COMMAND,
    LAST_DATASET,
    VERIFICATION,
    p_data,
    parse_response,
    pdv,
    scripted_peer,
    status_in,
    store_command,
)


async def test_the_kept_file_is_our_head_and_the_data_set_as_it_came(archive: DimseArchive) -> None:
    instance = a_ct_instance()
    data = dataset_bytes(instance)

    async with scripted_peer(archive.port) as peer:
        await peer.associate(calling="MODALITY")
        response = await peer.store(instance.SOPInstanceUID, data)

    head, kept = split(archive.kept(instance.SOPInstanceUID))
    assert status_in(response) == 0x0000
    assert kept == data
    assert head.startswith(bytes(128) + b"DICM")
    assert IMPLEMENTATION_CLASS_UID.encode() in head
    assert b"MODALITY" in head
    assert instance.SOPInstanceUID.encode() in head
    assert EXPLICIT_LITTLE.encode() in head


async def test_the_origin_names_door_peer_association_and_message(archive: DimseArchive) -> None:
    async with scripted_peer(archive.port) as peer:
        await peer.associate(calling="MODALITY")
        for _ in range(2):
            instance = a_ct_instance()
            await peer.store(instance.SOPInstanceUID, dataset_bytes(instance))

    first, second = (row.kept.origin for row in archive.index.rows.values())
    association, message = first.correlation_id.rsplit("-", 1)
    assert (first.door, first.peer) == (Door.C_STORE, "MODALITY@127.0.0.1")
    assert message == "1"
    assert second.correlation_id == f"{association}-2"


async def test_the_same_data_set_twice_is_a_success_and_kept_once(archive: DimseArchive) -> None:
    instance = a_ct_instance()

    async with scripted_peer(archive.port) as peer:
        await peer.associate()
        for _ in range(2):
            response = await peer.store(instance.SOPInstanceUID, dataset_bytes(instance))
            assert status_in(response) == 0x0000

    assert len(archive.index.entries) == 1
    assert len(archive.objects.held) == 1


@pytest.mark.parametrize(
    ("on_conflict", "status", "versions"),
    [(OnConflict.REFUSE, 0x0111, 1), (OnConflict.NEW_VERSION, 0x0000, 2)],
)
async def test_other_content_under_the_same_uid_is_treated_as_configured(
    tmp_path: Path, on_conflict: OnConflict, status: int, versions: int
) -> None:
    instance = a_ct_instance()
    async with (
        dimse_archive(tmp_path, on_conflict=on_conflict) as archive,
        scripted_peer(archive.port) as peer,
    ):
        await peer.associate()
        await peer.store(instance.SOPInstanceUID, dataset_bytes(instance))
        instance.PatientID = "OTHER"

        response = await peer.store(instance.SOPInstanceUID, dataset_bytes(instance))

        assert status_in(response) == status
        assert len(archive.index.entries) == versions


async def test_a_data_set_without_study_is_refused_by_name_of_the_element(
    archive: DimseArchive,
) -> None:
    instance = a_ct_instance()
    del instance.StudyInstanceUID

    async with scripted_peer(archive.port) as peer:
        await peer.associate()
        response = await peer.store(instance.SOPInstanceUID, dataset_bytes(instance))

    elements = parse_response(response)
    assert status_in(response) == 0xA900
    assert elements[0x0901] == bytes((0x20, 0, 0x0D, 0))
    assert b"(0020,000d)" in elements[0x0902]


@pytest.mark.parametrize("attribute", ["SOPClassUID", "SOPInstanceUID"])
async def test_a_data_set_that_is_not_the_announced_instance_is_refused(
    archive: DimseArchive, attribute: str
) -> None:
    instance = a_ct_instance()
    announced = instance.SOPInstanceUID
    setattr(instance, attribute, "1.2.840.10008.5.1.4.1.1.4")

    async with scripted_peer(archive.port) as peer:
        await peer.associate()
        response = await peer.store(announced, dataset_bytes(instance))

    assert status_in(response) == 0xA900
    assert b"announced" in parse_response(response)[0x0902]
    assert archive.objects.held == {}


async def test_a_cut_data_set_cannot_be_understood(archive: DimseArchive) -> None:
    instance = a_ct_instance()

    async with scripted_peer(archive.port) as peer:
        await peer.associate()
        response = await peer.store(instance.SOPInstanceUID, dataset_bytes(instance)[:-20])

    assert status_in(response) == 0xC000
    assert parse_response(response)[0x0901] == bytes((0xE0, 0x7F, 0x10, 0))


@pytest.mark.parametrize("uid", ["1.2.x", "../../etc/passwd", "", "1." * 40 + "1"])
async def test_an_instance_uid_that_is_none_is_refused(archive: DimseArchive, uid: str) -> None:
    async with scripted_peer(archive.port) as peer:
        await peer.associate()
        response = await peer.store(uid, dataset_bytes(a_ct_instance()))

    assert status_in(response) == 0x0117
    assert archive.objects.held == {}


async def test_a_class_that_is_not_that_of_the_context_is_refused(archive: DimseArchive) -> None:
    instance = a_ct_instance()

    async with scripted_peer(archive.port) as peer:
        await peer.associate([(VERIFICATION, (EXPLICIT_LITTLE,))])
        response = await peer.store(instance.SOPInstanceUID, dataset_bytes(instance))

    assert status_in(response) == 0x0122
    assert archive.objects.held == {}


@pytest.mark.parametrize("error", [ArchiveFull("No space."), ArchiveUnavailable("Read-only.")])
async def test_an_outage_is_told_and_heals_on_the_same_association(
    archive: DimseArchive, error: HilumError
) -> None:
    instance = a_ct_instance()

    async with scripted_peer(archive.port) as peer:
        await peer.associate()
        archive.objects.fault = error
        refused = await peer.store(instance.SOPInstanceUID, dataset_bytes(instance))
        archive.objects.fault = None
        kept = await peer.store(instance.SOPInstanceUID, dataset_bytes(instance))

    assert status_in(refused) == 0xA700
    assert status_in(kept) == 0x0000


async def test_a_spool_that_cannot_be_written_is_told_after_the_whole_data_set(
    tmp_path: Path,
) -> None:
    instance = a_ct_instance(rows=4096)
    async with (
        dimse_archive(tmp_path, memory_dataset_bytes=10_000) as archive,
        scripted_peer(archive.port) as peer,
    ):
        await peer.associate()
        archive.spool_folder.rename(tmp_path / "moved away")

        response = await peer.store(instance.SOPInstanceUID, dataset_bytes(instance))

        assert status_in(response) == 0xA700


async def test_an_archive_that_does_not_answer_is_given_up(tmp_path: Path) -> None:
    instance = a_ct_instance()
    async with (
        dimse_archive(tmp_path, store_seconds=0.2) as archive,
        scripted_peer(archive.port) as peer,
    ):
        await peer.associate()
        gate = asyncio.Event()
        archive.objects.before_put = gate.wait  # type: ignore[assignment]
        response = await peer.store(instance.SOPInstanceUID, dataset_bytes(instance))
        gate.set()

        assert status_in(response) == 0xA700


async def test_a_data_set_beyond_the_limit_is_heard_out_and_refused(tmp_path: Path) -> None:
    instance = a_ct_instance(rows=4096)
    async with (
        dimse_archive(tmp_path, dataset_bytes=50_000, memory_dataset_bytes=10_000) as archive,
        scripted_peer(archive.port) as peer,
    ):
        await peer.associate()
        response = await peer.store(instance.SOPInstanceUID, dataset_bytes(instance))

        assert status_in(response) == 0xC001
        assert b"dimse.dataset_bytes" in parse_response(response)[0x0902]
        assert archive.spooled_files == []


async def test_a_large_data_set_goes_through_the_spool(tmp_path: Path) -> None:
    instance = a_ct_instance(rows=60_000)
    data = dataset_bytes(instance)
    async with (
        dimse_archive(tmp_path, memory_dataset_bytes=10_000) as archive,
        scripted_peer(archive.port) as peer,
    ):
        await peer.associate()
        response = await peer.store(instance.SOPInstanceUID, data)

        assert status_in(response) == 0x0000
        assert split(archive.kept(instance.SOPInstanceUID))[1] == data
        await until(lambda: not archive.spooled_files)


async def test_a_request_without_data_set_is_answered(archive: DimseArchive) -> None:
    request = store_command("1.2.3").replace(b"\x00\x08\x02\0\0\0\1\0", b"\x00\x08\x02\0\0\0\1\1")

    async with scripted_peer(archive.port) as peer:
        await peer.associate()
        await peer.send(p_data(pdv(LAST_COMMAND, request)))
        _, body = await peer.receive()

    assert status_in(body) == 0xC000


async def test_ten_thousand_tiny_fragments_are_one_data_set(archive: DimseArchive) -> None:
    instance = a_ct_instance(rows=600)
    data = dataset_bytes(instance)
    fragments = [data[start : start + 1] for start in range(len(data))]
    stream = p_data(pdv(LAST_COMMAND, store_command(instance.SOPInstanceUID)))
    for start in range(0, len(fragments) - 1, 500):
        stream += p_data(*(pdv(DATASET, each) for each in fragments[start : start + 500]))
    stream += p_data(pdv(LAST_DATASET, b""))

    async with scripted_peer(archive.port) as peer:
        await peer.associate()
        await peer.send(stream)
        _, body = await peer.receive()

    assert len(fragments) > 10_000
    assert status_in(body) == 0x0000
    assert split(archive.kept(instance.SOPInstanceUID))[1] == data


async def test_a_response_is_split_for_a_peer_with_small_pdus(archive: DimseArchive) -> None:
    instance = a_ct_instance()
    async with scripted_peer(archive.port) as peer:
        await peer.associate(maximum_length=64)
        await peer.send(p_data(pdv(LAST_COMMAND, store_command(instance.SOPInstanceUID))))
        await peer.send(p_data(pdv(LAST_DATASET, dataset_bytes(instance))))
        controls, command = [], b""
        while not controls or controls[-1] != LAST_COMMAND:
            _, body = await peer.receive()
            assert len(body) <= 64
            controls.append(body[5])
            command += body[6:]

    assert set(controls[:-1]) == {1}
    assert status_in(bytes(6) + command) == 0x0000


async def test_stores_are_logged_without_patient_data(archive: DimseArchive) -> None:
    instance = a_ct_instance(patient_id="SECRET-ID")
    with structlog.testing.capture_logs() as events:
        async with scripted_peer(archive.port) as peer:
            await peer.associate(calling="MODALITY")
            await peer.store(instance.SOPInstanceUID, dataset_bytes(instance))
            instance.PatientName = "Changed^Name"
            await peer.store(instance.SOPInstanceUID, dataset_bytes(instance))
        await until(lambda: archive.meter.closed.total() == 1)

    stores = [event for event in events if event["event"] == "c_store"]
    assert [event["status"] for event in stores] == ["0x0000", "0x0111"]
    assert [event["peer"] for event in stores] == ["MODALITY@127.0.0.1"] * 2
    assert "association_accepted" in {event["event"] for event in events}
    for secret in ("SECRET-ID", "Changed", "Instance^"):
        assert secret not in str(events)


async def test_the_archive_knows_where_the_data_set_begins(archive: DimseArchive) -> None:
    instance = a_ct_instance()
    async with scripted_peer(archive.port) as peer:
        await peer.associate([(CT_IMAGE_STORAGE, (EXPLICIT_LITTLE,))])
        await peer.store(instance.SOPInstanceUID, dataset_bytes(instance))

    (row,) = archive.index.rows.values()
    assert row.kept.size_bytes == len(archive.kept(instance.SOPInstanceUID))
    assert row.kept.description.dataset_offset == len(
        split(archive.kept(instance.SOPInstanceUID))[0]
    )
