"""A frame of a gigabyte of frames costs the frame."""

import struct
import time
from pathlib import Path

import httpx
import pytest

from hilum.domain.instances import Arrival, Spooled, StorePolicy
from hilum.domain.origins import Door, Origin
from tests.instances import a_dataset, part10
from tests.served_dicomweb import ServedDicomWeb

UID = "1.2.826.0.1.3680043.10.14"
FRAMES, FRAME_BYTES = 1024, 1 << 20
STORED = {"Accept": "application/octet-stream; transfer-syntax=*"}


def sparse_file(path: Path) -> Spooled:
    """A multi-frame instance of zeros, which takes no space; frames 1 and 1000 say who they are."""
    dataset = a_dataset(
        StudyInstanceUID=UID, SeriesInstanceUID=UID, SOPInstanceUID=UID, Rows=1024, Columns=1024,
        NumberOfFrames=FRAMES, BitsStored=8, PixelData=b"ab",
    )  # fmt: skip
    head = part10(dataset)[:-2]
    length = FRAMES * FRAME_BYTES
    with path.open("wb") as file:
        file.write(head[:-4] + struct.pack("<I", length))
        file.truncate(len(head) + length)
        for number in (1, 1000):
            file.seek(len(head) + (number - 1) * FRAME_BYTES)
            file.write(b"frame %d" % number)
    return Spooled(path, len(head) + length)


def memory_bytes() -> int:
    """Resident memory of this process, in which the server runs."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * 4096


@pytest.mark.slow
def test_a_late_frame_of_a_gigabyte_costs_what_the_first_does(tmp_path: Path) -> None:
    with ServedDicomWeb(tmp_path) as server, server.client() as client:
        arrival = Arrival(
            sparse_file(tmp_path / "spool" / "large"),
            Origin(Door.IMPORT, "tests"),
            StorePolicy("minimal"),
        )
        assert server.run(server.archive.ingest(arrival)).held
        url = f"/dicom-web/studies/{UID}/series/{UID}/instances/{UID}/frames"

        def fetched(number: int) -> httpx.Response:
            response = client.get(f"{url}/{number}", headers=STORED)
            assert response.status_code == 200
            assert len(response.content) == FRAME_BYTES
            return response

        assert fetched(1).content.startswith(b"frame 1\0")
        before = memory_bytes()
        assert fetched(1000).content.startswith(b"frame 1000\0")
        for number in range(1, FRAMES, 10):
            fetched(number)
        assert memory_bytes() - before < 50 << 20

        took: dict[int, list[float]] = {1: [], 1000: []}
        for _ in range(20):
            for number, seconds in took.items():
                began = time.perf_counter()
                fetched(number)
                seconds.append(time.perf_counter() - began)
        assert min(took[1000]) < 2 * min(took[1])
