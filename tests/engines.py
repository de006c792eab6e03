"""Servers of others for tests: one of each shared by all, or one of one's own to kill.

    url = address("postgres")            # shared: use a database (topic, bucket) of your own in it

    with own("kafka") as kafka:          # private: on free ports, with data of its own
        kafka.kill(); kafka.start()      # same ports, same data

`address` gives, by name:

| name     | form                                                                     |
|----------|--------------------------------------------------------------------------|
| postgres | postgresql://postgres@127.0.0.1:PORT/postgres, a superuser               |
| redis    | redis://127.0.0.1:PORT/0                                                 |
| rabbitmq | amqp://guest:guest@127.0.0.1:PORT/                                       |
| kafka    | 127.0.0.1:PORT, the bootstrap server                                     |
| s3       | http://KEY:SECRET@127.0.0.1:PORT, in region us-east-1; see `Endpoint`    |
| azure    | http://ACCOUNT:KEY@127.0.0.1:PORT, of which `Endpoint` gives the parts   |
| gcs      | http://127.0.0.1:PORT, without credentials                               |
| orthanc  | http://127.0.0.1:PORT; DIMSE port: `ports("orthanc")["dicom"]`            |

What a session of tests started is stopped when the last session that uses it ends (conftest.py).
"""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NoReturn
from urllib.parse import unquote, urlsplit

import pytest

from scripts.engines import azure, gcs, private, process, s3
from scripts.engines.engine import Engine
from scripts.engines.place import Place, ServicesError, default_folder
from scripts.engines.registry import ENGINES

SESSION = "SESSION_OF_HILUM_TESTS"
"""Environment variable with the process id of the session's first process."""


def address(name: str) -> str:
    """Start the shared engine where it does not run; skip the test (in CI: fail) without it."""
    place = Place(default_folder() / name)
    try:
        return ENGINES[name].up(place, user=os.environ.get(SESSION))[0]
    except ServicesError as error:
        _do_without(error)


def ports(name: str) -> dict[str, int]:
    """Ports of the shared engine, by name: of Orthanc `port` (HTTP) and `dicom`."""
    address(name)
    return Place(default_folder() / name).ports


@dataclass(frozen=True)
class Endpoint:
    """The parts of an address of an object store."""

    url: str
    key: str
    secret: str

    @classmethod
    def of(cls, found: str) -> "Endpoint":
        parts = urlsplit(found)
        return cls(
            f"{parts.scheme}://{parts.hostname}:{parts.port}",
            unquote(parts.username or ""),
            unquote(parts.password or ""),
        )


def bucket(name: str = "s3") -> str:
    """Create a bucket of a new name on a shared server (s3, azure, gcs); return the name."""
    made = f"test-{uuid.uuid4().hex}"
    make = {"s3": s3.make_bucket, "azure": azure.make_container, "gcs": gcs.make_bucket}[name]
    make(address(name), made)
    return made


@dataclass
class Own:
    """An engine that belongs to one test."""

    engine: Engine
    place: Place
    address: str = ""
    _ports: dict[str, int] = field(default_factory=dict)
    """Empty at first: any free ones, never the usual ones, which several would want at once."""

    @property
    def ports(self) -> dict[str, int]:
        return self.place.ports

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return process.running(self.place)

    def start(self) -> str:
        """Start it where it does not run, with the ports and data it had; return its address."""
        self.address, _ = self.engine.up(self.place, ports=self._ports)
        self._ports = self.place.ports
        return self.address

    def kill(self) -> None:
        """SIGKILL to all its processes: no goodbye to anybody, nothing flushed."""
        process.kill(self.place)

    def stop(self) -> None:
        """Let it end in order."""
        process.stop(self.place, self.engine.stop_signal)

    def restart(self) -> None:
        """Kill it and start it again."""
        self.kill()
        self.start()


@contextmanager
def own(name: str | Engine) -> Iterator[Own]:
    """A private engine, started, of one's own making if given; gone with its data afterwards."""
    engine = ENGINES[name] if isinstance(name, str) else name
    mine = Own(engine, private.private_place(engine, os.getpid()))
    try:
        try:
            mine.start()
        except ServicesError as error:
            _do_without(error)
        yield mine
    finally:
        private.end(mine.place)


def release() -> None:
    """Tell that this session uses no shared engine any more; stop those that nobody uses."""
    session = os.environ.get(SESSION, "")
    private.sweep(ENGINES)
    for name, engine in ENGINES.items():
        engine.release(Place(default_folder() / name), session)


def _do_without(error: ServicesError) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(str(error), pytrace=False)
    pytest.skip(str(error))
