"""Zip files: read safely or refused with a reason."""

import os
import struct
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from hilum.inbound.folder.report import ImportReport
from hilum.ingest.zip_files import ZipLimits
from tests.unit.inbound.folder.equipment import Importer


def reasons(report: ImportReport) -> list[str]:
    return sorted(report.groups)


async def test_instances_in_nested_folders_of_a_zip_file_are_brought_in(
    importer: Importer, media: Path, instances: list[bytes]
) -> None:
    with zipfile.ZipFile(media / "cd.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number, data in enumerate(instances[:30]):
            archive.writestr(f"DICOM/{number % 4}/IM{number}", data)
        archive.writestr("DICOM/readme.txt", "no image")
        archive.mkdir("empty")

    report = await importer(media)

    assert sorted(importer.ingest.held) == sorted(instances[:30])
    assert report.not_dicom == 1
    assert report.complete


async def test_a_zip_file_is_known_by_its_bytes_not_by_its_name(
    importer: Importer, media: Path, instances: list[bytes]
) -> None:
    with zipfile.ZipFile(media / "export.bin", "w") as archive:
        archive.writestr("1", instances[0])

    report = await importer(media / "export.bin")

    assert report.created == 1


async def test_names_in_a_zip_file_never_become_paths(
    importer: Importer, media: Path, instances: list[bytes]
) -> None:
    with zipfile.ZipFile(media / "slip.zip", "w") as archive:
        archive.writestr("../../../../outside.dcm", instances[0])
        archive.writestr("/etc/outside.dcm", instances[1])

    report = await importer(media)

    assert report.created == 2
    assert list(media.parent.rglob("outside*")) == []
    assert "outside.dcm" not in os.listdir("/etc")  # noqa: PTH208


async def test_a_zip_file_in_a_zip_file_is_not_followed(
    importer: Importer, media: Path, instances: list[bytes]
) -> None:
    with zipfile.ZipFile(media / "inner.zip", "w") as archive:
        archive.writestr("1", instances[0])
    inner = (media / "inner.zip").read_bytes()
    (media / "inner.zip").unlink()
    with zipfile.ZipFile(media / "outer.zip", "w") as archive:
        archive.writestr("inner.zip", inner)

    report = await importer(media)

    assert importer.ingest.seen == 0
    assert reasons(report) == ["zip file inside a zip file: unpack it and import that"]


async def test_a_member_that_expands_too_far_is_refused(
    importer: Importer, media: Path, instances: list[bytes]
) -> None:
    limits = ZipLimits(free_bytes=1 << 20, ratio=100)
    with zipfile.ZipFile(media / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb", instances[0] + bytes(64 << 20))

    report = await importer(media, zip_limits=limits)

    assert importer.ingest.seen == 0
    assert reasons(report) == ["the zip file expands to more than 100 times its size"]


async def test_many_members_over_the_same_bytes_are_a_bomb_too(
    importer: Importer, media: Path, instances: list[bytes]
) -> None:
    """Each member stays below the ratio; together they do not."""
    path = media / "overlap.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("1", instances[0] + bytes(1 << 20))
    repeat_directory_entry(path, 300)

    limits = ZipLimits(free_bytes=1 << 20, ratio=20)

    report = await importer(path, zip_limits=limits)

    assert report.refused > 200
    if _python_refuses_overlap(path):
        assert reasons(report) == ["damaged member of a zip file"]
    else:
        assert "the zip file expands to more than 20 times its size" in reasons(report)


def _python_refuses_overlap(path: Path) -> bool:
    """Newer patch releases of every Python do, before a byte is read."""
    with zipfile.ZipFile(path) as archive:
        try:
            archive.open(archive.infolist()[-1]).close()
        except zipfile.BadZipFile:
            return True
    return False


async def test_an_image_of_nothing_may_compress_well(
    importer: Importer, media: Path, instances: list[bytes]
) -> None:
    with zipfile.ZipFile(media / "black.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("black", instances[0] + bytes(8 << 20))

    report = await importer(media)

    assert report.created == 1


async def test_a_member_larger_than_allowed_is_refused_by_its_own_word_or_by_counting(
    importer: Importer, media: Path, instances: list[bytes]
) -> None:
    path = media / "large.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("honest", instances[0] + bytes(100_000))
        archive.writestr("liar", instances[1] + bytes(100_000))
    understate_size(path, "liar")

    report = await importer(path, zip_limits=ZipLimits(member_bytes=100_000))

    assert importer.ingest.held == []
    assert report.refused == 2


async def test_a_directory_of_too_many_members_is_refused_before_it_is_used(
    importer: Importer, media: Path, instances: list[bytes]
) -> None:
    with zipfile.ZipFile(media / "many.zip", "w") as archive:
        for number in range(50):
            archive.writestr(f"{number}", instances[0])

    few = await importer(media, zip_limits=ZipLimits(members=49))
    small = await importer(media, zip_limits=ZipLimits(directory_bytes=500))

    assert reasons(few) == ["the zip file has more than 49 members"]
    assert reasons(small) == ["the directory of the zip file is larger than 500 bytes"]


@pytest.mark.parametrize("cut", [5, 30, 60])
async def test_a_zip_file_that_was_cut_short_is_reported(
    importer: Importer, media: Path, instances: list[bytes], cut: int
) -> None:
    path = media / "cut.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("1", instances[0])
    path.write_bytes(path.read_bytes()[:-cut])

    report = await importer(path)

    assert reasons(report) == ["damaged zip file: its directory is missing (cut short?)"]


async def test_a_damaged_member_does_not_end_the_import(
    importer: Importer, media: Path, instances: list[bytes]
) -> None:
    path = media / "damaged.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("1", instances[0])
        archive.writestr("2", instances[1])
    data = bytearray(path.read_bytes())
    data[2000] ^= 0xFF
    path.write_bytes(data)

    report = await importer(path)

    assert importer.ingest.held == [instances[1]]
    assert reasons(report) == ["damaged member of a zip file"]


async def test_encrypted_and_strangely_compressed_members_are_refused(
    importer: Importer, media: Path, instances: list[bytes]
) -> None:
    path = media / "secret.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("1", instances[0], zipfile.ZIP_LZMA)
        archive.writestr("2", instances[1])
    set_flag(path, "2", 0x1)

    report = await importer(path)

    assert reasons(report) == [
        "encrypted member of a zip file",
        "member of a zip file with a compression other than deflate",
    ]


def test_random_damage_never_raises_anything_else(media: Path, instances: list[bytes]) -> None:
    import random

    from hilum.inbound.folder.candidates import Candidate, Refused
    from hilum.inbound.folder.zip_members import zip_candidates

    path = media / "fuzz.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            archive.writestr(f"a/{number}", instances[number][:3000])
    whole = path.read_bytes()
    chance = random.Random(7)
    for _ in range(400):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        path.write_bytes(data[: chance.choice([len(data), chance.randrange(len(data))])])
        for found in zip_candidates(path, ZipLimits()):
            if isinstance(found, Candidate):
                try:
                    with closing(found.open()) as stream:
                        while stream.read(65_536):
                            pass
                except Refused:
                    pass
                finally:
                    found.release()


def _central(data: bytes, name: str) -> int:
    """Where the central directory entry of a member starts."""
    at = -1
    while (at := data.find(b"PK\x01\x02", at + 1)) >= 0:
        if data[at + 46 : at + 46 + len(name)] == name.encode():
            return at
    raise AssertionError(name)


def set_flag(path: Path, name: str, flag: int) -> None:
    data = bytearray(path.read_bytes())
    data[_central(data, name) + 8] |= flag
    path.write_bytes(data)


def understate_size(path: Path, name: str) -> None:
    data = bytearray(path.read_bytes())
    struct.pack_into("<L", data, _central(data, name) + 24, 10)
    path.write_bytes(data)


def repeat_directory_entry(path: Path, times: int) -> None:
    """Name the same member many times in the central directory."""
    data = path.read_bytes()
    end = data.rfind(b"PK\x05\x06")
    start = struct.unpack_from("<L", data, end + 16)[0]
    directory = data[start:end] * times
    tail = bytearray(data[end:])
    struct.pack_into("<HHLL", tail, 8, times, times, len(directory), start)
    path.write_bytes(data[:start] + directory + tail)
