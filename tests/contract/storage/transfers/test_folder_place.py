"""A folder as a place of transfers."""

import asyncio
import os
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hilum.adapters.storage.transfers.folder import FolderPlace
from hilum.domain.errors import ObjectMissing
from hilum.domain.transfers import PlaceUnusable
from hilum.ports.transfers import PlacedFile

NAMES = ["a-b/c", "a/b/c", "a/b/d", "a/z", "b", "b.dcm", "ä/ö"]


async def _chunks(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


def _files(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file()]


async def _listed(place: FolderPlace, after: str = "") -> list[str]:
    return [file.name async for file in place.list(after)]


async def _read(place: FolderPlace, name: str) -> bytes:
    return b"".join([chunk async for chunk in place.stream(PlacedFile(name, 1))])


async def test_files_are_put_whole_over_what_was_there(tmp_path: Path) -> None:
    place = FolderPlace(tmp_path)

    await place.put("a/b.dcm", b"first", 5)
    await place.put("a/b.dcm", _chunks(b"sec", b"ond"), 6)

    assert await _read(place, "a/b.dcm") == b"second"
    assert _files(tmp_path) == ["b.dcm"]
    assert place.href("a/b.dcm") == (tmp_path / "a" / "b.dcm").as_uri()


async def test_a_stream_that_breaks_leaves_nothing(tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"first"
        raise ObjectMissing("gone")

    place = FolderPlace(tmp_path)
    await place.put("a", b"before", 6)

    with pytest.raises(ObjectMissing, match="gone"):
        await place.put("a", broken(), 10)

    assert await _read(place, "a") == b"before"
    assert _files(tmp_path) == ["a"]


async def test_files_are_listed_from_anywhere_in_one_order(tmp_path: Path) -> None:
    place = FolderPlace(tmp_path)
    for name in NAMES:
        await place.put(name, b"x", 1)

    everything = await _listed(place)

    assert sorted(everything) == sorted(NAMES)
    for position, name in enumerate(everything):
        assert await _listed(place, name) == everything[position + 1 :]
    assert await _listed(place, "a/b/cc") == everything[everything.index("a/b/d") :]


async def test_nothing_that_leads_out_is_followed(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for folder in (inside, outside):
        folder.mkdir()
        (folder / "file").write_bytes(b"x")
    (inside / "folder-link").symlink_to(outside)
    (inside / "file-link").symlink_to(outside / "file")
    place = FolderPlace(inside)

    assert await _listed(place) == ["file"]
    with pytest.raises(ObjectMissing, match="cannot be read"):
        await _read(place, "file-link")


async def test_files_with_names_that_are_no_utf8_are_listed_and_read(tmp_path: Path) -> None:
    names = ["M\udcfcller/\udce4\udcf6", "M\udcfcller/z", "\\xff", "\\\udcff", "a\\b", "a?"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(os.fsencode(name))
    place = FolderPlace(tmp_path)

    everything = await _listed(place)

    assert "".join(everything).encode()  # for databases, which take no halves of surrogates
    assert sorted([await _read(place, each) for each in everything]) == sorted(
        map(os.fsencode, names)
    )
    for position, name in enumerate(everything):
        assert await _listed(place, name) == everything[position + 1 :]


async def test_what_a_dead_process_left_is_cleared_and_never_listed(tmp_path: Path) -> None:
    place = FolderPlace(tmp_path)
    await place.put("job/a", b"x", 1)
    (tmp_path / "job" / ".hilum-partial-0123").write_bytes(b"half")

    assert await _listed(place) == ["job/a"]
    await place.clear("job")

    assert _files(tmp_path) == ["a"]


async def test_a_folder_that_is_not_there_is_unusable(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(PlaceUnusable, match="Not a directory"):
        await FolderPlace(tmp_path / "file").put("a/b", b"", 0)


async def test_a_folder_that_hangs_takes_no_threads_from_others(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "hangs")  # until somebody writes into it
    with ThreadPoolExecutor(1) as threads:
        place = FolderPlace(tmp_path, threads)
        reading = [asyncio.create_task(_read(place, "hangs")) for _ in range(40)]
        await asyncio.sleep(0)

        assert await asyncio.wait_for(asyncio.to_thread(lambda: "done"), 10) == "done"

        threads.shutdown(wait=False, cancel_futures=True)
        os.close(await asyncio.to_thread(os.open, tmp_path / "hangs", os.O_WRONLY))
        await asyncio.gather(*reading, return_exceptions=True)
