"""An import as a whole: parallel, bounded, resumable, honest about what it could not do."""

import io
import zipfile
from pathlib import Path

import pydicom
import pytest

from hilum.domain.errors import ArchiveFull, ArchiveUnavailable
from hilum.domain.findings import Finding, Severity
from hilum.domain.identifiers import Version
from hilum.domain.instances import Disposition, Outcome
from hilum.inbound.folder.ledger import HeldAs, ImportRunning, Ledger, ledger_path
from tests.filesets import file_set
from tests.unit.inbound.folder.equipment import Importer
from tests.unit.inbound.folder.test_walking import write


async def test_a_second_run_skips_what_was_accepted(
    importer: Importer, media: Path, instances: list[bytes]
) -> None:
    for number in range(10):
        write(media / f"{number}", instances[number])
    with zipfile.ZipFile(media / "z.zip", "w") as archive:
        archive.writestr("10", instances[10])
    await importer(media)
    write(media / "more", instances[11])

    second = await importer(media)

    assert second.skipped_accepted_before == 11
    assert second.created == 1
    assert importer.ingest.seen == 12


async def test_what_the_archive_lost_or_holds_otherwise_is_read_again(
    importer: Importer, media: Path, instances: list[bytes]
) -> None:
    for number, data in enumerate(instances[:3]):
        write(media / f"{number}", data)
    await importer(media, workers=1)
    importer.ingest.held[1] = instances[50]  # the version number is another instance's now
    del importer.ingest.held[2]

    again = await importer(media)

    assert (again.created, again.skipped_accepted_before) == (2, 1)
    assert set(instances[:3]) <= set(importer.ingest.held)


async def test_a_file_that_changed_is_read_again(
    importer: Importer, media: Path, instances: list[bytes]
) -> None:
    path = write(media / "1", instances[0])
    await importer(media)
    write(path, instances[1] + b"\0\0")

    second = await importer(media)

    assert second.created == 1


async def test_what_was_refused_is_tried_again(
    importer: Importer, media: Path, instances: list[bytes]
) -> None:
    write(media / "1", instances[0])
    importer.ingest.answer = lambda _data: Outcome(Disposition.CONFLICT)
    first = await importer(media)
    importer.ingest.answer = lambda _data: None

    second = await importer(media)

    assert (first.refused, second.created) == (1, 1)


async def test_refusals_are_grouped_by_their_reason(
    importer: Importer, media: Path, instances: list[bytes]
) -> None:
    for number in range(12):
        write(media / f"{number:02d}", instances[number])
    finding = Finding("value-missing", Severity.ERROR, 0x0020000D, "The attribute has no value")
    hint = Finding("value-invalid", Severity.WARNING, 0x00100010, "Not shown")
    refused = Outcome(Disposition.REFUSED, findings=[finding, hint])
    importer.ingest.answer = lambda data: None if data == instances[3] else refused

    report = await importer(media)

    (group,) = report.largest_groups()
    assert group.reason == "The attribute has no value (0020,000d)"
    assert group.count == 11
    assert len(group.examples) == 5
    assert (report.created, report.refused) == (1, 11)


async def test_a_large_file_passes_through_the_spool(
    importer: Importer, media: Path, instances: list[bytes]
) -> None:
    large = instances[0] + bytes(5 << 20)
    write(media / "small", instances[1])
    write(media / "large", large)

    report = await importer(media, in_memory_bytes=1 << 20)

    assert report.created == 2
    assert importer.spool.spooled == [len(large)]
    assert report.new_bytes == len(large) + len(instances[1])
    assert report.already_held_bytes == 0


async def test_a_file_beyond_the_limit_is_refused(
    importer: Importer, media: Path, instances: list[bytes]
) -> None:
    write(media / "large", instances[0] + bytes(3 << 20))

    report = await importer(media, in_memory_bytes=1 << 20, file_bytes=2 << 20)

    assert importer.ingest.seen == 0
    assert list(report.groups) == ["larger than 2,097,152 bytes (setting importing.file_bytes)"]


async def test_a_full_archive_ends_the_import_at_once(
    importer: Importer, media: Path, instances: list[bytes]
) -> None:
    for number, data in enumerate(instances):
        write(media / f"{number}", data)
    full = Outcome(Disposition.FAILED, error=ArchiveFull("No space is left."))
    importer.ingest.answer = lambda _data: full if importer.ingest.seen > 10 else None

    report = await importer(media, workers=2)

    assert report.stopped_because == "No space is left."
    assert report.created == 10
    assert importer.ingest.seen <= 12


async def test_an_outage_that_passes_costs_a_wait(
    importer: Importer, media: Path, instances: list[bytes]
) -> None:
    write(media / "1", instances[0])
    locked = Outcome(Disposition.FAILED, error=ArchiveUnavailable("The database is locked."))
    importer.ingest.answer = lambda _data: locked if importer.ingest.seen < 3 else None

    report = await importer(media)

    assert report.created == 1
    assert importer.pauses == [0.2, 1.0]


async def test_an_outage_that_stays_ends_the_import(
    importer: Importer, media: Path, instances: list[bytes]
) -> None:
    for number, data in enumerate(instances):
        write(media / f"{number}", data)
    locked = Outcome(Disposition.FAILED, error=ArchiveUnavailable("The database is locked."))
    importer.ingest.answer = lambda _data: locked

    report = await importer(media, workers=2)

    assert report.stopped_because == "The database is locked."
    assert report.failed < 20


def write_medium(folder: Path, instances: list[bytes]) -> None:
    with file_set() as files:
        for data in instances:
            files.add(pydicom.dcmread(io.BytesIO(data)))
        files.write(folder)


async def test_a_dicomdir_leads_to_its_files_and_nowhere_else(
    importer: Importer, media: Path, instances: list[bytes]
) -> None:
    write_medium(media / "cd", instances[:3])
    write(media / "cd" / "not-listed", instances[50])
    write(media / "outside", instances[51])
    directory = pydicom.dcmread(media / "cd" / "DICOMDIR")
    leaves = [r for r in directory.DirectoryRecordSequence if r.get("ReferencedFileID")]
    leaves[0].ReferencedFileID = ["..", "outside"]
    leaves[1].ReferencedFileID = [part.lower() for part in leaves[1].ReferencedFileID]
    leaves[2].ReferencedFileID = ["NOT", "THERE"]
    directory.save_as(media / "cd" / "DICOMDIR")

    report = await importer(media / "cd" / "DICOMDIR")

    assert report.created == 1
    assert sorted(report.groups) == [
        "a DICOMDIR refers to a file outside its folder",
        "a DICOMDIR refers to a file that is not there",
    ]


async def test_a_dicomdir_that_is_a_link_out_of_its_folder_is_not_followed(
    importer: Importer, media: Path, instances: list[bytes]
) -> None:
    write_medium(media / "cd", instances[:1])
    leaf = next(path for path in (media / "cd").rglob("*") if path.name.startswith("IM"))
    leaf.unlink()
    leaf.symlink_to(write(media / "secret", instances[1]))

    report = await importer(media / "cd" / "DICOMDIR")

    assert report.created == 0
    assert report.refused == 1


async def test_a_folder_with_a_dicomdir_is_walked_without_it(
    importer: Importer, media: Path, instances: list[bytes]
) -> None:
    write_medium(media / "cd", instances[:1])

    report = await importer(media)

    assert (report.created, report.index_files) == (1, 1)
    assert report.complete


def test_a_ledger_that_was_torn_by_a_crash_is_used_up_to_the_tear(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    with Ledger(path) as ledger:
        for number in range(100):
            ledger.accepted(number.to_bytes(16), Version(number + 1), bytes(32))
    path.write_bytes(path.read_bytes()[:-5])

    with Ledger(path) as ledger:
        assert len(ledger) == 99
        assert ledger.held_as((98).to_bytes(16)) == HeldAs(Version(99), bytes(8))
        assert ledger.held_as((99).to_bytes(16)) is None
        ledger.accepted((99).to_bytes(16), Version(100), bytes(32))
    with Ledger(path) as ledger:
        assert ledger.held_as((99).to_bytes(16)) == HeldAs(Version(100), bytes(8))


def test_a_ledger_of_another_kind_starts_anew(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    path.write_bytes(b"something else altogether, longer than a record")

    with Ledger(path) as ledger:
        assert len(ledger) == 0
        ledger.accepted(b"0123456789abcdef", Version(7), b"d" * 32)
        ledger.accepted(b"0123456789abcdef", Version(8), b"e" * 32)
    with Ledger(path) as ledger:
        assert ledger.held_as(b"0123456789abcdef") == HeldAs(Version(8), b"e" * 8)


def test_one_import_of_the_same_paths_runs_at_a_time(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger"), pytest.raises(ImportRunning):
        Ledger(tmp_path / "ledger")


def test_the_ledger_depends_on_the_paths_and_not_on_their_order(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"

    assert ledger_path(tmp_path, [first, second]) == ledger_path(tmp_path, [second, first])
    assert ledger_path(tmp_path, [first]) != ledger_path(tmp_path, [second])
