"""Kills at random moments: what was acknowledged is there and whole, nothing else is left."""

import asyncio
import hashlib
import random
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from hilum.domain.identifiers import Scope, StudyInstanceUID, parse_object_key
from hilum.domain.records import FeedKind
from tests.instances import STUDY
from tests.integration.ingest.archives import Archive, an_archive

_SCOPE = Scope(StudyInstanceUID(STUDY))


def _killed(root: Path, seed: int, lines: int) -> list[str]:
    """What a process acknowledged before it was killed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.ingest.keeping", str(root), str(seed)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process, process.stdout:
        told = [process.stdout.readline() for _ in range(lines)]
        process.send_signal(signal.SIGKILL)
        told += process.stdout.readlines()
    return [line.strip() for line in told if line.endswith("\n")]


async def _demand_whole(archive: Archive, acknowledged: list[str]) -> None:
    newest: dict[str, dict[int, str]] = defaultdict(dict)
    for line in acknowledged:
        name, version, digest = line.split()
        newest[name][int(version)] = digest
    records = await archive.index.instances(_SCOPE, 0, 1_000_000)
    live = {record.uids.sop_instance: record for record in records}
    for name, versions in newest.items():
        record = live[name]  # it was acknowledged, so it is there
        assert record.version >= max(versions)
        data = await archive.objects.read(record.object_key, 0, 1 << 30)
        assert len(data) == record.size_bytes
        if record.version in versions:
            assert hashlib.sha256(data).hexdigest() == versions[record.version]
    await _demand_no_orphans(archive)
    await _demand_feed(archive, set(live))


async def _demand_no_orphans(archive: Archive) -> None:
    stored = {one.key: one.size_bytes async for one in archive.objects.list()}
    assert await archive.index.referenced(list(stored)) == set(stored)
    records = await archive.index.instances(_SCOPE, 0, 1_000_000)
    for record in records:
        assert stored[record.object_key] == record.size_bytes
        assert parse_object_key(record.object_key)[1] == record.uids


async def _demand_feed(archive: Archive, live: set[str]) -> None:
    entries = await archive.index.feed(0, 1_000_000)
    created = Counter(
        entry.uids.sop_instance for entry in entries if entry.kind is FeedKind.CREATED
    )
    assert set(created) == live
    assert set(created.values()) <= {1}
    changes = [(entry.uids.sop_instance, entry.version) for entry in entries]
    assert len(changes) == len(set(changes))


async def _demand_tidy(root: Path, lives: int, seed: int) -> None:
    acknowledged: list[str] = []
    for life in range(lives):
        lines = random.Random(f"{seed}.{life}").randrange(1, 120)
        acknowledged += await asyncio.to_thread(_killed, root, seed * 100 + life, lines)
        async with an_archive(root) as archive:
            await _demand_whole(archive, acknowledged)
    assert _leftovers(root) == []


def _leftovers(root: Path) -> list[Path]:
    """Files of processes that are gone."""
    return [
        path
        for folder in ("incoming", "spool", "intents")
        for path in (root / folder).rglob("*")
        if path.is_file() and path.name != ".exclusive"
    ]


async def test_an_archive_survives_kills_at_random_moments(tmp_path: Path) -> None:
    await _demand_tidy(tmp_path, lives=2, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 7))
async def test_an_archive_survives_many_kills(tmp_path: Path, seed: int) -> None:
    await _demand_tidy(tmp_path, lives=4, seed=seed)
