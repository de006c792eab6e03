"""The cache of derived objects in a whole server: hits, deletes, new versions, restarts."""

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from hilum.adapters.storage.derived.store import DerivedCache
from hilum.bootstrap.rebuilding import rebuild_archive
from hilum.domain.identifiers import Version
from hilum.settings import Settings
from tests.instances import part10
from tests.served_dicomweb import ServedDicomWeb
from tests.unit.imaging.shown import an_image

STUDY = "1.2.826.0.1.3680043.10.32"
INSTANCE = f"/dicom-web/studies/{STUDY}/series/{STUDY}.1/instances/{STUDY}.1.1"
QUICK = {"deletion": {"delay_seconds": 0, "poll_seconds": 0.05}}


def picture(brightness: int = 0) -> bytes:
    values = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64) + brightness
    uids = {
        "StudyInstanceUID": STUDY,
        "SeriesInstanceUID": f"{STUDY}.1",
        "SOPInstanceUID": f"{STUDY}.1.1",
    }
    return part10(an_image(values, **uids, WindowCenter=2048, WindowWidth=4096))


def files(folder: Path) -> list[Path]:
    return [path for path in folder.glob("derived/archive-*/??/*/*") if path.is_file()]


def reads(client: httpx.Client) -> dict[str, int]:
    """How often the cache answered from where."""
    found = {}
    for line in client.get("/metrics").text.splitlines():
        if line.startswith("hilum_derived_reads_total{"):
            found[line.split('"')[1]] = int(float(line.split()[-1]))
    return found


def eventually(holds: Callable[[], bool]) -> None:
    """Wait for what a worker of the server does by itself."""
    until = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.01)


def counted(server: ServedDicomWeb) -> None:
    """Wait until the cache has counted what it holds: before, nothing is put on the disk."""
    cache = server.archive.derived
    assert isinstance(cache, DerivedCache)
    server.run(cache.swept.wait())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def served(folder: Path) -> Iterator[tuple[ServedDicomWeb, httpx.Client]]:
    with ServedDicomWeb(folder, **QUICK) as server, server.client("*/*") as client:
        server.keep(picture())
        counted(server)
        yield server, client


def test_a_picture_is_drawn_once_and_comes_from_the_cache(
    served: tuple[ServedDicomWeb, httpx.Client], folder: Path
) -> None:
    _, client = served
    first = client.get(f"{INSTANCE}/rendered")
    again = client.get(f"{INSTANCE}/rendered")

    assert first.status_code == again.status_code == 200
    assert first.content == again.content
    assert reads(client) == {"miss": 1, "memory": 1}
    assert len(files(folder)) == 1


def test_another_wish_is_another_picture(
    served: tuple[ServedDicomWeb, httpx.Client], folder: Path
) -> None:
    _, client = served
    pictures = [
        client.get(f"{INSTANCE}/rendered", params=wish).content
        for wish in ({}, {"window": "100,200,linear"}, {"viewport": "32,32"}, {"quality": "10"})
    ]

    assert len(set(pictures)) == len(files(folder)) == 4


def test_it_is_found_on_the_disk_after_a_restart(folder: Path) -> None:
    with ServedDicomWeb(folder, **QUICK) as server, server.client("*/*") as client:
        server.keep(picture())
        counted(server)
        first = client.get(f"{INSTANCE}/rendered").content

    with ServedDicomWeb(folder, **QUICK) as server, server.client("*/*") as client:
        assert client.get(f"{INSTANCE}/rendered").content == first
        assert reads(client) == {"disk": 1}


def test_a_torn_file_is_drawn_again(folder: Path) -> None:
    with ServedDicomWeb(folder, **QUICK) as server, server.client("*/*") as client:
        server.keep(picture())
        counted(server)
        first = client.get(f"{INSTANCE}/rendered").content
    (file,) = files(folder)
    file.write_bytes(file.read_bytes()[:-10])

    with ServedDicomWeb(folder, **QUICK) as server, server.client("*/*") as client:
        assert client.get(f"{INSTANCE}/rendered").content == first
        assert reads(client) == {"damaged": 1}


def test_what_was_made_of_a_deleted_instance_goes_with_it(
    served: tuple[ServedDicomWeb, httpx.Client], folder: Path
) -> None:
    _, client = served
    client.get(f"{INSTANCE}/rendered")
    assert files(folder)

    assert client.delete(f"/dicom-web/studies/{STUDY}").status_code == 204

    assert client.get(f"{INSTANCE}/rendered").status_code == 404
    eventually(lambda: not files(folder))


def test_a_new_version_has_pictures_of_its_own_and_those_of_the_old_one_go(
    served: tuple[ServedDicomWeb, httpx.Client], folder: Path
) -> None:
    server, client = served
    before = client.get(f"{INSTANCE}/rendered").content
    (of_old,) = files(folder)

    server.keep(picture(1000), new_versions=True)
    after = client.get(f"{INSTANCE}/rendered").content

    assert before != after
    eventually(lambda: not of_old.exists())
    assert len(files(folder)) == 1


def test_without_a_cache_everything_works_and_nothing_is_kept(folder: Path) -> None:
    with ServedDicomWeb(folder, **QUICK, derived={"maximum_bytes": 0}) as server:
        server.keep(picture())
        with server.client("*/*") as client:
            pictures = {client.get(f"{INSTANCE}/rendered").content for _ in range(2)}

    assert len(pictures) == 1
    assert files(folder) == []


def test_a_folder_that_cannot_be_used_stops_nothing(folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "occupied"
    place.write_text("a file where the folder should be")

    with ServedDicomWeb(folder, **QUICK, derived={"folder": place}) as server:
        server.keep(picture())
        with server.client("*/*") as client:
            assert client.get(f"{INSTANCE}/rendered").status_code == 200
            assert client.delete(f"/dicom-web/studies/{STUDY}").status_code == 204


def test_what_another_server_deleted_is_found_and_removed(folder: Path) -> None:
    with ServedDicomWeb(folder, **QUICK) as server, server.client("*/*") as client:
        server.keep(picture())
        counted(server)
        client.get(f"{INSTANCE}/rendered")
        cache = server.archive.derived
        assert cache is not None
        server.run(cache.put(Version(999_999), "jpeg", b"of an instance that is gone"))
        assert len(files(folder)) == 2

    with ServedDicomWeb(folder, **QUICK) as server, server.client("*/*") as client:
        eventually(lambda: len(files(folder)) == 1)
        client.get(f"{INSTANCE}/rendered")
        assert reads(client) == {"disk": 1}


def test_after_a_rebuild_the_cache_begins_anew(folder: Path) -> None:
    with ServedDicomWeb(folder, **QUICK) as server, server.client("*/*") as client:
        server.keep(picture())
        counted(server)
        first = client.get(f"{INSTANCE}/rendered").content
    (before,) = files(folder)

    asyncio.run(rebuild_archive(Settings(data_dir=folder)))

    with ServedDicomWeb(folder, **QUICK) as server, server.client("*/*") as client:
        counted(server)
        assert client.get(f"{INSTANCE}/rendered").content == first
        assert reads(client) == {"miss": 1}
    (after,) = files(folder)
    assert before.parents[2] != after.parents[2]
