"""What an index remembers of single instances is never older than the question."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from hilum.adapters.database.remembering import Remembered
from hilum.adapters.database.sql_index import SqlIndex
from hilum.adapters.database.sqlite_watch import SqliteWatch
from hilum.domain.identifiers import Scope
from hilum.domain.instances import OnConflict
from hilum.domain.levels import Level
from tests.contract.index.engines import Engine
from tests.contract.index.kept import ORIGIN, a_kept, scope, uids

_ONE = scope(uids(), Level.INSTANCE)


async def _everything(index: SqlIndex, asked: Scope = _ONE) -> Sequence[object]:
    return (
        await index.summary(asked),
        await index.frames(asked),
        *await index.instances(asked, 0, 2),
    )


async def test_what_another_connection_deleted_is_gone_at_the_next_question(
    engine: Engine, index: SqlIndex
) -> None:
    await index.commit([a_kept()])
    async with engine.open() as other:
        before = await _everything(other)
        assert await _everything(other) == before

        await index.delete(_ONE, ORIGIN)

        assert await _everything(other) == (None, None)
    assert before[1] is not None


async def test_what_another_connection_stored_is_there_at_the_next_question(
    engine: Engine, index: SqlIndex
) -> None:
    async with engine.open() as other:
        assert await _everything(other) == (None, None)
        for version in (1, 2, 3):
            await index.commit([a_kept(content=str(version), on_conflict=OnConflict.NEW_VERSION)])

            _, found, record = await _everything(other)

            assert found == await index.frames(_ONE)
            assert [record] == await index.instances(_ONE, 0, 2)


async def test_its_own_changes_are_seen_as_well(index: SqlIndex) -> None:
    await index.commit([a_kept()])
    assert await index.frames(_ONE) is not None

    await index.delete(_ONE, ORIGIN)

    assert await _everything(index) == (None, None)


async def test_no_answer_is_older_than_a_change_that_was_acknowledged_before_the_question(
    engine: Engine, index: SqlIndex
) -> None:
    """Readers ask without a pause, so that questions and changes overlap in every way."""
    changes = 40
    acknowledged = 0
    async with engine.open() as other:

        async def read() -> None:
            while acknowledged < changes:
                least = acknowledged
                found = await other.frames(_ONE)
                assert (0 if found is None else found.instance.size_bytes) >= least
                await asyncio.sleep(0)

        readers = [asyncio.create_task(read()) for _ in range(4)]
        for number in range(1, changes + 1):
            kept = a_kept(
                content=str(number), size_bytes=number, on_conflict=OnConflict.NEW_VERSION
            )
            await index.commit([kept])
            acknowledged = number
        await asyncio.gather(*readers)


async def test_what_another_process_acknowledged_is_seen_by_the_next_question(
    engine: Engine,
) -> None:
    study, batches, size = 7, 30, 2
    asked = scope(uids(study), Level.STUDY)
    async with engine.open() as index:
        writer = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.contract.index.writer_process",
            engine.url, str(study), str(batches), str(size),
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert writer.stdout is not None
        async for line in writer.stdout:
            summary = await index.summary(asked)
            assert summary is not None
            assert summary.instances >= (int(line) + 1) * size
        assert await writer.wait() == 0
        summary = await index.summary(asked)

    assert summary is not None
    assert summary.instances == batches * size


def test_a_database_that_is_not_there_tells_nothing_and_is_not_made(tmp_path: Path) -> None:
    watch = SqliteWatch(tmp_path / "index.sqlite")

    watch.open()

    assert watch.state() is None
    watch.close()
    assert list(tmp_path.iterdir()) == []


class Counter:
    """A database with one number in it: whoever asks and is told is counted."""

    def __init__(self) -> None:
        self.number: int | None = 0
        self.asked = 0
        self.changes_meanwhile = False

    def open(self) -> None: ...

    def state(self) -> int | None:
        return self.number

    def close(self) -> None: ...

    async def answer(self) -> int | None:
        self.asked += 1
        number = self.number
        if self.changes_meanwhile and number is not None:
            self.number = number + 1
        return number


def _one_byte(_answer: object) -> int:
    return 1


async def test_a_question_is_asked_once_while_nothing_changes() -> None:
    database = Counter()
    remembered = Remembered(database, 10)

    answers = [await remembered.ask("q", database.answer, _one_byte) for _ in range(3)]
    database.number = 7
    answers.append(await remembered.ask("q", database.answer, _one_byte))

    assert answers == [0, 0, 0, 7]
    assert database.asked == 2


async def test_an_answer_during_whose_making_something_changed_is_not_used_again() -> None:
    database = Counter()
    database.changes_meanwhile = True
    remembered = Remembered(database, 10)

    assert [await remembered.ask("q", database.answer, _one_byte) for _ in range(3)] == [0, 1, 2]


async def test_an_answer_that_came_after_all_was_forgotten_is_not_kept() -> None:
    database, slow = Counter(), asyncio.Event()
    remembered = Remembered(database, 10)

    async def late() -> str:
        await slow.wait()
        return "of state 0"

    waiting = asyncio.create_task(remembered.ask("slow", late, _one_byte))
    await asyncio.sleep(0)
    database.number = 1
    await remembered.ask("q", database.answer, _one_byte)
    slow.set()
    assert await waiting == "of state 0"

    assert await remembered.ask("slow", database.answer, _one_byte) == 1


async def test_nothing_is_remembered_while_the_state_cannot_be_told() -> None:
    database = Counter()
    remembered = Remembered(database, 10)
    await remembered.ask("q", database.answer, _one_byte)
    database.number = None
    assert await remembered.ask("q", database.answer, _one_byte) is None

    database.number = 0
    await remembered.ask("q", database.answer, _one_byte)

    assert database.asked == 3


async def test_the_longest_unused_answers_give_way() -> None:
    database = Counter()
    remembered = Remembered(database, 2)
    for question in ("a", "b", "a", "c"):
        await remembered.ask(question, database.answer, _one_byte)
    assert database.asked == 3

    await remembered.ask("a", database.answer, _one_byte)
    assert database.asked == 3
    await remembered.ask("b", database.answer, _one_byte)
    assert database.asked == 4


@pytest.mark.parametrize("memory_bytes", [0, 1])
async def test_what_does_not_fit_is_asked_each_time(memory_bytes: int) -> None:
    database = Counter()
    remembered = Remembered(database, memory_bytes)

    for _ in range(3):
        await remembered.ask("q", database.answer, lambda _: 2)

    assert database.asked == 3
