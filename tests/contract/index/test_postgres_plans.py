"""PostgreSQL's plans, after real statistics of some ten thousand rows: each goes along an index."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest

from hilum.adapters.database.change_feed import read_after, read_latest, read_within
from hilum.adapters.database.committing import commit_batch
from hilum.adapters.database.connections import Deadline
from hilum.adapters.database.counting import read_newest_studies
from hilum.adapters.database.deleting import delete_scope, read_due
from hilum.adapters.database.reading import (
    read_described,
    read_feed,
    read_frames,
    read_instances,
    read_metadata_of,
    read_referenced,
    read_summary,
)
from hilum.adapters.database.searching import USUAL_EFFORT, Effort, Searcher
from hilum.domain.errors import QueryTooCostly
from hilum.domain.instances import OnConflict
from hilum.domain.levels import Level
from hilum.domain.queries import Condition, Query, Words
from hilum.ports.change_feed import Window
from tests.contract.index.engines import Engine, engine_of
from tests.contract.index.kept import ORIGIN, a_kept, scope, uids
from tests.contract.index.test_plans import BELOW, SEARCHES, TRIED_IN_VAIN

STUDIES = 3000
WALK = re.compile(
    r"Seq Scan on (partition|patient|study|series|instance|instance_version|description|feed|"
    r"deletion|study_modality|sequence_item)\b"
)
FEW = {"partition"}
"""Tables with so few rows that walking them is what there is to do."""


class Planned:
    """A connection whose statements are explained with the parameters they had."""

    def __init__(self, engine: Engine) -> None:
        self.dialect = engine.dialect
        self.connection: Any = self.dialect.connect_writer()
        self._asked: list[tuple[str, Any]] = []

    def plans(self, work: Callable[[Any], object]) -> list[str]:
        self._asked.clear()
        lines: list[str] = []
        self.connection.execute("BEGIN")
        try:
            work(self)
            for sql, parameters in {repr(each): each for each in self._asked}.values():
                if re.match("SELECT|INSERT|UPDATE|DELETE", sql):
                    rows = self.connection.execute(f"EXPLAIN {sql}", parameters).fetchall()
                    lines += [f"{line}   in: {sql[:300]}" for (line,) in rows]
        finally:
            self.connection.rollback()
        assert lines, "nothing was run"
        return lines

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        self._asked.append((sql, tuple(parameters)))
        return self.connection.execute(sql, parameters)

    def executemany(self, sql: str, rows: Any) -> Any:
        rows = [tuple(row) for row in rows]
        self._asked += [(sql, row) for row in rows[:1]]
        return self.connection.executemany(sql, rows)

    def walks(self, work: Callable[[Any], object]) -> list[str]:
        found = []
        for line in self.plans(work):
            match = WALK.search(line)
            if match is not None and match[1] not in FEW:
                found.append(line)
        return found


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with engine_of("postgres", tmp_path_factory.mktemp("plans")) as made:
        _fill(made)
        yield made


def _fill(engine: Engine) -> None:
    with closing(engine.dialect.connect_writer()) as connection:
        for start in range(0, STUDIES, 500):
            batch = [
                a_kept(
                    uids(number), PatientID=f"P{number}", PatientName=f"Doe^J{number}",
                    Modality="CT" if number % 9 else "MR", AccessionNumber=f"A{number}",
                    StudyDate=f"2024{number % 12 + 1:02}{number % 28 + 1:02}",
                    items={level: [("0040027500401001", 0, f"x{number}")] for level in Level},
                )
                for number in range(start, start + 500)
            ]  # fmt: skip
            connection.execute("BEGIN")
            commit_batch(connection, engine.dialect, batch, 1)
            connection.commit()
    engine.execute("ANALYZE")


@pytest.fixture(params=["as we set it", "as the server plans by itself"])
def planned(request: pytest.FixtureRequest, engine: Engine) -> Iterator[Planned]:
    made = Planned(engine)
    if request.param != "as we set it":
        made.connection.execute("SET enable_seqscan = on")
    with closing(made.connection):
        yield made


@pytest.mark.parametrize("effort", [USUAL_EFFORT, TRIED_IN_VAIN], ids=["narrow", "wide"])
@pytest.mark.parametrize("level", list(Level))
@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_walks_no_table(engine: Engine, effort: Effort, level: Level, name: str) -> None:
    conditions: Any = SEARCHES[name]
    query = Query(level, conditions, limit=5)
    made = Planned(engine)
    with closing(made.connection):
        searcher = Searcher(made.dialect, 1000, effort)
        assert made.walks(lambda connection: searcher.search(connection, query)) == []


@pytest.mark.parametrize(("level", "condition"), BELOW.values(), ids=BELOW)
def test_a_search_by_deeper_attributes_walks_no_table(
    engine: Engine, level: Level, condition: Any
) -> None:
    made = Planned(engine)
    with closing(made.connection):
        searcher = Searcher(made.dialect, 1000, USUAL_EFFORT)
        query = Query(level, (condition,), limit=5)
        assert made.walks(lambda connection: searcher.search(connection, query)) == []


ORDERED = {
    "newest first": "Backward using (ix_study_partition_key_key|pk_study)",
    "Patient ID": "ix_study_partition_key_PatientID_key",
    "accession number": "ix_study_partition_key_AccessionNumber_key",
    "study UID": "ix_study_StudyInstanceUID_partition_key",
    "words of a name": "ix_study_words_PatientName",
    "study date": "ix_study_partition_key_StudyDate_key",
}


@pytest.mark.parametrize(("name", "index"), ORDERED.items(), ids=ORDERED)
def test_a_search_goes_along_the_index_made_for_it(planned: Planned, name: str, index: str) -> None:
    conditions: Any = SEARCHES[name]
    if name == "words of a name":
        conditions = (Condition("PatientName", Level.STUDY, Words(("do", "j2345"))),)
    searcher = Searcher(planned.dialect, 1000, USUAL_EFFORT)
    query = Query(Level.STUDY, conditions, limit=5)

    lines = planned.plans(lambda connection: searcher.search(connection, query))

    assert any(re.search(index, line) for line in lines), lines


@pytest.mark.parametrize("level", list(Level))
def test_questions_by_uid_walk_no_table(planned: Planned, level: Level) -> None:
    here = scope(uids(3), level)
    key = a_kept(uids(3)).object_key

    def ask(connection: Any) -> None:
        read_summary(connection, here)
        read_instances(connection, here, 0, 10)
        read_frames(connection, scope(uids(3), Level.INSTANCE))
        read_described(connection, scope(uids(3), Level.INSTANCE))
        read_metadata_of(connection, [1, 2, 3])
        read_referenced(connection, planned.dialect, [key])
        read_feed(connection, 10, 10)
        read_newest_studies(connection, 5)

    assert planned.walks(ask) == []


def test_a_page_of_the_change_feed_is_looked_up(engine: Engine) -> None:
    def ask(connection: Any) -> None:
        assert len(read_after(connection, 10, 200)) == 200
        assert len(read_within(connection, Window(1, 2), 20, 200)) == 200
        assert len(read_within(connection, Window(), 20, 200)) == 200
        assert read_latest(connection) is not None

    planned = Planned(engine)
    with closing(planned.connection):
        lines = planned.plans(ask)
        assert planned.walks(ask) == []

    of_feed = [line for line in lines if " on feed f" in line]
    assert of_feed
    assert not [each for each in of_feed if not re.search(r"using ix_feed_(time_)?position", each)]
    assert not [line for line in lines if re.match(r"\s*(->)?\s*(Incremental )?Sort", line)]


def test_what_is_due_is_found_by_its_index(engine: Engine) -> None:
    made = Planned(engine)
    with closing(made.connection):
        lines = made.plans(lambda connection: read_due(connection, 10, 10))
    assert any("ix_deletion_due" in line for line in lines)


def test_a_commit_walks_no_table(planned: Planned) -> None:
    batch = [
        a_kept(uids(1, 2), Modality="MR", PatientName="Roe^Jane", PatientID="other"),
        a_kept(uids(1), content="other", on_conflict=OnConflict.NEW_VERSION),
        a_kept(uids(STUDIES + 77), PatientID="new"),
    ]

    assert planned.walks(lambda each: commit_batch(each, planned.dialect, batch, 2)) == []


@pytest.mark.parametrize("level", list(Level))
def test_a_delete_walks_no_table(planned: Planned, level: Level) -> None:
    here = scope(uids(3), level)

    def delete(connection: Any) -> None:
        assert delete_scope(connection, planned.dialect, here, ORIGIN, 2) == 1

    assert planned.walks(delete) == []


def test_a_walk_would_be_noticed(planned: Planned) -> None:
    sql = "SELECT 1 FROM study WHERE \"StudyDescription\" = 'x'"
    assert planned.walks(lambda connection: connection.execute(sql))


def test_a_reader_keeps_to_its_deadline_and_cannot_write(engine: Engine) -> None:
    deadline = Deadline()
    with closing(engine.dialect.connect_reader(deadline)) as reader:
        deadline.at = time.monotonic() + 0.2
        with pytest.raises(psycopg.errors.QueryCanceled) as caught:
            reader.execute("SELECT pg_sleep(10)")
        assert isinstance(engine.dialect.translate(caught.value), QueryTooCostly)
        with pytest.raises(QueryTooCostly):
            reader.execute("SELECT 1")
        deadline.at = time.monotonic() + 5
        assert reader.execute("SELECT 1").fetchone() == (1,)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            reader.execute("UPDATE counter SET value = 1")
