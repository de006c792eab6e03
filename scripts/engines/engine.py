"""What every engine has in common: brought up once, however many ask at once; brought down."""

import http.client
import os
import signal
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

from scripts.engines import process
from scripts.engines.place import Place, ServicesError, is_free
from scripts.engines.process import Launch

_PROBE_SECONDS = 2


class Engine:
    """One server of others. Subclasses say how it is had, set up, run, and asked if it works."""

    name: ClassVar[str]
    title: ClassVar[str]
    port_names: ClassVar[Sequence[str]] = ("port",)
    start_seconds: ClassVar[float] = 60
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    debian: ClassVar[Sequence[str]] = ()
    """Packages of Debian that bring it, as far as they do."""

    def missing(self) -> Sequence[str]:
        """What is not there, by the names under which it would be installed."""
        raise NotImplementedError

    def fetch(self) -> None:
        """Get what no Debian package brings; done when `missing` says so."""

    def prepare(self, place: Place) -> None:
        """Write the configuration; initialise data where there is none yet."""

    def launch(self, place: Place) -> Launch:
        raise NotImplementedError

    def answers(self, place: Place) -> bool:
        """Whether it serves now; may raise OSError instead of saying no."""
        raise NotImplementedError

    def address(self, place: Place) -> str:
        """What a client is given to connect."""
        raise NotImplementedError

    def remarks(self, place: Place) -> str:
        """What else people may want to know of it."""
        return self.address(place)

    def wanted_ports(self) -> dict[str, int]:
        """Ports to take when the caller wants none in particular."""
        return {}

    # Life, the same for all.

    def current(self, place: Place) -> str | None:
        """Address of the engine when it runs and has answered, else None; needs no lock."""
        if process.running(place) is None:
            return None
        try:
            return place.ready_file.read_text() or None
        except OSError:
            return None

    def up(
        self, place: Place, ports: dict[str, int] | None = None, user: str | None = None
    ) -> tuple[str, bool]:
        """Return its address once it answers, and whether it was this call that started it.

        `user` is the process id of a test session: the last that is released stops what the first
        one started.
        """
        if (address := self.current(place)) is not None and (not user or place.is_used_by(user)):
            return address, False
        with place.locked():
            if (address := self.current(place)) is not None:
                place.add_user(user)
                return address, False
            if absent := self.missing():
                raise ServicesError(
                    f"{self.title} is not installed ({', '.join(absent)} missing): "
                    f"run scripts/services install {self.name}"
                )
            address = self._start(place, ports)
            place.for_tests.touch() if user else place.for_tests.unlink(missing_ok=True)
            place.add_user(user)
            return address, True

    def _start(self, place: Place, ports: dict[str, int] | None) -> str:
        # Somebody may have killed it, or been killed while it started: begin with a clean table.
        process.stop(place, self.stop_signal)
        place.ready_file.unlink(missing_ok=True)
        place.create()
        for last in (False, True):
            place.take_ports(self.port_names, self.wanted_ports() if ports is None else ports)
            self.prepare(place)
            process.start(place, self.launch(place))
            if self.await_answer(place):
                address = self.address(place)
                place.ready_file.write_text(address)
                return address
            stolen = process.running(place) is None and not all(
                is_free(port) for port in place.ports.values()
            )
            process.stop(place, self.stop_signal)
            # Between our look at a port and its use somebody else may have taken it.
            if last or ports or not stolen:
                break
        tail = place.log.read_text(errors="replace").splitlines()[-15:]
        raise ServicesError(
            "\n".join([f"{self.title} did not start; its log is {place.log}:", *tail])
        )

    def await_answer(self, place: Place, answers: Callable[[], bool] | None = None) -> bool:
        """Wait until it answers; False when it ended or took too long."""
        end = time.monotonic() + self.start_seconds
        while time.monotonic() < end:
            if process.running(place) is None:
                return False
            try:
                if answers() if answers else self.answers(place):
                    return True
            except OSError:
                pass
            time.sleep(0.05)
        return False

    def down(self, place: Place) -> bool:
        """Stop it and remove its data; return whether it ran."""
        with place.locked():
            ran = process.running(place) is not None
            process.stop(place, self.stop_signal)
            place.remove()
            return ran

    def release(self, place: Place, user: str) -> bool:
        """Stop it when a test session started it and none uses it any more; return whether."""
        if not place.is_used_by(user):
            return False
        with place.locked():
            (place.users / user).unlink(missing_ok=True)
            if self.users(place) or not place.for_tests.exists():
                return False
            process.stop(place, self.stop_signal)
            place.remove()
            return True

    def users(self, place: Place) -> list[int]:
        """Test sessions that use it now."""
        try:
            found = [int(path.name) for path in place.users.iterdir()]
        except OSError:
            return []
        return [pid for pid in found if process.is_alive(pid)]


def ask(port: int, question: bytes, size: int = 4096) -> bytes:
    """Send a question to loopback and return the beginning of the answer."""
    with socket.create_connection(("127.0.0.1", port), _PROBE_SECONDS) as connection:
        connection.sendall(question)
        return connection.recv(size)


def make(
    address: str, method: str, path: str, body: str = "", headers: Mapping[str, str] | None = None
) -> None:
    """Have the HTTP server that `address` names make something; what is there already stays."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=30)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        said = answer.read().decode(errors="replace")
    finally:
        connection.close()
    if answer.status not in (200, 201, 409):
        raise ServicesError(f"{method} {path} was answered {answer.status} {said}")


def program(name: str, *folders: str) -> Path | None:
    """Find a program; Debian keeps daemons in folders that are not on everybody's PATH."""
    for folder in [*os.get_exec_path(), "/usr/sbin", "/usr/local/sbin", *folders]:
        path = Path(folder) / name
        # In this order: asking what a thing is in a folder of somebody else raises.
        if os.access(path, os.X_OK) and path.is_file():
            return path
    return None
