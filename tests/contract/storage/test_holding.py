"""Files that were received: kept durably, taken twice, replaced, discarded, never half there."""

import asyncio
import errno
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.adapters.storage.disk import DiskObjects
from hilum.adapters.storage.holding import DiskHolding
from hilum.adapters.storage.spool import DiskSpool
from hilum.adapters.storage.system import System
from hilum.domain.errors import ArchiveFull, ArchiveUnavailable, ObjectMissing
from hilum.domain.instances import InMemory, Spooled
from hilum.ports.holding import Holding
from tests.contract.storage.keys import a_key
from tests.contract.storage.systems import FailingSystem, RecordingSystem
from tests.holding_twin import MemoryHolding


@asynccontextmanager
async def disk_holding(
    root: Path, *, system: System | None = None, reserve_bytes: int = 0, spool: Path | None = None
) -> AsyncIterator[tuple[DiskHolding, DiskSpool]]:
    async with (
        DiskSpool(spool or root / "spool", reserve_bytes=0) as opened,
        DiskHolding(
            root / "holding", opened.fresh_path, reserve_bytes=reserve_bytes, system=system
        ) as holding,
    ):
        yield holding, opened


@pytest.fixture(params=["disk", "memory"])
async def holding(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Holding]:
    if request.param == "memory":
        yield MemoryHolding(tmp_path / "memory")
    else:
        async with disk_holding(tmp_path) as (disk, _):
            yield disk


async def places(holding: Holding) -> dict[str, int]:
    return {held.place: held.size_bytes async for held in holding.list()}


async def test_what_is_kept_is_listed_and_read(holding: Holding) -> None:
    await holding.keep("a-1/0", InMemory(b"first"))
    await holding.keep("a-1/1", InMemory(b""))
    await holding.keep("b/10", InMemory(b"other"))

    assert await places(holding) == {"a-1/0": 5, "a-1/1": 0, "b/10": 5}
    assert holding.path("a-1/0").read_bytes() == b"first"


async def test_a_spooled_file_is_taken_over(holding: Holding, tmp_path: Path) -> None:
    spooled = tmp_path / "arrived"
    spooled.write_bytes(b"bytes")

    await holding.keep("a/0", Spooled(spooled, 5))

    assert holding.path("a/0").read_bytes() == b"bytes"
    assert not spooled.exists()


async def test_keeping_again_replaces(holding: Holding, tmp_path: Path) -> None:
    spooled = tmp_path / "arrived"
    spooled.write_bytes(b"later")
    await holding.keep("a/0", InMemory(b"first"))
    await holding.keep("a/0", InMemory(b"second"))
    assert holding.path("a/0").read_bytes() == b"second"

    await holding.keep("a/0", Spooled(spooled, 5))

    assert holding.path("a/0").read_bytes() == b"later"
    assert await places(holding) == {"a/0": 5}


async def test_what_is_taken_may_be_moved_away_and_stays_held(
    holding: Holding, tmp_path: Path
) -> None:
    await holding.keep("a/0", InMemory(b"bytes"))

    async with holding.take("a/0") as one, holding.take("a/0") as other:
        assert one.size_bytes == 5
        assert one.path != other.path
        one.path.rename(tmp_path / "moved")
    assert not other.path.exists()

    assert (tmp_path / "moved").read_bytes() == b"bytes"
    assert holding.path("a/0").read_bytes() == b"bytes"


async def test_what_was_taken_can_be_kept_under_the_same_and_another_place(
    holding: Holding,
) -> None:
    await holding.keep("a/0", InMemory(b"bytes"))
    async with holding.take("a/0") as taken:
        await holding.keep("a/0", taken)
    async with holding.take("a/0") as taken:
        await holding.keep("b/0", taken)
    await holding.discard("a/0")

    assert await places(holding) == {"b/0": 5}
    assert not taken.path.exists()


async def test_taking_what_is_not_held_says_so(holding: Holding) -> None:
    with pytest.raises(ObjectMissing):
        async with holding.take("a/0"):
            pass


async def test_what_is_discarded_is_gone_and_discarding_again_is_no_error(
    holding: Holding,
) -> None:
    await holding.keep("a/0", InMemory(b"bytes"))
    await holding.keep("a/1", InMemory(b"bytes"))
    await holding.discard("a/0")
    await holding.discard("a/0")
    await holding.discard("never/7")

    assert await places(holding) == {"a/1": 5}


@given(st.text(max_size=80) | st.from_regex(r"[a-z0-9./\\ \x00-]{1,80}", fullmatch=True))
def test_no_other_text_becomes_a_path(text: str) -> None:
    holding = DiskHolding(Path("/holding"), lambda: Path("/spool/0"))
    try:
        path = holding.path(text)
    except ValueError:
        return
    assert f"{path.parts[-2]}/{path.parts[-1]}" == text
    assert path.parts[:3] == ("/", "holding", "files")
    assert len(path.parts) == 6
    assert path.parts[-1].isdecimal()


@pytest.mark.parametrize("place", ["../0", "a/..", "a", "A/0", "a/01", "a/0\n", "a/0/0", "/a/0"])
async def test_a_text_that_is_no_place_is_refused(place: str, tmp_path: Path) -> None:
    async with disk_holding(tmp_path) as (holding, _):
        with pytest.raises(ValueError, match="not a place"):
            await holding.keep(place, InMemory(b""))


async def test_a_spooled_file_is_moved_and_taken_without_a_copy(tmp_path: Path) -> None:
    async with disk_holding(tmp_path) as (holding, spool):
        async with spool.create() as file:
            await file.write(b"bytes")
            size = await file.finish()
            number = file.path.stat().st_ino
            await holding.keep("a/0", Spooled(file.path, size))
        assert holding.path("a/0").stat().st_ino == number

        async with (
            DiskObjects(tmp_path, reserve_bytes=0) as objects,
            holding.take("a/0") as taken,
        ):
            await objects.put_once(a_key(), taken)
            assert objects.path(a_key()).stat().st_ino == number


async def test_bytes_are_flushed_then_named_then_the_folders_are_flushed(tmp_path: Path) -> None:
    system = RecordingSystem()
    async with disk_holding(tmp_path, system=system) as (holding, _):
        system.calls.clear()
        await holding.keep("a/0", InMemory(b"x" * 1000))

        file = holding.path("a/0")
        inode, folders = file.stat().st_ino, [parent.stat().st_ino for parent in file.parents[:4]]
    steps = [call for call in system.calls if call[0] not in {"unlink", "fsync begins", "mkdir"}]
    assert steps == [
        ("create", inode),
        ("write", inode),
        ("fdatasync", inode),
        ("move", inode),
        *(("fsync", folder) for folder in folders),
    ]


@pytest.fixture
def other_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on another file system than that of most."""
    disk = Path("/dev/shm")
    if not disk.is_dir():
        pytest.skip("needs a second file system at /dev/shm")
    folder = disk / f"hilum-test-{os.getpid()}"
    folder.mkdir()
    if folder.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("needs a second file system at /dev/shm")
    yield folder
    subprocess.run(["rm", "-r", str(folder)], check=True)


async def test_between_two_disks_files_are_copied(tmp_path: Path, other_disk: Path) -> None:
    data = bytes(range(256)) * 10_000
    async with disk_holding(tmp_path, spool=other_disk / "spool") as (holding, spool):
        async with spool.create() as file:
            await file.write(data)
            await holding.keep("a/0", Spooled(file.path, await file.finish()))
            assert not file.path.exists()
        assert holding.path("a/0").read_bytes() == data

        async with holding.take("a/0") as taken:
            assert taken.path.is_relative_to(other_disk)
            assert taken.path.read_bytes() == data


async def test_where_there_are_no_links_what_is_taken_is_a_copy(tmp_path: Path) -> None:
    mounted_twice = FailingSystem(fails={"link"}, number=errno.EXDEV)
    async with disk_holding(tmp_path, system=mounted_twice) as (holding, _):
        await holding.keep("a/0", InMemory(b"bytes"))

        async with holding.take("a/0") as taken:
            assert taken.path.read_bytes() == b"bytes"
            assert taken.path.stat().st_ino != holding.path("a/0").stat().st_ino


@pytest.mark.parametrize(
    ("number", "error"), [(errno.ENOSPC, ArchiveFull), (errno.EIO, ArchiveUnavailable)]
)
@pytest.mark.parametrize("call", ["create", "write", "fdatasync", "move", "fsync", "mkdir"])
async def test_a_failing_disk_is_told_and_heals(
    tmp_path: Path, call: str, number: int, error: type[Exception]
) -> None:
    system = FailingSystem(number=number)
    async with disk_holding(tmp_path, system=system) as (holding, _):
        await holding.keep("a/0", InMemory(b"before"))
        system.fails = {call}
        with pytest.raises(error):
            await holding.keep("b/0", InMemory(b"x" * 10_000))
        system.fails = set()
        await holding.keep("b/0", InMemory(b"after"))

        assert await places(holding) == {"a/0": 6, "b/0": 5}


async def test_the_reserve_of_free_space_is_never_filled(tmp_path: Path) -> None:
    facts = os.statvfs(tmp_path)
    reserve = 2 * facts.f_bavail * facts.f_frsize
    async with disk_holding(tmp_path, reserve_bytes=reserve) as (holding, _):
        with pytest.raises(ArchiveFull, match=r"storage\.reserve_bytes"):
            await holding.keep("a/0", InMemory(b"x"))
        assert await places(holding) == {}


async def test_a_full_spool_disk_does_not_take_a_file_that_is_moved(tmp_path: Path) -> None:
    system = FailingSystem(fails={"move"})
    spooled = tmp_path / "arrived"
    spooled.write_bytes(b"bytes")
    async with disk_holding(tmp_path, system=system) as (holding, _):
        with pytest.raises(ArchiveFull):
            await holding.keep("a/0", Spooled(spooled, 5))

    assert spooled.read_bytes() == b"bytes"


async def test_many_keep_and_discard_at_once_in_two_processes_folders(tmp_path: Path) -> None:
    """As a gateway and a validator on one folder: one removes folders the other has open."""
    async with (
        disk_holding(tmp_path) as (one, _),
        disk_holding(tmp_path, spool=tmp_path / "spool2") as (other, _),
    ):

        async def come_and_go(holding: DiskHolding, number: int) -> None:
            for _ in range(20):
                await holding.keep(f"a/{number}", InMemory(b"%d" % number))
                async with one.take(f"a/{number}") as taken:
                    assert taken.size_bytes == 1
                await holding.discard(f"a/{number}")

        await asyncio.gather(
            *(come_and_go(one, number) for number in range(4)),
            *(come_and_go(other, number) for number in range(4, 8)),
        )
        assert await places(one) == {}


async def test_foreign_files_are_not_listed_and_times_are_told(tmp_path: Path) -> None:
    async with disk_holding(tmp_path) as (holding, _):
        await holding.keep("a/0", InMemory(b"x"))
        (holding.path("a/0").parent / "notes.txt").touch()
        (tmp_path / "holding" / "files" / "lost+found").mkdir()

        [held] = [each async for each in holding.list()]
        assert held.place == "a/0"
        assert abs(datetime.now(UTC) - held.since) < timedelta(seconds=60)


async def test_only_owner_and_group_may_read(tmp_path: Path) -> None:
    async with disk_holding(tmp_path) as (holding, _):
        await holding.keep("a/0", InMemory(b"x"))
        path = holding.path("a/0")

        assert path.stat().st_mode & 0o137 == 0
        assert all(parent.stat().st_mode & 0o027 == 0 for parent in path.parents[:3])


_KILLED = """
import asyncio, itertools, os, signal, sys
from pathlib import Path
from hilum.domain.instances import InMemory
from tests.contract.storage.test_holding import disk_holding

async def main():
    async with disk_holding(Path(sys.argv[1])) as (holding, _):
        numbers = itertools.count()
        async def keep():
            while True:
                number = next(numbers)
                await holding.keep(f"a/{number}", InMemory(b"%d" % number * 50_000))
                print(number, flush=True)
        await asyncio.gather(*(keep() for _ in range(6)))

asyncio.run(main())
"""


@pytest.mark.slow
async def test_a_kill_loses_nothing_that_was_kept_and_leaves_nothing_half(tmp_path: Path) -> None:
    def kill() -> set[int]:
        with subprocess.Popen(
            [sys.executable, "-c", _KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            told = [process.stdout.readline() for _ in range(25)]
            process.send_signal(signal.SIGKILL)
            told += process.stdout.readlines()
        return {int(line) for line in told if line.endswith("\n")}

    said = await asyncio.to_thread(kill)
    async with disk_holding(tmp_path) as (holding, _):
        found = await places(holding)
        assert {f"a/{number}" for number in said} <= set(found)
        for place, size in found.items():
            data = holding.path(place).read_bytes()
            assert data == place.removeprefix("a/").encode() * 50_000
            assert len(data) == size
        left = [path for path in (tmp_path / "holding" / "incoming").rglob("*") if path.is_file()]
        assert [path for path in left if path.stat().st_size] == []


async def test_folders_may_be_named_relative_to_where_the_process_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with disk_holding(Path("data")) as (holding, spool):
        arrived = spool.fresh_path()
        arrived.write_bytes(b"bytes")
        await holding.keep("a/0", Spooled(arrived, 5))

        async with holding.take("a/0") as taken:
            assert taken.path.read_bytes() == b"bytes"
            assert taken.path.samefile(holding.path("a/0"))


async def test_a_turn_is_for_one_at_a_time(holding: Holding) -> None:
    inside: list[str] = []

    async def work(name: str) -> None:
        async with holding.turn("a"):
            inside.append(name)
            await asyncio.sleep(0)
            assert inside[-1] == name
            inside.append(name)

    await asyncio.gather(*(work(str(number)) for number in range(5)))

    assert inside[::2] == inside[1::2]


async def test_a_turn_keeps_other_processes_waiting(tmp_path: Path) -> None:
    async with (
        disk_holding(tmp_path) as (one, spool),
        DiskHolding(tmp_path / "holding", spool.fresh_path) as other,
    ):
        entered = asyncio.Event()

        async def enter() -> None:
            async with other.turn("a"):
                entered.set()

        async with one.turn("a"):
            waiting = asyncio.create_task(enter())
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.shield(waiting), 0.05)
            assert not entered.is_set()
        await asyncio.wait_for(waiting, 10)
        assert entered.is_set()


async def test_a_turn_of_a_lost_folder_says_so(tmp_path: Path) -> None:
    async with disk_holding(tmp_path) as (holding, _):
        (tmp_path / "holding" / "turns").rmdir()
        with pytest.raises(ArchiveUnavailable):
            async with holding.turn("a"):
                pytest.fail("the turn was given")
