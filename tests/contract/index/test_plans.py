"""SQLite's plans: nothing that is asked often walks a table from end to end."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hilum.adapters.database.change_feed import read_after, read_latest, read_within
from hilum.adapters.database.committing import commit_batch
from hilum.adapters.database.counting import read_counts, read_newest_studies
from hilum.adapters.database.deleting import delete_scope, read_due
from hilum.adapters.database.reading import (
    read_described,
    read_feed,
    read_frames,
    read_instances,
    read_metadata,
    read_metadata_of,
    read_referenced,
    read_summary,
)
from hilum.adapters.database.searching import USUAL_EFFORT, Effort, Searcher
from hilum.adapters.database.sqlite import SqliteDialect
from hilum.domain.extended_tags import ValueKind
from hilum.domain.identifiers import SeriesInstanceUID
from hilum.domain.instances import OnConflict
from hilum.domain.levels import Level
from hilum.domain.queries import (
    Between,
    Condition,
    DateTimeBetween,
    Equals,
    ExtendedCondition,
    ItemCondition,
    Like,
    OneOf,
    Query,
    Words,
)
from hilum.ports.change_feed import Window
from tests.contract.index.engines import make_engine
from tests.contract.index.kept import ORIGIN, a_kept, scope, uids

TABLES = (
    "extended_text|extended_integer|extended_real|"
    "partition|patient|study|series|instance|instance_version|description|feed|sequence_item"
)
WALK = re.compile(
    rf"SCAN (s|e|i|v|d|m|x|q\d|{TABLES})\b(?! USING COVERING INDEX ix_study_modality)"
)
TRIED_IN_VAIN = Effort(narrow=0, narrow_above=0, walked_keys=1)


class Planned:
    """A connection whose statements are explained after they ran."""

    def __init__(self, path: Path) -> None:
        self.dialect = SqliteDialect(path)
        self.connection = self.dialect.connect_writer()
        self._statements: list[str] = []

    def plans(self, work: Callable[[Any], object]) -> list[str]:
        """Lines of the plans of all that `work` runs."""
        self._statements.clear()
        self.connection.set_trace_callback(self._statements.append)
        try:
            work(self.connection)
        finally:
            self.connection.set_trace_callback(None)
        return [line for sql in dict.fromkeys(self._statements) for line in self._explain(sql)]

    def _explain(self, sql: str) -> list[str]:
        if not re.match("SELECT|INSERT|UPDATE|DELETE", sql):
            return []
        rows = self.connection.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall()
        return [f"{row[3]}   in: {sql[:300]}" for row in rows]


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planned]:
    """Shared by tests that only ask."""
    yield from _filled(tmp_path_factory.mktemp("plans"))


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Planned]:
    """For a test that changes something."""
    yield from _filled(tmp_path)


def _filled(folder: Path) -> Iterator[Planned]:
    planned = Planned(make_engine("sqlite", folder).path)
    batch = [
        a_kept(
            uids(number), PatientID=f"P{number}", PatientName=f"Doe^J{number}", Modality="CT",
            AccessionNumber=f"A{number}", StudyDate="20240101", items={
                level: [("0040027500401001", 0, "x")] for level in Level
            },
        )
        for number in range(50)
    ]  # fmt: skip
    commit_batch(planned.connection, planned.dialect, batch, 1)
    yield planned
    planned.connection.close()


def walks(lines: list[str]) -> list[str]:
    assert lines, "nothing was run"
    return [line for line in lines if WALK.search(line)]


STUDY, SERIES, INSTANCE = Level
SEARCHES = {
    "newest first": (),
    "Patient ID": (Condition("PatientID", STUDY, Equals("p1")),),
    "accession number": (Condition("AccessionNumber", STUDY, Equals("a1")),),
    "study date": (Condition("StudyDate", STUDY, Equals("20240101")),),
    "study date range": (Condition("StudyDate", STUDY, Between("20230101", "20241231")),),
    "study date and time": (
        Condition("StudyDate", STUDY, DateTimeBetween("StudyTime", "20240101", "20240102")),
    ),
    "begin of a name": (Condition("PatientName", STUDY, Like("doe*")),),
    "words of a name": (Condition("PatientName", STUDY, Words(("do", "j"))),),
    "modality in study": (Condition("ModalitiesInStudy", STUDY, Equals("ct")),),
    "study UID": (Condition("StudyInstanceUID", STUDY, Equals(uids(3).study)),),
    "study UIDs": (Condition("StudyInstanceUID", STUDY, OneOf((uids(3).study, uids(4).study))),),
    "an item": (
        ItemCondition("RequestAttributesSequence", STUDY, (("0040027500401001", Equals("x")),)),
    ),
}
SEARCHES |= {
    f"extended {kind.value}": (ExtendedCondition("00101010", 1, STUDY, kind, Equals(value)),)
    for kind, value in zip(ValueKind, ("x", 1, 1.5), strict=True)
}
SEARCHES |= {
    "extended range": (ExtendedCondition("00101010", 1, STUDY, ValueKind.TEXT, Between("a", "b")),),
    "extended words": (ExtendedCondition("00101010", 1, STUDY, ValueKind.TEXT, Words(("a", "b"))),),
}
BELOW = {
    "modality": (SERIES, Condition("Modality", SERIES, Equals("ct"))),
    "series UID": (SERIES, Condition("SeriesInstanceUID", SERIES, Equals(uids(3).series))),
    "series UID of instances": (
        INSTANCE,
        Condition("SeriesInstanceUID", SERIES, Equals(uids(3).series)),
    ),
    "SOP instance UID": (
        INSTANCE,
        Condition("SOPInstanceUID", INSTANCE, Equals(uids(3).sop_instance)),
    ),
    "extended tag of instances": (
        INSTANCE,
        ExtendedCondition("00101010", 1, INSTANCE, ValueKind.TEXT, Equals("x")),
    ),
    "extended tag of a series": (
        INSTANCE,
        ExtendedCondition("00101010", 1, SERIES, ValueKind.INTEGER, Equals(3)),
    ),
    "item of a series": (
        INSTANCE,
        ItemCondition("RequestAttributesSequence", SERIES, (("0040027500401001", Equals("x")),)),
    ),
}


@pytest.mark.parametrize("effort", [USUAL_EFFORT, TRIED_IN_VAIN], ids=["narrow", "wide"])
@pytest.mark.parametrize("offset", [0, 10])
@pytest.mark.parametrize("level", list(Level))
@pytest.mark.parametrize("conditions", SEARCHES.values(), ids=SEARCHES)
def test_a_search_by_study_attributes_walks_no_table(
    planned: Planned, effort: Effort, offset: int, level: Level, conditions: tuple[Any, ...]
) -> None:
    searcher = Searcher(planned.dialect, 1000, effort)
    query = Query(level, conditions, offset=offset)

    assert walks(planned.plans(lambda connection: searcher.search(connection, query))) == []


@pytest.mark.parametrize("effort", [USUAL_EFFORT, TRIED_IN_VAIN], ids=["narrow", "wide"])
@pytest.mark.parametrize(("level", "condition"), BELOW.values(), ids=BELOW)
def test_a_search_by_deeper_attributes_walks_no_table(
    planned: Planned, effort: Effort, level: Level, condition: Any
) -> None:
    searcher = Searcher(planned.dialect, 1000, effort)
    query = Query(level, (condition,))

    assert walks(planned.plans(lambda connection: searcher.search(connection, query))) == []


@pytest.mark.parametrize(
    ("level", "series"), [(SERIES, None), (INSTANCE, None), (INSTANCE, uids(3).series)]
)
def test_a_search_inside_a_study_or_series_walks_and_sorts_nothing_else(
    planned: Planned, level: Level, series: SeriesInstanceUID | None
) -> None:
    searcher = Searcher(planned.dialect, 1000, USUAL_EFFORT)
    query = Query(level, (), study=uids(3).study, series=series)

    lines = planned.plans(lambda connection: searcher.search(connection, query))

    assert walks(lines) == []
    assert not [line for line in lines if "TEMP B-TREE" in line]


@pytest.mark.parametrize("name", ["newest first", "Patient ID", "accession number", "study date"])
def test_what_lies_in_order_is_not_sorted(planned: Planned, name: str) -> None:
    searcher = Searcher(planned.dialect, 1000, USUAL_EFFORT)
    query = Query(STUDY, SEARCHES[name])

    lines = planned.plans(lambda connection: searcher.search(connection, query))

    assert not [line for line in lines if "TEMP B-TREE" in line]


@pytest.mark.parametrize("level", list(Level))
def test_questions_by_uid_walk_no_table(planned: Planned, level: Level) -> None:
    here = scope(uids(3), level)
    key = a_kept(uids(3)).object_key

    def ask(connection: Any) -> None:
        read_summary(connection, here)
        read_instances(connection, here, 0, 10)
        read_frames(connection, scope(uids(3), Level.INSTANCE))
        read_described(connection, scope(uids(3), Level.INSTANCE))
        read_metadata(connection, here, 0, 10)
        read_metadata_of(connection, [1, 2, 3])
        read_referenced(connection, planned.dialect, [key])
        read_feed(connection, 10, 10)
        read_due(connection, 10, 10)

    lines = planned.plans(ask)

    assert walks(lines) == []
    assert not [line for line in lines if "TEMP B-TREE" in line]


def test_a_page_of_the_change_feed_is_looked_up(planned: Planned) -> None:
    def ask(connection: Any) -> None:
        assert len(read_after(connection, 10, 10)) == 10
        assert len(read_within(connection, Window(1, 2), 20, 10)) == 10
        assert len(read_within(connection, Window(), 20, 10)) == 10
        assert read_latest(connection) is not None

    lines = planned.plans(ask)

    assert not [line for line in lines if re.match(r"SCAN (?!f USING INDEX ix_feed_pos)", line)]
    assert not [line for line in lines if "TEMP B-TREE" in line]


def test_counts_read_the_partitions_and_the_end_of_the_feed_only(planned: Planned) -> None:
    assert len(walks(planned.plans(read_counts))) == 1
    newest = planned.plans(lambda connection: read_newest_studies(connection, 5))
    assert [line.split("   in")[0] for line in newest] == ["SCAN study"]  # by its key, from the end


@pytest.mark.parametrize(
    "sql",
    ["SELECT * FROM study WHERE \"StudyDescription\" = 'x'", "SELECT count(*) FROM instance i"],
)
def test_a_walk_would_be_noticed(planned: Planned, sql: str) -> None:
    assert walks(planned.plans(lambda connection: connection.execute(sql)))


def test_a_commit_walks_no_table(own: Planned) -> None:
    batch = [
        a_kept(uids(1, 2), Modality="MR", PatientName="Roe^Jane", PatientID="other"),
        a_kept(uids(1), content="other", on_conflict=OnConflict.NEW_VERSION),
        a_kept(uids(77), PatientID="new"),
    ]

    lines = own.plans(lambda connection: commit_batch(connection, own.dialect, batch, 2))

    assert walks(lines) == []


@pytest.mark.parametrize("level", list(Level))
def test_a_delete_walks_no_table(own: Planned, level: Level) -> None:
    here = scope(uids(3), level)

    def delete(connection: sqlite3.Connection) -> None:
        assert delete_scope(connection, own.dialect, here, ORIGIN, 2) == 1

    assert walks(own.plans(delete)) == []
