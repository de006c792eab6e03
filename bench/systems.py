"""Start and stop the systems that are compared, each on loopback with a folder of its own."""

import atexit
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class System:
    """A running server: where its DICOMweb root is, and its process for memory readings."""

    name: str
    port: int
    prefix: str
    pid: int
    folder: Path

    @property
    def rss_bytes(self) -> int:
        """Resident memory of the process now."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _process(
    name: str, command: list[str], port: int, prefix: str, folder: Path
) -> Iterator[System]:
    log = (folder / "log.txt").open("wb")
    process = subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT)
    try:
        _wait_until_listening(process, port, folder / "log.txt")
        yield System(name, port, prefix, process.pid, folder)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()


def _wait_until_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    for _ in range(600):
        if process.poll() is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"{process.args!r} did not start:\n{log.read_text()[-2000:]}")


@contextmanager
def _folder(parent: Path | None) -> Iterator[Path]:
    """A new folder, removed when everything was measured.

    For a minute or more after files were removed, ext4 looks past each of their inodes whenever it
    makes a file near by: whoever is measured next would pay for it.
    """
    path = Path(tempfile.mkdtemp(prefix="hilum-bench-", dir=_apart(parent)))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    yield path


@cache
def _apart(parent: Path | None) -> Path:
    """A folder whose own folders ext4 spreads over the disk, away from what was removed before."""
    path = Path(tempfile.mkdtemp(prefix="hilum-bench-", dir=parent))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    if chattr := shutil.which("chattr"):
        subprocess.run([chattr, "+T", str(path)], check=False, stderr=subprocess.DEVNULL)
    return path


@contextmanager
def hilum(parent: Path | None = None, data: Path | None = None) -> Iterator[System]:
    """Start `hilum serve`; with `data`, on a data directory that exists already."""
    with _folder(parent) as folder:
        port = free_port()
        command = [sys.executable, "-m", "hilum", "serve", "--data", str(data or folder / "data")]
        command += ["--port", str(port), "--dimse-port", "0"]
        with _process("Hilum", command, port, "/dicom-web", folder) as system:
            yield system


@contextmanager
def bare(parent: Path | None = None) -> Iterator[System]:
    with _folder(parent) as folder:
        port = free_port()
        command = [sys.executable, "-m", "bench.bare_server", str(port), str(folder)]
        with _process("bare", command, port, "", folder) as system:
            yield system


@contextmanager
def orthanc(parent: Path | None = None) -> Iterator[System]:
    """Start Orthanc with its DICOMweb plugin, SQLite index, and storage flushed to disk."""
    with _folder(parent) as folder:
        port = free_port()
        plugins = sorted(Path("/usr/share/orthanc/plugins").glob("libOrthancDicomWeb.so*"))
        configuration = {
            "StorageDirectory": str(folder / "storage"),
            "IndexDirectory": str(folder / "index"),
            "HttpPort": port,
            "HttpThreadsCount": 8,
            "DicomServerEnabled": False,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "SyncStorageArea": True,
            "StorageCompression": False,
            "OverwriteInstances": False,
            "Plugins": [str(plugins[-1])] if plugins else [],
            "DicomWeb": {"Enable": True, "StudiesMetadata": "Full", "SeriesMetadata": "Full"},
        }
        file = folder / "orthanc.json"
        file.write_text(json.dumps(configuration))
        executable = shutil.which("Orthanc") or "/usr/sbin/Orthanc"
        with _process("Orthanc", [executable, str(file)], port, "/dicom-web", folder) as system:
            yield system
