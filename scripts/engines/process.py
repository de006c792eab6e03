"""Start a server that outlives us, know it again, stop it with all that it started."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.engines.place import Place, ServicesError

# The server leaves our session, so that no Ctrl-C of ours reaches it. The shell that becomes the
# server writes down its line of /proc: number and start time know it again among reused numbers.
_LAUNCH = 'setsid sh -c \'read -r me </proc/$$/stat; echo "$me" >"$0"; exec "$@"\' "$@" &'
_STATE, _PARENT, _SESSION, _THREADS, _START_TIME = 2, 3, 5, 19, 21  # of proc(5) stat, from 0


@dataclass(frozen=True)
class Launch:
    """A command line, what is added to its environment, and whom it runs as."""

    command: Sequence[str | Path]
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None


def start(place: Place, launch: Launch) -> int:
    """Return the process id; that the server answers is for the caller to await."""
    place.pid_file.unlink(missing_ok=True)
    with place.log.open("ab") as log:
        subprocess.run(
            ["/bin/sh", "-c", _LAUNCH, "sh", place.pid_file, *launch.command],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=place.folder,
            env={**os.environ, **launch.environment},
            **as_user(launch.user),
        )
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if place.pid_file.exists() and (line := place.pid_file.read_text()).endswith("\n"):
            return int(line.split()[0])
        time.sleep(0.01)
    raise ServicesError(f"no process was started; see {place.log}")


def as_user(name: str | None) -> dict[str, Any]:
    """Arguments of `subprocess` that let root run something as somebody else."""
    if name is None or os.geteuid() != 0:
        return {}
    return {"user": name, "group": name, "extra_groups": []}


def running(place: Place) -> int | None:
    """Process id of the server, None when it does not run."""
    try:
        line = place.pid_file.read_text()
    except OSError:
        return None
    if not line.strip():
        return None
    pid = int(line.split()[0])
    now = _fields(pid)
    if now is None or now[_START_TIME] != _split(line)[_START_TIME]:
        return None
    return None if _has_ended(now) else pid


def stop(place: Place, first: signal.Signals, seconds: float = 20) -> None:
    """Ask the server to end, then end it and everything of it that is left."""
    pid = running(place)
    if pid is not None:
        all_of_it = family(pid)
        _signal([pid], first)
        _await_end([pid], seconds)
        _end(all_of_it | family(pid))
    _end(_orphans(place))
    place.pid_file.unlink(missing_ok=True)


def kill(place: Place) -> None:
    """Take the server away between two instructions, as a power cut would."""
    pid = running(place)
    if pid is not None:
        _end(family(pid))
    _end(_orphans(place))
    place.pid_file.unlink(missing_ok=True)


def _end(pids: set[int]) -> None:
    _signal(pids, signal.SIGKILL)
    _await_end(pids, 10)


def _signal(pids: Sequence[int] | set[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def _await_end(pids: Sequence[int] | set[int], seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and any(is_alive(pid) for pid in pids):
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    fields = _fields(pid)
    return fields is not None and not _has_ended(fields)


def _has_ended(fields: list[str]) -> bool:
    # A process whose first thread has ended looks like a zombie while others still hold its ports.
    return fields[_STATE] == "X" or (fields[_STATE] == "Z" and int(fields[_THREADS]) <= 1)


def family(pid: int) -> set[int]:
    """The process, those of its session, and the descendants of all these."""
    everybody = {each: fields for each in _pids() if (fields := _fields(each)) is not None}
    found = {each for each, fields in everybody.items() if int(fields[_SESSION]) == pid}
    if pid in everybody:
        found.add(pid)
    while True:
        more = {each for each, fields in everybody.items() if int(fields[_PARENT]) in found} - found
        if not more:
            return found
        found |= more


def _orphans(place: Place) -> set[int]:
    """Those of the session of a server that is gone."""
    try:
        pid = int(place.pid_file.read_text().split()[0])
    except (OSError, IndexError):
        return set()
    # The number may be another's by now, who may have a session by it.
    return set() if is_alive(pid) else family(pid)


def _pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _fields(pid: int) -> list[str] | None:
    try:
        return _split(Path(f"/proc/{pid}/stat").read_text())
    except OSError:
        return None


def _split(line: str) -> list[str]:
    """Fields of proc(5) stat; the second is a name that may hold blanks and brackets."""
    head, _, tail = line.rpartition(")")
    pid, _, name = head.partition(" (")
    return [pid, name, *tail.split()]
