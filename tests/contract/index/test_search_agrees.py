"""Searching agrees with a matcher that reads the standard's words literally, on random data."""

import asyncio
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hilum.adapters.database.searching import Effort
from hilum.adapters.database.sql_index import SqlIndex
from hilum.domain.levels import Level
from hilum.domain.queries import (
    Between,
    Condition,
    DateTimeBetween,
    Empty,
    Equals,
    ItemCondition,
    Like,
    Match,
    OneOf,
    Query,
    Words,
)
from tests.contract.index.engines import ENGINES, Engine, engine_of
from tests.contract.index.kept import a_kept, folded, read_json, uids

PATHS = ("0008103200080100", "0008103200080102")
NAMES = ("PatientName", "ReferringPhysicianName")
DATES = ["20231231", "20240101", "20240102", "20250630"]
TIMES = ["000000.000000", "120000.000000", "235959.999999"]

letters = st.sampled_from("abAB[]*?.- é\u0130ßº山\U0001f600'\"%_\\")
texts = st.text(letters, max_size=6)
words = st.lists(st.sampled_from(["do", "doe", "john", "jo", "o'b", "x-y", "山"]), max_size=4)
names = words.map("^".join) | texts


@dataclass(frozen=True)
class Held:
    """One study with one series and one instance."""

    values: Mapping[str, Any]
    items: tuple[tuple[str, int, str], ...]


held = st.builds(
    Held,
    values=st.fixed_dictionaries(
        {},
        optional={
            "PatientID": texts,
            "AccessionNumber": texts,
            "StudyDescription": texts,
            "PatientName": names,
            "ReferringPhysicianName": names,
            "StudyDate": st.sampled_from(DATES),
            "StudyTime": st.sampled_from(TIMES),
            "Modality": st.sampled_from(["CT", "MR", "ct"]),
            "SeriesNumber": st.integers(-2, 3),
            "InstanceNumber": st.integers(0, 3),
        },
    ),
    items=st.lists(
        st.tuples(st.sampled_from(PATHS), st.integers(0, 2), st.sampled_from(["a", "ab", "b"])),
        max_size=4,
        unique_by=lambda item: item[:2],
    ).map(tuple),
)

patterns = st.lists(st.sampled_from(["*", "?", "a", "b", "[", "]", "é", "ss"]), max_size=5).map(
    "".join
)
_text_match = (
    texts.map(lambda text: Equals(folded("PatientID", text)))
    | patterns.map(Like)
    | st.lists(texts.map(lambda text: folded("PatientID", text)), max_size=3).map(
        lambda found: OneOf(tuple(found))
    )
    | st.just(Empty())
)
_words = st.lists(
    st.sampled_from(["d", "do", "john", "j", "o'", "x", "山", "do'"]), min_size=1, max_size=3
).map(lambda found: Words(tuple(found)))
_days = st.sampled_from(DATES) | st.none()
_moments = st.none() | st.builds(
    lambda day, time: day + time, st.sampled_from(DATES), st.sampled_from(TIMES)
)


def _on(keywords: str, level: Level, match: st.SearchStrategy[Any]) -> st.SearchStrategy[Condition]:
    return st.builds(Condition, st.sampled_from(keywords.split()), st.just(level), match)


study_conditions = (
    _on("PatientID AccessionNumber StudyDescription PatientName", Level.STUDY, _text_match)
    | _on(" ".join(NAMES), Level.STUDY, _words)
    | _on("StudyDate", Level.STUDY, st.builds(Between, _days, _days))
    | _on(
        "StudyDate",
        Level.STUDY,
        st.builds(DateTimeBetween, st.just("StudyTime"), _moments, _moments),
    )
    | _on(
        "ModalitiesInStudy",
        Level.STUDY,
        st.sampled_from([Equals("ct"), OneOf(("mr", "ct")), Like("?r"), Empty()]),
    )
    | st.builds(
        ItemCondition,
        st.just("ProcedureCodeSequence"),
        st.just(Level.STUDY),
        st.lists(
            st.tuples(
                st.sampled_from(PATHS),
                st.sampled_from([Equals("a"), Like("a*"), OneOf(("b", "ab"))]),
            ),
            min_size=1,
            max_size=2,
        ).map(tuple),
    )
)
series_conditions = _on(
    "Modality", Level.SERIES, st.sampled_from([Equals("mr"), Like("c*"), Empty()])
) | _on("SeriesNumber", Level.SERIES, st.integers(-2, 3).map(Equals) | st.just(Empty()))
instance_conditions = _on(
    "InstanceNumber", Level.INSTANCE, st.integers(0, 3).map(lambda n: Equals(f"0{n}"))
)

queries = st.one_of(
    st.tuples(st.just(Level.STUDY), st.lists(study_conditions, max_size=3)),
    st.tuples(st.just(Level.SERIES), st.lists(study_conditions | series_conditions, max_size=3)),
    st.tuples(
        st.just(Level.INSTANCE),
        st.lists(study_conditions | series_conditions | instance_conditions, max_size=3),
    ),
)


def expected(studies: list[Held], conditions: list[Any]) -> list[int]:
    """Numbers of the studies that match, newest first: the naive matcher."""
    matching = [
        number
        for number, each in enumerate(studies)
        if all(_matches(each, condition) for condition in conditions)
    ]
    return matching[::-1]


def _matches(each: Held, condition: Any) -> bool:
    if isinstance(condition, ItemCondition):
        numbers = {item for _, item, _ in each.items}
        return any(
            all(
                any(path == key and item == number and _one(value, match, each)
                    for path, item, value in each.items)
                for key, match in condition.keys
            )
            for number in numbers
        )  # fmt: skip
    keyword = "Modality" if condition.keyword == "ModalitiesInStudy" else condition.keyword
    value = each.values.get(keyword)
    value = None if value in {None, ""} else folded(keyword, value)
    return _one(None if value == "" else value, condition.match, each)


def _one(value: Any, match: Match, each: Held) -> bool:  # noqa: PLR0911
    if isinstance(match, Empty):
        return value is None
    if isinstance(match, Like) and not match.pattern.strip("*") and match.pattern:
        return True
    if value is None:
        return False
    if isinstance(match, Equals):
        return bool(value == (int(match.value) if isinstance(value, int) else match.value))
    if isinstance(match, OneOf):
        return value in match.values
    if isinstance(match, Like):
        return _like(match.pattern, str(value))
    if isinstance(match, Between):
        return (match.low or "") <= value <= (match.high or "\U0010ffff")
    if isinstance(match, DateTimeBetween):
        time = each.values.get(match.time_keyword)
        latest = value + (time or "235959.999999")
        earliest = value + (time or "000000.000000")
        return (match.low or "") <= latest and earliest <= (match.high or "9")
    return _words_match(value.split(" "), match.words)


def _like(pattern: str, value: str) -> bool:
    parts = (".*" if char == "*" else "." if char == "?" else re.escape(char) for char in pattern)
    return re.fullmatch("".join(parts), value, re.DOTALL) is not None


def _words_match(held_words: list[str], asked: tuple[str, ...]) -> bool:
    return any(
        len(held_words) >= start + len(asked)
        and all(held_words[start + n].startswith(word) for n, word in enumerate(asked))
        for start in range(len(held_words))
    )


class Bench:
    """An index that many examples use one after another, emptied in between."""

    def __init__(self, index: SqlIndex, runner: asyncio.Runner) -> None:
        self._index = index
        self._runner = runner

    def answer(self, studies: list[Held], level: Level, conditions: list[Any]) -> list[int]:
        return self._runner.run(self._answer(studies, level, conditions))

    async def _answer(self, studies: list[Held], level: Level, conditions: list[Any]) -> list[int]:
        await self._index.maintenance.wipe()
        await self._index.commit(
            [
                a_kept(uids(number), items={Level.STUDY: each.items}, **each.values)
                for number, each in enumerate(studies)
            ]
        )
        page = await self._index.search(Query(level, tuple(conditions)))
        return [int(read_json(row.study)["StudyInstanceUID"].split(".")[2]) for row in page.rows]


@pytest.fixture(scope="module", params=ENGINES)
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    with engine_of(request.param, tmp_path_factory.mktemp("agrees")) as made:
        yield made


EFFORTS = {
    "sorting few": Effort(),
    "walking the newest first": Effort(narrow=0, narrow_above=0),
    "sorting many after a short walk": Effort(narrow=0, narrow_above=0, walked_keys=2),
}


@pytest.fixture(scope="module", params=EFFORTS.values(), ids=EFFORTS)
def bench(request: pytest.FixtureRequest, engine: Engine) -> Iterator[Bench]:
    with asyncio.Runner() as runner:
        index = engine.open(readers=1, effort=request.param)
        runner.run(index.open())
        try:
            yield Bench(index, runner)
        finally:
            runner.run(index.close())


@given(studies=st.lists(held, max_size=6), query=queries)
@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_search_agrees_with_a_naive_matcher(
    bench: Bench, studies: list[Held], query: tuple[Level, list[Any]]
) -> None:
    level, conditions = query

    assert bench.answer(studies, level, conditions) == expected(studies, conditions)
