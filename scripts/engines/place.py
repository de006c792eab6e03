"""Where one engine keeps its data, ports and log, and who may touch them when."""

import fcntl
import json
import os
import random
import shutil
import socket
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# Below the range from which Linux takes the ports of outgoing connections: nobody gets ours by
# chance while an engine is down.
PORTS = range(20_000, 32_000)


class ServicesError(Exception):
    """Something that the caller is told in one line."""


@dataclass(frozen=True)
class Place:
    """The folder of one engine; all its files are below."""

    folder: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def pid_file(self) -> Path:
        return self.folder / "pid"

    @property
    def ready_file(self) -> Path:
        """Address of the engine; there from its first answer until it is stopped."""
        return self.folder / "address"

    @property
    def users(self) -> Path:
        """One file per test session that uses the engine, named by its process."""
        return self.folder / "users"

    @property
    def for_tests(self) -> Path:
        """There when a test session started the engine, which nobody asked to stay."""
        return self.folder / "for-tests"

    def is_used_by(self, user: str) -> bool:
        return bool(user) and (self.users / user).exists()

    def add_user(self, user: str | None) -> None:
        if user:
            self.users.mkdir(exist_ok=True)
            (self.users / user).touch()

    @property
    def port(self) -> int:
        return self.ports["port"]

    @property
    def ports(self) -> dict[str, int]:
        ports: dict[str, int] = json.loads((self.folder / "ports.json").read_text())
        return ports

    def create(self) -> None:
        # Others may pass through but not look: an engine may run as a user of its own.
        self.folder.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
        self.folder.mkdir(mode=0o711, exist_ok=True)

    def take_ports(self, names: Sequence[str], wanted: dict[str, int]) -> None:
        """Remember one free port per name: those wanted, else those of last time, else any."""
        path = self.folder / "ports.json"
        before = self.ports if path.exists() else {}
        chosen = {}
        for name in names:
            if name in wanted:
                chosen[name] = wanted[name]
            elif name in before and is_free(before[name]):
                chosen[name] = before[name]
            else:
                chosen[name] = free_port()
        path.write_text(json.dumps(chosen))

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def lock_file(self) -> Path:
        # Beside the folders, not in them: `down` removes them while others wait for the lock.
        name = str(self.folder.absolute()).strip("/").replace("/", "%")
        return Path(tempfile.gettempdir()) / f"hilum-services-locks-{os.getuid()}" / name

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Let nobody else start or stop the engine meanwhile."""
        self.lock_file.parent.mkdir(mode=0o700, exist_ok=True)
        with self.lock_file.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def is_free(port: int) -> bool:
    """Whether a server could listen on a port of loopback now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    for port in random.sample(PORTS, 200):
        if is_free(port):
            return port
    raise ServicesError("found no free port between 20000 and 32000")


def default_folder() -> Path:
    """What `--dir` is when it is not given."""
    # Hilum takes every HILUM_* for a setting, so the older name cannot be exported beside it.
    told = os.environ.get("SERVICES_OF_HILUM") or os.environ.get("HILUM_SERVICES_DIR")
    return Path(told or Path(tempfile.gettempdir()) / f"hilum-services-{os.getuid()}").absolute()


def cache_folder() -> Path:
    """Downloads and builds, kept between checkouts."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hilum-services"
