"""A disk that is really full: senders hear of it, nothing is half kept, room heals it at once."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from bench.client import BOUNDARY, stow_bodies
from bench.instances import ROWS_33_KB, Instance, make_study
from tests.acceptance.crash import feed_of_instances, prove_clean, visible_instances
from tests.served import ServedHilum

_HEADERS = {
    "Accept": "application/dicom+json",
    "Content-Type": f'multipart/related; type="application/dicom"; boundary={BOUNDARY}',
}
_PER_REQUEST = 10
_REQUESTS_UNTIL_FULL = 200


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 32 MiB in memory at the data folder of the server of `tmp_path`."""
    folder = tmp_path / "data"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(folder)]
    try:
        made = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command here")
    if made.returncode:
        pytest.skip("this user may not mount a file system")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_full_disk_is_told_and_room_on_it_heals_the_archive_without_a_restart(
    tmp_path: Path, small_disk: Path
) -> None:
    kept: set[str] = set()
    with (
        ServedHilum(tmp_path, HILUM_STORAGE__RESERVE_BYTES="0") as server,
        requests.Session() as session,
    ):
        full = next(
            answer
            for answer in (_store(session, server, kept) for _ in range(_REQUESTS_UNTIL_FULL))
            if answer.status_code != 200
        )
        while full.status_code == 202:  # some of the last ones found room
            full = _store(session, server, kept)
        assert full.status_code == 503
        assert "pace" in full.text
        assert int(full.headers["Retry-After"]) > 0
        assert visible_instances(session, f"{server.url}/dicom-web") == kept

        subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
        healed = _store(session, server, kept)

        assert healed.status_code == 200, healed.text
        assert visible_instances(session, f"{server.url}/dicom-web") == kept
        assert {uid for uid, _ in feed_of_instances(server)} == kept
        prove_clean(server, "after the disk was full")


def _store(session: requests.Session, server: ServedHilum, kept: set[str]) -> requests.Response:
    instances: list[Instance] = make_study(_PER_REQUEST, ROWS_33_KB)
    (body,) = stow_bodies(instances, _PER_REQUEST)
    answer = session.post(f"{server.url}/dicom-web/studies", body, headers=_HEADERS, timeout=60)
    if answer.status_code in {200, 202}:
        stored = answer.json()["00081199"]["Value"]
        kept.update(one["00081155"]["Value"][0] for one in stored)
    return answer
