"""Every question and change goes along an index, on both engines."""

import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from typing import Any, TypeVar, cast

import pytest

from hilum.adapters.database.lanes import Lane
from hilum.adapters.database.quarantine import SqlQuarantine
from hilum.adapters.database.submissions import SqlSubmissions
from hilum.domain.origins import Door
from hilum.domain.quarantine import QuarantineState
from hilum.domain.submissions import Advance, FileState, SubmissionState
from hilum.ports.quarantine import QuarantineQuery
from tests.contract.index.engines import ENGINES, Engine, engine_of
from tests.contract.submissions.stores import (
    BEGIN,
    a_note,
    a_quarantined,
    a_submission,
    study_id,
    uids,
)

T = TypeVar("T")
ROWS = 1500
TABLES = "submission|submission_file|submission_step|quarantined|quarantined_step|s|f|q|feed"
WALKS = {
    "sqlite": re.compile(rf"SCAN ({TABLES})\b(?! USING)"),
    "postgres": re.compile(rf"Seq Scan on ({TABLES})\b"),
}
ONE = study_id(ROWS // 2)


class Planned:
    """A lane whose statements are explained after they ran."""

    def __init__(self, engine: Engine) -> None:
        self._kind = engine.kind
        self.connection: Any = engine.dialect.connect_writer()
        self._begin = engine.dialect.begin
        self._asked: list[tuple[str, Any]] = []
        self.clock = 10**15
        lane = cast(Lane, self)
        self.submissions = SqlSubmissions(lane, lane, lambda: self.clock, lambda: None, 60)
        self.quarantine = SqlQuarantine(lane, lane, lambda: self.clock)

    async def run(self, work: Callable[[Any], T]) -> T:
        return work(self)

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        self._asked.append((sql, tuple(parameters)))
        return self.connection.execute(sql, parameters)

    def executemany(self, sql: str, rows: Any) -> Any:
        rows = [tuple(row) for row in rows]
        self._asked += [(sql, row) for row in rows[:1]]
        return self.connection.executemany(sql, rows)

    async def fill(self) -> None:
        self.connection.execute(self._begin)
        for number in range(1, ROWS + 1):
            of, named = study_id(number), uids(number)
            await self.submissions.receive(a_submission(number))
            note = a_note(0, FileState.ARCHIVED, uids=named)
            await self.submissions.note_files(of, [note])
            new = a_quarantined(f"{of}/0", study_id=of, uids=named, code=f"code-{number % 50}")
            key = await self.quarantine.add(new)
            if number % 10:
                end = SubmissionState.ARCHIVED if number % 3 else SubmissionState.FAILED
                await self.submissions.advance(of, Advance(end))
                await self.quarantine.decide(key, QuarantineState.RELEASED, "", "", BEGIN)
                await self.quarantine.forget([key])
        self.connection.commit()
        self.connection.execute("ANALYZE")

    async def plans(self, *work: Awaitable[object]) -> list[str]:
        lines: list[str] = []
        explain = "EXPLAIN QUERY PLAN" if self._kind == "sqlite" else "EXPLAIN"
        self._asked.clear()
        self.connection.execute(self._begin)
        try:
            for each in work:
                await each
            for sql, parameters in {repr(each): each for each in self._asked}.values():
                rows = self.connection.execute(f"{explain} {sql}", parameters).fetchall()
                lines += [f"{row[-1]}   in: {sql[:300]}" for row in rows]
        finally:
            self.connection.rollback()
        assert lines, "nothing was run"
        return lines

    async def walks(self, *work: Awaitable[object]) -> list[str]:
        return [line for line in await self.plans(*work) if WALKS[self._kind].search(line)]


@pytest.fixture(scope="module", params=ENGINES)
def filled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    with engine_of(request.param, tmp_path_factory.mktemp("plans")) as engine:
        yield engine


@pytest.fixture
async def planned(filled: Engine) -> Any:
    made = Planned(filled)
    with closing(made.connection):
        if not made.connection.execute("SELECT 1 FROM submission LIMIT 1").fetchone():
            await made.fill()
        yield made


async def test_questions_about_submissions_walk_no_table(planned: Planned) -> None:
    submissions = planned.submissions

    assert not await planned.walks(
        submissions.submission(ONE),
        submissions.files(ONE, -1, 100),
        submissions.worst_files(ONE, 51),
        submissions.submissions(before=1000),
        submissions.submissions(state=SubmissionState.FAILED, limit=5),
        submissions.submissions(state=SubmissionState.PROCESSING, before=1000),
        submissions.unfinished(BEGIN, 10),
    )


async def test_changes_of_submissions_walk_no_table(planned: Planned) -> None:
    submissions = planned.submissions
    new_round = Advance(SubmissionState.VALIDATED, new_round=True)

    assert not await planned.walks(
        submissions.receive(a_submission(ROWS + 1)),
        submissions.note_files(ONE, [a_note(number) for number in range(3)]),
        submissions.advance(ONE, Advance(SubmissionState.VALIDATING)),
        submissions.advance(ONE, new_round),
        submissions.work_until(ONE, BEGIN),
        submissions.prune(BEGIN, 5),
    )


async def test_questions_about_quarantine_walk_no_table(planned: Planned) -> None:
    quarantine, held = planned.quarantine, QuarantineState.HELD
    for query in (
        QuarantineQuery(state=held),
        QuarantineQuery(state=QuarantineState.EXPIRED),
        QuarantineQuery(code="code-7"),
        QuarantineQuery(door="stow"),
        QuarantineQuery(study_id=ONE),
        QuarantineQuery(study_instance_uid=uids(7).study),
        QuarantineQuery(held, "code-7", "upload"),
    ):
        assert not await planned.walks(
            quarantine.list(query, None, 10), quarantine.list(query, 1000, 10)
        )
    assert not await planned.walks(
        quarantine.list(QuarantineQuery(), 1000, 10),
        quarantine.get(7),
        quarantine.expired(BEGIN, 10),
        quarantine.totals(),
        quarantine.totals(Door.UPLOAD),
        quarantine.of_files(ONE, [0, 1, 2]),
    )


async def test_changes_of_quarantine_walk_no_table(planned: Planned) -> None:
    quarantine = planned.quarantine

    assert not await planned.walks(
        quarantine.add(a_quarantined("new/0")),
        quarantine.add(a_quarantined("new/0")),
        quarantine.decide(10, QuarantineState.RELEASED, "", "", BEGIN),
        quarantine.forget([20]),
    )


async def test_a_walk_would_be_noticed(planned: Planned) -> None:
    async def walk() -> None:
        planned.execute("SELECT count(*) FROM submission WHERE data = ?", ("x",))

    assert await planned.walks(walk())
