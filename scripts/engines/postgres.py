"""PostgreSQL, from Debian."""

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

from scripts.engines.engine import Engine, program
from scripts.engines.place import Place, ServicesError
from scripts.engines.process import Launch, as_user

_PROGRAMS = ("postgres", "initdb", "pg_isready")
_SETTINGS = """
# Added by scripts/services. Flushing stays on: what it says is kept must be kept.
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 400
shared_buffers = 256MB
max_wal_size = 4GB
log_min_messages = warning
"""


class Postgres(Engine):
    name = "postgres"
    title = "PostgreSQL"
    debian = ("postgresql",)
    stop_signal = signal.SIGINT  # "fast": does not wait for its clients to leave

    def missing(self) -> list[str]:
        return [] if all(_program(name) for name in _PROGRAMS) else ["postgresql"]

    def prepare(self, place: Place) -> None:
        # Of one that was killed: its number may be taken, or its process wait for init to reap it.
        (place.data / "postmaster.pid").unlink(missing_ok=True)
        if (place.data / "hilum-initialised").exists():
            return
        if os.geteuid() == 0:
            # It refuses to run as root; the package brings this user.
            subprocess.run(["chown", "postgres:postgres", place.folder], check=True)
            reach = subprocess.run(
                ["ls", "-d", place.folder], capture_output=True, check=False, **_user()
            )
            if reach.returncode != 0:
                raise ServicesError(
                    f"PostgreSQL runs as the user postgres, who may not enter {place.folder}: "
                    "choose another --dir"
                )
        subprocess.run(["rm", "-rf", place.data], check=True)
        done = subprocess.run(
            [
                *(_need("initdb"), "-D", place.data, "-U", "postgres", "-E", "UTF8"),
                *("--locale", "C.UTF-8", "--auth", "trust"),
            ],
            capture_output=True,
            check=False,
            text=True,
            cwd=place.folder,
            **_user(),
        )
        if done.returncode != 0:
            raise ServicesError(f"initdb failed in {place.data}: {done.stderr.strip()}")
        with (place.data / "postgresql.conf").open("a") as file:
            file.write(_SETTINGS)
        (place.data / "hilum-initialised").touch()

    def launch(self, place: Place) -> Launch:
        command = [_need("postgres"), "-D", str(place.data), "-p", str(place.port)]
        return Launch(command, user="postgres")

    def answers(self, place: Place) -> bool:
        command = [_need("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(place.port)]
        command += ["-U", "postgres", "-d", "postgres"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def address(self, place: Place) -> str:
        return f"postgresql://postgres@127.0.0.1:{place.port}/postgres"


def _user() -> dict[str, Any]:
    return as_user("postgres")


def _program(name: str) -> Path | None:
    versions = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parts[-2], reverse=True
    )
    return program(name, *map(str, versions))


def _need(name: str) -> str:
    path = _program(name)
    assert path is not None, name
    return str(path)
