"""Servers of others: started once, known again, healed, and gone when nobody uses them."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scripts.engines import private, process
from scripts.engines.engine import ask
from scripts.engines.place import Place, ServicesError, is_free
from scripts.engines.redis import Redis
from scripts.engines.registry import ENGINES
from tests.engines import own
from tests.integration.services.script import services


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """Where a Redis, the quickest of all, may be started."""
    if Redis().missing():
        pytest.skip("Redis is not installed: run scripts/services install redis")
    place = Place(tmp_path / "services" / "redis")
    yield place
    Redis().down(place)
    place.lock_file.unlink(missing_ok=True)


def say(place: Place, command: str) -> str:
    return ask(place.port, command.encode() + b"\r\n").decode().strip()


@pytest.mark.slow
@pytest.mark.parametrize("name", ENGINES)
def test_every_engine_comes_back_where_it_was_after_a_kill(name: str) -> None:
    with own(name) as engine:
        before, pid, ports = engine.address, engine.pid, engine.ports
        family = process.family(pid or 0)

        engine.kill()

        assert engine.pid is None
        assert not [each for each in family if process.is_alive(each)], "all of it is gone"
        assert all(is_free(port) for port in ports.values())
        assert engine.start() == before
        assert engine.pid != pid
        folder = engine.place.folder
    assert not folder.parent.exists()
    assert all(is_free(port) for port in ports.values())


def test_many_callers_at_once_start_one_server(place: Place) -> None:
    command = ("up", "redis", "--dir", str(place.folder.parent))
    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(lambda _: services(*command), range(6)))

    assert [each.returncode for each in done] == [0] * 6
    said = [each.stdout for each in done]
    assert sum("runs already" not in each for each in said) == 1
    assert len({each.replace(" already", "") for each in said}) == 1, "one process, one address"


def test_a_killed_server_is_started_again_with_its_port_and_data(place: Place) -> None:
    address, _ = Redis().up(place)
    assert say(place, "SET kept yes") == "+OK"
    pid = process.running(place)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)

    again = services("up", "redis", "--dir", str(place.folder.parent))

    assert again.returncode == 0
    assert "already" not in again.stdout
    assert Redis().current(place) == address
    assert say(place, "GET kept").endswith("yes")


def test_a_reused_process_number_is_not_taken_for_the_server(place: Place) -> None:
    Redis().up(place)
    line = place.pid_file.read_text().split()
    process.kill(place)
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        place.pid_file.write_text(" ".join([str(bystander.pid), *line[1:]]) + "\n")

        assert Redis().current(place) is None
        Redis().up(place)
        pid = process.running(place)
        Redis().down(place)

        assert pid not in (None, bystander.pid)
        assert bystander.poll() is None, "somebody else's process is left alone"
    finally:
        bystander.kill()
        bystander.wait()


def test_a_port_that_was_taken_meanwhile_is_given_up(place: Place) -> None:
    before, _ = Redis().up(place)
    port = place.port
    process.kill(place)
    with socket.socket() as thief:
        thief.bind(("127.0.0.1", port))
        thief.listen()

        after, _ = Redis().up(place)

    assert after != before
    assert say(place, "PING") == "+PONG"


def test_a_server_that_cannot_start_shows_its_log(place: Place) -> None:
    with socket.socket() as thief:
        thief.bind(("127.0.0.1", 0))
        thief.listen()
        with pytest.raises(ServicesError, match="did not start") as raised:
            Redis().up(place, ports={"port": thief.getsockname()[1]})

    assert str(place.log) in str(raised.value)
    assert "in use" in str(raised.value), "what the server said"
    assert process.running(place) is None


def test_down_may_be_repeated_and_leaves_nothing(place: Place) -> None:
    Redis().up(place)
    said = [services("down", "redis", "--dir", str(place.folder.parent)) for _ in range(2)]

    assert [each.returncode for each in said] == [0, 0]
    assert "is stopped" in said[0].stdout
    assert "does not run" in said[1].stdout
    assert not place.folder.parent.exists()


def test_the_last_session_stops_what_a_session_started(place: Place) -> None:
    first, second = str(os.getpid()), str(os.getppid())
    Redis().up(place, user=first)
    Redis().up(place, user=second)

    assert not Redis().release(place, first)
    assert say(place, "PING") == "+PONG"
    assert Redis().release(place, second)
    assert not place.folder.exists()


def test_a_session_that_was_killed_does_not_count(place: Place) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    Redis().up(place, user=str(ended.pid))
    Redis().up(place, user=str(os.getpid()))

    assert Redis().users(place) == [os.getpid()]
    assert Redis().release(place, str(os.getpid()))


def test_what_a_person_started_stays_after_the_tests(place: Place) -> None:
    Redis().up(place)
    Redis().up(place, user=str(os.getpid()))

    assert not Redis().release(place, str(os.getpid()))
    assert say(place, "PING") == "+PONG"


def test_a_server_in_use_by_tests_is_stopped_by_force_only(place: Place) -> None:
    Redis().up(place, user=str(os.getpid()))
    command = ("down", "redis", "--dir", str(place.folder.parent))

    asked = services(*command)
    assert asked.returncode == 1
    assert f"test session of process {os.getpid()}" in asked.stderr
    assert say(place, "PING") == "+PONG"
    assert services(*command, "--force").returncode == 0
    assert process.running(place) is None


def test_private_engines_of_a_killed_test_are_swept_away() -> None:
    if Redis().missing():
        pytest.skip("Redis is not installed: run scripts/services install redis")
    ended = subprocess.Popen(["true"])
    ended.wait()
    place = private.private_place(Redis(), ended.pid)
    Redis().up(place)
    pid = process.running(place)

    # Another session's end may sweep at the same moment; one of us does it.
    private.sweep(ENGINES)
    _until(lambda: not place.folder.exists())

    assert pid is not None
    assert not process.is_alive(pid)


def test_the_address_alone_is_printed_for_use_in_commands(place: Place) -> None:
    done = services("address", "redis", "--dir", str(place.folder.parent))

    assert done.stdout == f"redis://127.0.0.1:{place.port}/0\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has PostgreSQL run as somebody else")
@pytest.mark.skipif(shutil.which("su") is None, reason="no system of several users")
def test_postgres_says_when_its_user_may_not_enter_the_folder(tmp_path: Path) -> None:
    if ENGINES["postgres"].missing():
        pytest.skip("PostgreSQL is not installed: run scripts/services install postgres")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)

    done = services("up", "postgres", "--dir", str(closed / "services"))

    assert done.returncode == 1
    assert "may not enter" in done.stderr
    assert "choose another --dir" in done.stderr


def _until(holds: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.05)
