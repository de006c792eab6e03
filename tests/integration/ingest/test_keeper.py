"""Keeping in a process of its own: as in this one, and whatever becomes of that process."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from hilum.adapters.keeper.exchange import LENGTH, Memory
from hilum.adapters.keeper.process import KeeperProcess
from hilum.adapters.keeper.serving import serve
from hilum.adapters.storage.process_folder import ProcessFolder, abandoned
from hilum.bootstrap.archive import Archive, open_archive
from hilum.domain.errors import ArchiveUnavailable
from hilum.domain.identifiers import PartitionKey
from hilum.domain.instances import (
    Arrival,
    Disposition,
    InMemory,
    Kept,
    OnConflict,
    Outcome,
    StorePolicy,
)
from hilum.domain.origins import Door, Origin
from hilum.domain.records import Committed
from hilum.settings import Settings
from tests.instances import an_instance, new_sop_instance_uid

_PATIENCE = 30.0


def _settings(folder: Path, **ingest: Any) -> Settings:
    return Settings.model_validate(
        {"data_dir": folder, "ingest": ingest, "storage": {"reserve_bytes": 0}}
    )


def _keeper(archive: Archive) -> KeeperProcess:
    keeper = archive.committer._keeper
    assert isinstance(keeper, KeeperProcess)
    return keeper


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(_PATIENCE):
        while not condition():  # noqa: ASYNC110 - what is waited for is in another process
            await asyncio.sleep(0.01)


def _pid(archive: Archive) -> int:
    child = _keeper(archive)._child
    assert child is not None
    return child.process.pid


@asynccontextmanager
async def _an_archive(folder: Path, **ingest: Any) -> AsyncIterator[Archive]:
    """Open it and wait until its keeper runs."""
    async with open_archive(_settings(folder, **ingest)) as archive:
        await _until(lambda: _keeper(archive)._child is not None)
        yield archive


async def _keep(
    archive: Archive, instances: Sequence[bytes], on_conflict: OnConflict = OnConflict.REFUSE
) -> Sequence[Outcome]:
    policy = StorePolicy("standard", on_conflict, partition=PartitionKey(1))
    origin = Origin(Door.STOW, "c-1")
    return await asyncio.gather(
        *(archive.ingest(Arrival(InMemory(each), origin, policy)) for each in instances)
    )


async def _read(archive: Archive, outcome: Outcome) -> bytes:
    assert outcome.uids is not None
    assert outcome.version is not None
    from hilum.domain.identifiers import object_key

    key = object_key(PartitionKey(1), outcome.uids, outcome.version)
    size = await archive.objects.size(key)
    assert size is not None
    return await archive.objects.read(key, 0, size)


async def test_instances_are_kept_by_the_other_process(tmp_path: Path) -> None:
    instances = [an_instance(PixelData=os.urandom(2000)) for _ in range(50)]
    async with _an_archive(tmp_path) as archive:
        written_here = archive.objects.put_once
        archive.objects.put_once = None  # type: ignore[method-assign,assignment]
        outcomes = await _keep(archive, instances)
        archive.objects.put_once = written_here  # type: ignore[method-assign]

        assert {each.disposition for each in outcomes} == {Disposition.CREATED}
        assert [await _read(archive, each) for each in outcomes] == instances
        assert (await archive.index.counts()).instances == 50
        again = await _keep(archive, instances[:3])
        assert {each.disposition for each in again} == {Disposition.ALREADY_HELD}
    assert not any((tmp_path / "intents").glob("*/notes"))


async def test_decisions_are_those_of_the_index(tmp_path: Path) -> None:
    uid = new_sop_instance_uid()
    first = an_instance(SOPInstanceUID=uid, Rows=1)
    other = an_instance(SOPInstanceUID=uid, Rows=2)
    async with _an_archive(tmp_path) as archive:
        await _keep(archive, [first])

        (refused,) = await _keep(archive, [other])
        (replaced,) = await _keep(archive, [other], OnConflict.NEW_VERSION)

        assert refused.disposition is Disposition.CONFLICT
        assert replaced.disposition is Disposition.NEW_VERSION
        assert await _read(archive, replaced) == other


async def test_a_batch_larger_than_the_memory_is_kept_in_parts(tmp_path: Path) -> None:
    large = [an_instance(PixelData=os.urandom(200_000)) for _ in range(20)]
    many_rows = [
        an_instance(ImageComments=os.urandom(60_000).hex(), PixelData=b"x" * 10) for _ in range(12)
    ]
    async with _an_archive(tmp_path, keeper_memory_bytes=1 << 20) as archive:
        outcomes = [*await _keep(archive, large), *await _keep(archive, many_rows)]

        assert {each.disposition for each in outcomes} == {Disposition.CREATED}
        assert [await _read(archive, each) for each in outcomes] == [*large, *many_rows]


async def test_rows_larger_than_the_memory_are_written_here(tmp_path: Path) -> None:
    instance = an_instance(ImageComments=os.urandom(1_000_000).hex())
    async with _an_archive(tmp_path, keeper_memory_bytes=1 << 20, inline_bytes=8 << 20) as archive:
        (outcome,) = await _keep(archive, [instance])

        assert outcome.disposition is Disposition.CREATED
        assert await _read(archive, outcome) == instance


async def test_a_killed_keeper_fails_its_batch_and_the_next_ones_go_on(tmp_path: Path) -> None:
    instances = [an_instance() for _ in range(20)]
    async with _an_archive(tmp_path) as archive:
        pid = _pid(archive)
        os.kill(pid, signal.SIGSTOP)
        under_way = asyncio.create_task(_keep(archive, instances))
        await _until(_keeper(archive)._turn.locked)
        await asyncio.sleep(0.1)
        os.kill(pid, signal.SIGKILL)
        outcomes = await under_way

        assert Disposition.FAILED in {each.disposition for each in outcomes}
        failed = [each for each in outcomes if each.disposition is Disposition.FAILED]
        assert {type(each.error) for each in failed} == {ArchiveUnavailable}
        again = await _keep(archive, instances)
        assert {each.disposition for each in again} <= {
            Disposition.CREATED,
            Disposition.ALREADY_HELD,
        }
        assert (await archive.index.counts()).instances == 20
        async with asyncio.timeout(_PATIENCE):
            while _keeper(archive)._child is None:
                (kept,) = await _keep(archive, [an_instance()])
                assert kept.disposition is Disposition.CREATED
        assert _pid(archive) != pid
        (last,) = await _keep(archive, [an_instance()])
        assert last.disposition is Disposition.CREATED


async def test_without_a_keeper_this_process_does_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    async with open_archive(_settings(tmp_path)) as archive:
        outcomes = await _keep(archive, [an_instance() for _ in range(5)])

        assert {each.disposition for each in outcomes} == {Disposition.CREATED}
    async with open_archive(_settings(tmp_path, keeper_process=False)) as archive:
        assert archive.committer.takes_bytes == 0
        (outcome,) = await _keep(archive, [an_instance()])
        assert outcome.disposition is Disposition.CREATED


async def test_what_the_disk_refuses_is_told_as_by_the_disk(tmp_path: Path) -> None:
    async with _an_archive(tmp_path) as archive:
        objects = tmp_path / "objects"
        objects.rename(tmp_path / "taken-away")
        try:
            (refused,) = await _keep(archive, [an_instance()])
        finally:
            (tmp_path / "taken-away").rename(objects)
        (kept,) = await _keep(archive, [an_instance()])

    assert isinstance(refused.error, ArchiveUnavailable)
    assert refused.error.engine == "objects", refused.error
    assert kept.disposition is Disposition.CREATED


async def test_leaving_ends_the_keeper(tmp_path: Path) -> None:
    async with _an_archive(tmp_path) as archive:
        child = _keeper(archive)._child
        assert child is not None

    assert child.process.returncode == 0


async def test_a_signal_to_the_group_does_not_end_the_keeper(tmp_path: Path) -> None:
    async with _an_archive(tmp_path) as archive:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(_pid(archive), number)
        pid = _pid(archive)
        (outcome,) = await _keep(archive, [an_instance()])

        assert outcome.disposition is Disposition.CREATED
        assert _pid(archive) == pid


async def test_modules_in_the_working_folder_are_not_those_of_the_keeper(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "select.py").write_text("raise SystemExit('not the module that was meant')\n")
    monkeypatch.chdir(tmp_path)
    async with _an_archive(tmp_path / "data") as archive:
        (outcome,) = await _keep(archive, [an_instance()])

        assert outcome.disposition is Disposition.CREATED


async def test_leaving_does_not_wait_for_a_keeper_that_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleeper = tmp_path / "python"
    sleeper.write_text("#!/bin/sh\nexec sleep 600\n")
    sleeper.chmod(0o700)
    monkeypatch.setattr(sys, "executable", os.fspath(sleeper))
    async with asyncio.timeout(10):
        async with open_archive(_settings(tmp_path / "data")) as archive:
            (outcome,) = await _keep(archive, [an_instance()])
            assert _keeper(archive)._starting is not None

    assert outcome.disposition is Disposition.CREATED


class _Leaving:
    """Rows that are to be written when the serving process dies."""

    def __init__(self, ours: socket.socket, *, when: str) -> None:
        self._ours = ours
        self._when = when

    def commit(self, _batch: Sequence[Kept]) -> Sequence[Committed]:
        if self._when == "commit":
            self._ours.close()
        return []

    def rest(self) -> None:
        """Called in the pause after the first answer, which is left unread."""
        self._ours.close()


@pytest.mark.parametrize("when", ["commit", "rest"])
def test_a_keeper_whose_owner_died_ends_without_a_word(when: str) -> None:
    ours, theirs = socket.socketpair()
    memory = Memory.fresh(1 << 20)
    with closing(memory), theirs:
        ours.sendall(LENGTH.pack(memory.put([])))

        serve(theirs, memory, _NoObjects(), _Leaving(ours, when=when))

        assert ours.fileno() == -1


class _NoObjects:
    def put(self, objects: Sequence[object]) -> Sequence[None]:
        return [None for _ in objects]


_HELPER = """
import sys, time
from pathlib import Path
from hilum.adapters.storage.process_folder import hold_helper
with hold_helper(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(0.5)
"""


def test_what_a_dead_process_left_is_taken_when_its_helper_is_done(tmp_path: Path) -> None:
    folder = ProcessFolder(tmp_path)
    helper = subprocess.Popen(
        [sys.executable, "-c", _HELPER, str(folder.path)], stdout=subprocess.PIPE
    )
    with helper:
        assert helper.stdout is not None
        assert helper.stdout.readline() == b"held\n"
        folder.leave()

        began = time.monotonic()
        (taken,) = abandoned(tmp_path)

        assert time.monotonic() - began > 0.1
        assert helper.wait() == 0
    taken.remove()
