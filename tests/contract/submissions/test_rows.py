"""What only rows in a database have to stand: odd texts, outages, half a transaction."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hilum.adapters.database.sql_index import SqlIndex
from hilum.domain.errors import ArchiveUnavailable
from hilum.domain.identifiers import Scope, StudyInstanceUID
from hilum.domain.quarantine import QuarantineState
from hilum.domain.submissions import Advance, FileState, SubmissionState
from hilum.ports.quarantine import QuarantineQuery
from tests.contract.index.engines import ENGINES, Engine, engine_of
from tests.contract.index.kept import ORIGIN, a_kept
from tests.contract.submissions.stores import (
    BEGIN,
    a_note,
    a_quarantined,
    a_submission,
    study_id,
    uids,
)

ONE = study_id()
ODD = "a\0b\udcff\N{SNOWMAN}"
HELD = "a\ufffdb?\N{SNOWMAN}"
VALIDATED = SubmissionState.VALIDATED


@pytest.fixture(params=ENGINES)
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Engine]:
    with engine_of(request.param, tmp_path) as made:
        yield made


@pytest.fixture
async def index(engine: Engine) -> AsyncIterator[SqlIndex]:
    async with engine.open() as opened:
        yield opened
        assert await opened.maintenance.check_integrity() == []


async def test_a_text_that_no_column_can_hold_is_kept_as_far_as_it_can_be(index: SqlIndex) -> None:
    submissions = index.submissions
    await submissions.receive(a_submission())

    await submissions.note_files(ONE, [a_note(name=ODD, code=ODD)])
    await submissions.advance(ONE, Advance(VALIDATED, ODD, {"names": [ODD], ODD: {"a": ODD}}))
    key = await index.quarantine.add(a_quarantined(name=ODD))
    await index.quarantine.decide(key, QuarantineState.RELEASED, ODD, ODD, BEGIN)

    (note, _) = await submissions.files(ONE, -1, 2)
    assert (note.name, note.code) == (HELD, HELD)
    found = await submissions.submission(ONE)
    assert found is not None
    assert found.data == {"names": [HELD], HELD: {"a": HELD}}
    assert found.history[-1].text == HELD
    quarantined = await index.quarantine.get(key)
    assert quarantined is not None
    assert quarantined.what.name == HELD
    assert (quarantined.history[-1].by, quarantined.history[-1].text) == (HELD, HELD)


async def test_deleting_a_study_leaves_what_submissions_tell(index: SqlIndex) -> None:
    await index.submissions.receive(a_submission(files=1))
    await index.commit([a_kept(uids())])
    archived = a_note(0, FileState.ARCHIVED, uids=uids())
    await index.submissions.note_files(ONE, [archived])
    await index.submissions.advance(ONE, Advance(SubmissionState.ARCHIVED))
    before = await index.submissions.submission(ONE)

    scope = Scope(StudyInstanceUID("1.2.1"))
    assert await index.delete(scope, ORIGIN) == 1

    assert await index.submissions.submission(ONE) == before
    assert await index.submissions.files(ONE, -1, 10) == [archived]


async def test_a_state_and_its_entry_in_the_feed_come_together_or_not_at_all(
    engine: Engine,
) -> None:
    async with engine.open() as index:
        await index.submissions.receive(a_submission())
        engine.execute("ALTER TABLE feed RENAME TO feed_away")
        before = await index.submissions.submission(ONE)
        for work in (
            index.submissions.advance(ONE, Advance(VALIDATED)),
            index.submissions.receive(a_submission(2)),
        ):
            with pytest.raises(ArchiveUnavailable):
                await work
        engine.execute("ALTER TABLE feed_away RENAME TO feed")

        assert await index.submissions.submission(ONE) == before
        assert await index.submissions.submission(study_id(2)) is None
        assert await index.submissions.advance(ONE, Advance(VALIDATED)) is VALIDATED
        assert [entry.kind.value for entry in await index.feed(0, 10)] == [
            "study-uploaded", "study-validated",
        ]  # fmt: skip


@pytest.mark.slow
async def test_an_outage_is_told_as_one(tmp_path: Path) -> None:
    with engine_of("postgres", tmp_path) as engine:
        async with engine.open(busy_seconds=1.0) as index:
            await index.submissions.receive(a_submission())
            name = engine.url.rpartition("/")[2]
            with engine_of("postgres", tmp_path) as elsewhere:
                elsewhere.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
                cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
                elsewhere.execute(cut, name)
                submissions, quarantine = index.submissions, index.quarantine
                for work in (
                    submissions.receive(a_submission(2)),
                    submissions.note_files(ONE, [a_note()]),
                    submissions.advance(ONE, Advance(VALIDATED)),
                    submissions.work_until(ONE, BEGIN),
                    submissions.prune(BEGIN, 1),
                    submissions.submission(ONE),
                    submissions.files(ONE, -1, 1),
                    submissions.submissions(),
                    submissions.unfinished(BEGIN, 1),
                    quarantine.add(a_quarantined()),
                    quarantine.get(1),
                    quarantine.list(QuarantineQuery(), None, 1),
                    quarantine.decide(1, QuarantineState.RELEASED, "", "", BEGIN),
                    quarantine.expired(BEGIN, 1),
                    quarantine.forget([1]),
                    quarantine.totals(),
                ):
                    with pytest.raises(ArchiveUnavailable):
                        await work
                elsewhere.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
            assert await index.submissions.advance(ONE, Advance(VALIDATED)) is VALIDATED


async def test_forgetting_many_files_takes_several_turns(index: SqlIndex) -> None:
    for number in (1, 2, 3):
        await index.submissions.receive(a_submission(number, files=3000))
        await index.submissions.advance(study_id(number), Advance(SubmissionState.FAILED))
    later = datetime.now(UTC) + timedelta(hours=1)

    assert [await index.submissions.prune(later, 10) for _ in range(4)] == [1, 1, 1, 0]
