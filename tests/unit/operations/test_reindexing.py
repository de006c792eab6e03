"""The work that indexes what was held before extended query tags were added."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from hilum.domain.extended_tags import ExtendedTag, ExtendedTags, TagStatus
from hilum.domain.identifiers import DEFAULT_PARTITION, StudyInstanceUID, Version
from hilum.domain.instances import Metadata
from hilum.domain.jobs import JobId, JobKind, JobRecord, JobState, Progress
from hilum.domain.levels import Level
from hilum.ingest.describe import compress
from hilum.operations.extended_tags import reindexing
from hilum.operations.extended_tags.reindexing import ReindexOptions, ReindexWork
from hilum.operations.work import JobInterrupted
from hilum.ports.extended_tags import IndexedInstance, StoredDescription

JOB = JobId("0" * 32)
NOW = datetime(2026, 11, 22, tzinfo=UTC)
TAG = ExtendedTag(
    7, "00200013", "IS", "", Level.INSTANCE, TagStatus.ADDING, query_enabled=True, errors=0,
    job_id=JOB,
)  # fmt: skip


@dataclass
class Held:
    """So many descriptions in memory, keys from 1, each saying its key."""

    count: int
    tags: tuple[ExtendedTag, ...] = (TAG,)
    broken: int = 0
    filled: list[IndexedInstance] = field(default_factory=list)
    pages: list[int] = field(default_factory=list)
    completed: bool = False

    async def tags_of(self, job_id: JobId) -> ExtendedTags:
        assert job_id == JOB
        return ExtendedTags(1, self.tags)

    async def span(self) -> tuple[int, int]:
        return self.count, self.count

    async def descriptions(
        self, below: int, rows: int, size_bytes: int
    ) -> Sequence[StoredDescription]:
        del size_bytes
        page = [self._stored(key) for key in range(below - 1, max(0, below - 1 - rows), -1)]
        self.pages.append(len(page))
        return page

    def _stored(self, key: int) -> StoredDescription:
        metadata, _ = compress(b'{"00200013":{"vr":"IS","Value":[%d]}}' % key)
        if key == self.broken:
            metadata = Metadata(b"\xff" * 20, 0, 20)
        study = StudyInstanceUID("1.2")
        return StoredDescription(key, Version(key), DEFAULT_PARTITION, study, 1, 1, metadata, ())

    async def fill(self, job_id: JobId, indexed: Sequence[IndexedInstance]) -> None:
        assert job_id == JOB
        self.filled += indexed

    async def complete(self, job_id: JobId) -> None:
        assert job_id == JOB
        self.completed = True

    @property
    def values(self) -> list[object]:
        return [one.value for each in self.filled for one in each.values.values]


class Running:
    def __init__(self, checkpoint: dict[str, int] | None = None, saves: int = 1000) -> None:
        progress = Progress(checkpoint or {}, 0, 0)
        self.record = JobRecord(
            1, JOB, JobKind.REINDEX, JobState.RUNNING, {}, DEFAULT_PARTITION, "", "", progress, 1,
            "", cancel_requested=False, created=NOW, changed=NOW,
        )  # fmt: skip
        self.secrets: dict[str, str] = {}
        self.saved: list[Progress] = []
        self._saves = saves

    async def save(self, progress: Progress) -> None:
        self.saved.append(progress)
        if len(self.saved) > self._saves:
            raise JobInterrupted


def work(held: Held, *, busy: bool = False, page: int = 10) -> ReindexWork:
    return ReindexWork(held, lambda: busy, ReindexOptions(page_instances=page, busy_percent=100))


async def test_all_is_indexed_from_the_newest_down() -> None:
    held = Held(25)

    progress = await work(held).run(Running())

    assert held.values == list(range(25, 0, -1))
    assert held.completed
    assert (progress.done, progress.total, progress.percent) == (25, 25, 100)


async def test_it_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reindexing, "_SAVE_SECONDS", 0.0)
    held, first = Held(25), Running(saves=1)
    with pytest.raises(JobInterrupted):
        await work(held).run(first)
    assert not held.completed
    held.filled.clear()

    await work(held).run(Running(dict(first.saved[0].checkpoint)))

    assert held.values == list(range(15, 0, -1))
    assert held.completed


async def test_pages_are_short_while_instances_come_in() -> None:
    held = Held(10)

    await work(held, busy=True).run(Running())

    assert held.pages[0] == 2
    assert len(held.values) == 10


async def test_without_its_tags_there_is_nothing_to_do() -> None:
    held = Held(10, tags=())

    await work(held).run(Running())

    assert held.values == []
    assert held.completed


async def test_metadata_that_cannot_be_read_is_an_error_of_its_instance_alone() -> None:
    held = Held(3, broken=2)

    await work(held).run(Running())

    assert held.values == [3, 1]
    (problem,) = [each.values.problems for each in held.filled if each.values.problems]
    assert "fsck" in problem[TAG.key]
