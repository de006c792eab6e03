"""An upload becomes a submission whole, or leaves nothing."""

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hilum.adapters.storage.spool import DiskSpool
from hilum.domain.errors import (
    ArchiveFull,
    ArchiveUnavailable,
    LimitExceeded,
    MalformedBody,
    NothingUsable,
)
from hilum.domain.instances import Content, InMemory, Spooled, StorePolicy
from hilum.domain.origins import Door, Origin
from hilum.domain.quarantine import NewQuarantined, QuarantineState
from hilum.domain.submissions import (
    Advance,
    FileState,
    NewSubmission,
    StudyId,
    SubmissionState,
)
from hilum.submissions.orphans import Orphans, OrphanSweeper
from hilum.submissions.receiving import Received, Receiving, ReceivingLimits
from hilum.submissions.refusals import QuarantineOptions
from hilum.submissions.room import QuarantineRoom
from tests.contract.storage.systems import FailingSystem
from tests.holding_twin import MemoryHolding
from tests.instances import an_instance
from tests.submission_twins import MemoryQuarantine, MemorySubmissions
from tests.unit.access.twins import HeldClock

ORIGIN = Origin(Door.UPLOAD, "c-1", "10.0.0.1", "scanner")
POLICY = StorePolicy("standard", depth="practice")
FEW = QuarantineOptions(maximum_bytes=1000, maximum_files=3)


class MoodyHolding(MemoryHolding):
    """Fails for one place; remembers whether content came in memory or in the spool."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.fails_at = ""
        self.kinds: list[type[Content]] = []

    async def keep(self, place: str, content: Content) -> None:
        self.kinds.append(type(content))
        if self.fails_at and place.endswith(self.fails_at):
            message = "no space"
            raise ArchiveFull(message)
        await super().keep(place, content)


@dataclass(frozen=True)
class Site:
    receiving: Receiving
    submissions: MemorySubmissions
    quarantine: MemoryQuarantine
    holding: MoodyHolding
    spool_folder: Path
    system: FailingSystem

    @property
    def spooled(self) -> list[Path]:
        return [path for path in self.spool_folder.rglob("*") if path.name.isdigit()]

    @property
    def orphans(self) -> Orphans:
        return Orphans(self.holding, self.submissions, self.quarantine)

    async def upload(self, *files: bytes, piece: int = 1000) -> Received:
        async with self.receiving.begin(ORIGIN) as reception:
            for number, data in enumerate(files):
                reception.begin(f"{number}.dcm")
                for start in range(0, len(data), piece):
                    await reception.write(memoryview(data)[start : start + piece])
                await reception.end()
            return await reception.accept()


@asynccontextmanager
async def a_site(
    folder: Path, limits: ReceivingLimits | None = None, clock: HeldClock | None = None
) -> AsyncIterator[Site]:
    submissions, holding = MemorySubmissions(), MoodyHolding(folder / "held")
    system = FailingSystem()
    async with DiskSpool(folder / "spool", reserve_bytes=0, system=system) as spool:
        quarantine = MemoryQuarantine()
        room = QuarantineRoom(quarantine, FEW, clock or HeldClock())
        receiving = Receiving(submissions, holding, spool, POLICY, limits, room)
        yield Site(receiving, submissions, quarantine, holding, folder / "spool", system)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with a_site(tmp_path, ReceivingLimits(memory_file_bytes=10_000)) as opened:
        yield opened


async def test_files_small_and_large_become_one_submission(site: Site) -> None:
    small, large = an_instance(), an_instance(50_000)
    received = await site.upload(small, large)

    record = await site.submissions.submission(received.study_id)
    assert record is not None
    assert (record.origin, record.policy) == (ORIGIN, POLICY)
    assert (record.files, record.size_bytes) == (2, len(small) + len(large))
    assert (received.files, received.size_bytes) == (2, len(small) + len(large))
    notes = await site.submissions.files(received.study_id, -1, 10)
    assert [(note.state, note.place) for note in notes] == [
        (FileState.RECEIVED, f"{received.study_id}/0"),
        (FileState.RECEIVED, f"{received.study_id}/1"),
    ]
    assert site.holding.path(notes[0].place).read_bytes() == small
    assert site.holding.path(notes[1].place).read_bytes() == large
    assert site.holding.kinds == [InMemory, Spooled]
    assert record.data == {
        "file_path": str(site.holding.path(notes[0].place).parent),
        "original_filename": "0.dcm",
        "file_size": len(small) + len(large),
        "files": 2,
        "bytes": len(small) + len(large),
    }
    assert site.spooled == []


async def test_the_digest_of_a_file_is_noted(tmp_path: Path) -> None:
    told: list[NewSubmission] = []

    class Noting(MemorySubmissions):
        async def receive(self, new: NewSubmission) -> None:
            told.append(new)

    data = an_instance(5000)
    async with a_site(tmp_path) as site:
        receiving = Receiving(Noting(), site.holding, _no_spool(), POLICY)
        async with receiving.begin(ORIGIN) as reception:
            reception.begin("a")
            await reception.write(memoryview(data))
            await reception.end()
            await reception.accept()

    assert [file.sha256 for file in told[0].files] == [hashlib.sha256(data).digest()]
    assert told[0].file_path == str(site.holding.path(told[0].files[0].place))


def _no_spool() -> DiskSpool:
    return DiskSpool(Path("/nowhere"))


async def test_when_memory_is_used_up_files_go_to_the_spool(tmp_path: Path) -> None:
    limits = ReceivingLimits(memory_bytes=2000, memory_file_bytes=1700)
    async with a_site(tmp_path, limits) as site:
        await site.upload(*(an_instance(1000) for _ in range(5)))
        kinds = sorted(kind.__name__ for kind in site.holding.kinds)
        assert kinds == ["InMemory", *["Spooled"] * 4]
        await site.upload(an_instance(1000))
        assert site.holding.kinds[-1] is InMemory  # what was reserved was given back


async def test_an_upload_without_a_file_or_a_hope_is_refused(site: Site) -> None:
    with pytest.raises(MalformedBody):
        await site.upload()
    with pytest.raises(NothingUsable, match="The file is"):
        await site.upload(b"text")
    with pytest.raises(NothingUsable, match="All 2 files"):
        await site.upload(b"text", b"")
    await site.upload(b"text", an_instance()[132:])
    await site.upload(b"PK\x03\x04 and so on")


async def test_bounds_are_told_by_their_settings(tmp_path: Path) -> None:
    async with a_site(tmp_path, ReceivingLimits(files=2, file_bytes=5000)) as site:
        with pytest.raises(LimitExceeded, match=r"upload\.files"):
            await site.upload(*[an_instance()] * 3)
        with pytest.raises(LimitExceeded, match=r"upload\.file_bytes"):
            await site.upload(an_instance(5000))
        assert (site.holding.since, site.spooled) == ({}, [])


async def test_who_breaks_off_leaves_nothing(site: Site) -> None:
    with suppress(ConnectionError):
        async with site.receiving.begin(ORIGIN) as reception:
            reception.begin("a")
            await reception.write(memoryview(an_instance(2_000_000)))
            assert site.spooled != []
            raise ConnectionError
    await _until(lambda: not site.spooled)  # the thread that still wrote removes it
    assert site.holding.since == {}
    assert await site.submissions.submissions() == []


async def test_a_spool_that_fails_ends_the_upload(site: Site) -> None:
    site.system.fails = {"create"}
    with pytest.raises(ArchiveFull):
        await site.upload(an_instance(50_000))
    site.system.fails = set()
    await site.upload(an_instance(50_000))


async def test_a_holding_that_fails_at_one_file_keeps_none_of_the_upload(site: Site) -> None:
    site.holding.fails_at = "/13"
    with pytest.raises(ArchiveFull):
        await site.upload(*(an_instance() for _ in range(20)))

    assert (site.holding.since, site.spooled) == ({}, [])
    assert await site.submissions.submissions() == []


async def test_a_commit_that_failed_may_have_taken_place_so_the_files_stay(site: Site) -> None:
    site.submissions.fault = ArchiveUnavailable("gone")
    with pytest.raises(ArchiveUnavailable):
        await site.upload(an_instance())
    site.submissions.fault = None

    [place] = site.holding.since
    assert await site.orphans.sweep(before=datetime.now(UTC) + timedelta(seconds=5)) == 1
    assert place not in site.holding.since


async def test_many_uploads_at_once_get_submissions_of_their_own(site: Site) -> None:
    received = await asyncio.gather(*(site.upload(an_instance()) for _ in range(100)))

    assert len({each.study_id for each in received}) == 100
    assert len(site.holding.since) == 100


def _placed(site: Site, *places: str, hours: float) -> None:
    for place in places:
        site.holding.path(place).write_bytes(b"x")
        site.holding.since[place] = datetime.now(UTC) - timedelta(hours=hours)


A = "7f1d9a52-0f60-4d14-9f0a-6d0c3f8a1c1"


async def test_only_old_files_of_unknown_submissions_are_orphans(site: Site) -> None:
    known = await site.upload(an_instance())
    _placed(site, f"{known.study_id}/0", f"{known.study_id}/1", hours=9)
    _placed(site, f"{A}1/0", f"{A}1/1", f"{A}2/7", hours=9)
    _placed(site, "q-1/0", "something-else/3", f"{A}3/0", hours=9)
    _placed(site, f"{A}4/0", hours=0)
    await site.quarantine.add(
        NewQuarantined(
            f"{A}3/0", 1, ORIGIN, POLICY, "x", (), datetime.now(UTC), study_id=StudyId(f"{A}3")
        )
    )

    assert await site.orphans.sweep(datetime.now(UTC) - timedelta(hours=1)) == 3

    assert set(site.holding.since) == {
        f"{known.study_id}/0", f"{known.study_id}/1", "q-1/0", "something-else/3",
        f"{A}3/0", f"{A}4/0",
    }  # fmt: skip


async def test_of_a_settled_submission_only_what_somebody_needs_stays(site: Site) -> None:
    known = (await site.upload(an_instance(), an_instance(), an_instance())).study_id
    _placed(site, *(f"{known}/{number}" for number in (0, 1, 2, 7)), hours=9)
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    assert await site.orphans.sweep(long_ago) == 0

    kept, refused, _ = await site.submissions.files(known, -1, 10)
    await site.submissions.note_files(
        known,
        [
            replace(kept, state=FileState.ARCHIVED, place=""),
            replace(refused, state=FileState.QUARANTINED, place=""),
        ],
    )
    await site.quarantine.add(
        NewQuarantined(refused.place, 1, ORIGIN, POLICY, "x", (), datetime.now(UTC))
    )
    await site.submissions.advance(known, Advance(SubmissionState.ARCHIVED))

    assert await site.orphans.sweep(long_ago) == 2
    assert set(site.holding.since) == {f"{known}/1", f"{known}/2"}


@pytest.mark.parametrize("size_bytes", [1, 500])
async def test_what_was_refused_of_uploads_has_a_bound_that_other_doors_do_not_reach(
    tmp_path: Path, size_bytes: int
) -> None:
    clock = HeldClock()
    async with a_site(tmp_path, clock=clock) as site:

        async def put_aside(count: int, door: Door) -> None:
            for _ in range(count):
                place = f"{uuid.uuid4()}/0"
                origin = Origin(door, "c-1")
                await site.quarantine.add(
                    NewQuarantined(place, size_bytes, origin, POLICY, "x", (), clock.now())
                )
            clock.advance(10)

        await put_aside(4, Door.C_STORE)
        await put_aside(2 if size_bytes == 1 else 1, Door.UPLOAD)
        await site.upload(an_instance())
        await put_aside(1, Door.UPLOAD)
        with pytest.raises(ArchiveFull, match="quarantine"):
            await site.upload(an_instance())
        await site.quarantine.decide(5, QuarantineState.DISCARDED, "", "", clock.now())
        clock.advance(10)
        await site.upload(an_instance())


async def test_the_sweeper_sweeps_again_and_survives_an_outage(site: Site) -> None:
    clock = HeldClock(datetime.now(UTC))
    site.submissions.fault = ArchiveUnavailable("gone")
    _placed(site, f"{A}1/0", hours=9)
    async with OrphanSweeper(site.orphans, clock, orphan_seconds=3600, every_seconds=0.01):
        await asyncio.sleep(0.05)
        assert site.holding.since != {}
        site.submissions.fault = None
        await _until(lambda: not site.holding.since)
        _placed(site, f"{A}2/0", hours=0)
        await asyncio.sleep(0.05)
        assert site.holding.since != {}
        clock.advance(4000)
        await _until(lambda: not site.holding.since)


async def _until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not happened():  # noqa: ASYNC110
            await asyncio.sleep(0.005)
