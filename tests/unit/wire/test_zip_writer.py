import io
import shutil
import subprocess
import zipfile
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.wire.zip_writer import ZipFile, ZipWriter, archive_bytes
from tests.sparse import SparseFile

MOMENT = datetime(2026, 11, 22, 10, 20, 31, tzinfo=UTC)
GIB = 1 << 30

Known = tuple[str, bytes, bool, bool]
"""Name, content, whether its size and whether its checksum is known before it."""


def _archive(files: Sequence[Known]) -> tuple[bytes, list[ZipFile]]:
    writer = ZipWriter(MOMENT)
    pieces, entries = [], []
    for name, content, size_known, sum_known in files:
        crc32 = zlib.crc32(content)
        entry = ZipFile(name, len(content) if size_known else None, crc32 if sum_known else None)
        pieces += [writer.before(entry), content, writer.after(entry, len(content), crc32)]
        entries.append(entry)
    return b"".join([*pieces, *writer.end()]), entries


def _name(number: int) -> str:
    return f"PT000000/ST000000/SE000000/IM{number:06d}"


_FILES = st.lists(st.tuples(st.binary(max_size=50), st.booleans(), st.booleans()), max_size=6)


@settings(deadline=None)
@given(_FILES)
def test_any_files_come_back(contents: list[tuple[bytes, bool, bool]]) -> None:
    files = [
        (_name(number), content, size_known or sum_known, sum_known)
        for number, (content, size_known, sum_known) in enumerate(contents)
    ]

    archive, entries = _archive(files)

    with zipfile.ZipFile(io.BytesIO(archive)) as read:
        assert read.testzip() is None
        assert [(info.filename, read.read(info)) for info in read.infolist()] == [
            (name, content) for name, content, *_ in files
        ]
        assert all(info.date_time == (2026, 11, 22, 10, 20, 30) for info in read.infolist())
    if all(entry.size_bytes is not None for entry in entries):
        assert len(archive) == archive_bytes(entries)


@pytest.mark.parametrize("sum_known", [True, False])
def test_more_files_than_16_bits_count(sum_known: bool) -> None:
    archive, entries = _archive(
        [(_name(number), b"x", True, sum_known) for number in range(65_540)]
    )

    with zipfile.ZipFile(io.BytesIO(archive)) as read:
        assert len(read.infolist()) == 65_540
        assert read.read(_name(65_539)) == b"x"
    assert len(archive) == archive_bytes(entries)


@pytest.mark.parametrize("size_known", [True, False])
def test_offsets_and_sizes_above_4_gib(size_known: bool, tmp_path: Path) -> None:
    sizes = [5 * GIB, 3, 4 * GIB - 1, 4 * GIB - 2, 7]
    entries = [
        ZipFile(_name(number), size if size_known else None) for number, size in enumerate(sizes)
    ]
    writer = ZipWriter(MOMENT)

    with SparseFile(tmp_path / "large.zip") as file:
        for entry, size in zip(entries, sizes, strict=True):
            file.write(writer.before(entry))
            file.skip(size)
            file.write(writer.after(entry, size, zlib.crc32(bytes(size)) if size < 10 else 1))
        for piece in writer.end():
            file.write(piece)

    with zipfile.ZipFile(tmp_path / "large.zip") as read:
        assert [info.file_size for info in read.infolist()] == sizes
        assert (read.read(_name(1)), read.read(_name(4))) == (bytes(3), bytes(7))
    if size_known:
        assert (tmp_path / "large.zip").stat().st_size == archive_bytes(entries)


@pytest.mark.skipif(shutil.which("unzip") is None, reason="unzip is not here")
def test_unzip_finds_nothing_wrong(tmp_path: Path) -> None:
    known = [(True, True), (True, False), (False, False)]
    files = [(_name(number), b"abc" * number, *each) for number, each in enumerate(known)]
    archive, _ = _archive(files)
    (tmp_path / "small.zip").write_bytes(archive)

    done = subprocess.run(
        ["unzip", "-t", str(tmp_path / "small.zip")], capture_output=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, b"")
    assert b"No errors detected" in done.stdout
