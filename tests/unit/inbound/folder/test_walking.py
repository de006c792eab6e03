"""What the walk finds below the paths a person names."""

import os
from pathlib import Path

import pytest

from tests.unit.inbound.folder.equipment import Importer


def write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


async def test_every_instance_below_a_folder_is_brought_in(
    importer: Importer, media: Path, instances: list[bytes]
) -> None:
    for number, data in enumerate(instances[:20]):
        write(media / f"{number % 3}" / f"{number % 2}" / f"IM{number}", data)

    report = await importer(media)

    assert report.created == 20
    assert sorted(importer.ingest.held) == sorted(instances[:20])
    assert report.complete


async def test_what_is_no_dicom_is_counted_and_not_complained_about(
    importer: Importer, media: Path, instances: list[bytes]
) -> None:
    write(media / "image.dcm", instances[0])
    write(media / "readme.txt", b"insert the disc and wait")
    write(media / "empty", b"")

    report = await importer(media)

    assert (report.created, report.not_dicom) == (1, 2)
    assert report.complete


async def test_a_named_file_that_is_no_dicom_is_refused(importer: Importer, media: Path) -> None:
    path = write(media / "readme.txt", b"insert the disc and wait")

    report = await importer(path)

    assert not report.complete
    assert [group.reason for group in report.largest_groups()] == ["not a DICOM file"]


async def test_an_instance_without_preamble_is_brought_in(
    importer: Importer, media: Path, instances: list[bytes]
) -> None:
    write(media / "old", instances[0][132:])

    report = await importer(media)

    assert report.created == 1


async def test_folders_that_link_to_each_other_are_walked_once(
    importer: Importer, media: Path, instances: list[bytes]
) -> None:
    write(media / "a" / "1", instances[0])
    (media / "a" / "up").symlink_to(media)
    (media / "b").symlink_to(media / "a")
    (media / "self").symlink_to(media / "self")

    report = await importer(media)

    assert report.created == 1
    assert importer.ingest.seen == 1
    assert [group.examples for group in report.largest_groups()] == [[str(media / "self")]]


async def test_pipes_are_never_opened(
    importer: Importer, media: Path, instances: list[bytes]
) -> None:
    write(media / "1", instances[0])
    os.mkfifo(media / "pipe")

    report = await importer(media)

    assert report.created == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
async def test_a_folder_that_may_not_be_read_is_reported(
    importer: Importer, media: Path, instances: list[bytes]
) -> None:
    write(media / "1", instances[0])
    locked = media / "locked"
    locked.mkdir(mode=0)

    report = await importer(media)
    locked.chmod(0o700)

    assert report.created == 1
    assert [group.examples for group in report.largest_groups()] == [[str(locked)]]


async def test_a_path_that_vanished_is_reported(importer: Importer, media: Path) -> None:
    report = await importer(media / "gone")

    assert report.refused == 1
    assert report.largest_groups()[0].reason == "No such file or directory"


async def test_a_deep_tree_is_walked_as_far_as_the_system_lets(
    importer: Importer, tmp_path: Path, instances: list[bytes]
) -> None:
    write(tmp_path / "deep" / "1", instances[0])
    dig(tmp_path / "deep", levels=20, name="d" * 255)

    report = await importer(tmp_path / "deep")

    assert report.created == 1
    assert [group.reason for group in report.largest_groups()] == ["File name too long"]


def dig(folder: Path, levels: int, name: str) -> None:
    """Make folders within folders, beyond the longest path that can be named."""
    at = os.open(folder, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir(name, dir_fd=at)
        inner = os.open(name, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = inner
    os.close(at)
