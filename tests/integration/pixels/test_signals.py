"""Control-C reaches the whole group of processes; a frame that is being made is still sent."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from tests.ports import free_port
from tests.unit.imaging.oracle import JPEG_LS, images

_READY_SECONDS = 60


def _children(process: int) -> set[int]:
    told = Path(f"/proc/{process}/task/{process}/children").read_text()
    return {int(each) for each in told.split()}


@pytest.mark.slow
def test_an_interrupt_ends_server_and_workers_and_no_request_fails(tmp_path: Path) -> None:
    path, dataset = next(
        (path, dataset) for path, dataset in images() if path.name == "RG1_J2KR.dcm"
    )
    importing = [sys.executable, "-m", "hilum", "import", str(path), "--data", "data"]
    done = subprocess.run(importing, cwd=tmp_path, check=False, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stdout
    port = free_port()
    command = [sys.executable, "-m", "hilum", "serve", "--data", "data", "--port", str(port)]
    made_each_time = {**os.environ, "HILUM_DERIVED__MAXIMUM_BYTES": "0"}
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            [*command, "--dimse-port", "0"],
            cwd=tmp_path,
            env=made_each_time,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            _wait_until_ready(client, server)
            study, series = dataset.StudyInstanceUID, dataset.SeriesInstanceUID
            frame = f"studies/{study}/series/{series}/instances/{dataset.SOPInstanceUID}/frames/1"
            accept = {"Accept": f"image/jls; transfer-syntax={JPEG_LS}"}
            with client.stream("GET", f"/dicom-web/{frame}", headers=accept) as warm:
                assert warm.status_code == 200
                warm.read()
            families = _children(server.pid)
            started = time.monotonic()
            request = client.build_request("GET", f"/dicom-web/{frame}", headers=accept)
            threading.Timer(0.3, os.killpg, (server.pid, signal.SIGINT)).start()
            answer = client.send(request)

        assert answer.status_code == 200
        assert answer.content.endswith(b"\xff\xd9")
        assert time.monotonic() - started > 0.3  # it was interrupted in the middle of the work
        assert server.wait(30) in {0, 130, -signal.SIGINT}
        deadline = time.monotonic() + 20
        while any(Path(f"/proc/{each}").exists() for each in families):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert b"Traceback" not in (tmp_path / "log").read_bytes()
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def _wait_until_ready(client: httpx.Client, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        assert server.poll() is None
        try:
            if client.get("/ready").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    pytest.fail("the server did not get ready")
