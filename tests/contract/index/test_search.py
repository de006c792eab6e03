"""`SearchIndex`: every kind of match, at every level, with conditions of the levels above."""

from collections.abc import Sequence
from typing import Any

import pytest

from hilum.adapters.database.sql_index import SqlIndex
from hilum.domain.errors import InvalidQuery
from hilum.domain.identifiers import PartitionKey
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
from tests.contract.index.engines import Engine
from tests.contract.index.kept import a_kept, read_json, scope, uids

STUDY, SERIES, INSTANCE = Level.STUDY, Level.SERIES, Level.INSTANCE
CODE, MEANING = "0008103200080100", "0008103200080104"


@pytest.fixture
async def filled(index: SqlIndex) -> SqlIndex:
    """Four studies; `found` names them 1 to 4."""
    one, two, three, four = uids(1), uids(2), uids(3), uids(4)
    await index.commit(
        [
            a_kept(one, PatientName="Doe^John^Quincy", PatientID="A1", StudyDate="20240110",
                   StudyTime="101500.000000", AccessionNumber="X[1]", Modality="CT",
                   SeriesNumber=7, InstanceNumber=1, StudyDescription="Head * neck",
                   items={STUDY: [(CODE, 0, "head"), (MEANING, 0, "skull"),
                                  (CODE, 1, "neck"), (MEANING, 1, "throat")]}),
            a_kept(uids(1, 2, 1), Modality="MR", SeriesNumber=8, InstanceNumber=2),
            a_kept(two, PatientName="Müller-Lüdenscheidt^Doe", PatientID="a2",
                   StudyDate="20240111", StudyTime="235959.999999", Modality="MR",
                   ReferringPhysicianName="O'Brien^Flann", SeriesNumber=3, InstanceNumber=3),
            a_kept(three, PatientName="Johnson^Dora", PatientID="B1", StudyDate="20240111",
                   Modality="US", InstanceNumber=3),
            a_kept(four, PatientName="Yamada^Tarou=山田^太郎", PatientID="B1",
                   IssuerOfPatientID="Elsewhere", StudyDate="20250101", StudyTime="000000.000000"),
        ]
    )  # fmt: skip
    return index


async def found(index: SqlIndex, *conditions: Any, level: Level = STUDY, **more: Any) -> list[int]:
    """Numbers of the studies of the rows found, in the order they came."""
    page = await index.search(Query(level, conditions, **more))
    return [int(read_json(row.study)["StudyInstanceUID"].split(".")[2]) for row in page.rows]


def at(keyword: str, match: Match, level: Level = STUDY) -> Condition:
    return Condition(keyword, level, match)


def an_item(*keys: tuple[str, Any]) -> ItemCondition:
    return ItemCondition("ProcedureCodeSequence", STUDY, keys)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (at("PatientID", Equals("a1")), [1]),
        (at("PatientID", Equals("b1")), [4, 3]),
        (at("PatientID", Equals("none")), []),
        (at("PatientName", Equals("doe john quincy")), [1]),
        (at("StudyDate", Equals("20240111")), [3, 2]),
        (at("StudyInstanceUID", Equals(uids(2).study)), [2]),
        (at("StudyInstanceUID", OneOf((uids(2).study, uids(4).study, "1.9"))), [4, 2]),
        (at("StudyInstanceUID", OneOf(())), []),
        (at("PatientID", OneOf(("a1", "a2"))), [2, 1]),
        (at("PatientID", Like("a*")), [2, 1]),
        (at("PatientID", Like("?1")), [4, 3, 1]),
        (at("PatientID", Like("*1")), [4, 3, 1]),
        (at("PatientID", Like("a1")), [1]),
        (at("PatientID", Like("a?*")), [2, 1]),
        (at("PatientID", Like("*")), [4, 3, 2, 1]),
        (at("AccessionNumber", Like("x[1*")), [1]),
        (at("AccessionNumber", Like("x[[]1*")), []),
        (at("AccessionNumber", Equals("x[1]")), [1]),
        (at("AccessionNumber", Empty()), [4, 3, 2]),
        (at("StudyDescription", Like("*neck")), [1]),
        (at("StudyDescription", Equals("head * neck")), [1]),
        (at("StudyDate", Between("20240111", "20241231")), [3, 2]),
        (at("StudyDate", Between("20240111", None)), [4, 3, 2]),
        (at("StudyDate", Between(None, "20240110")), [1]),
        (at("StudyTime", Between("100000.000000", "120000.000000")), [1]),
        (at("StudyDate", DateTimeBetween("StudyTime", "20240110101500.000000", None)),
         [4, 3, 2, 1]),
        (at("StudyDate", DateTimeBetween("StudyTime", "20240110101500.000001", None)), [4, 3, 2]),
        (at("StudyDate", DateTimeBetween("StudyTime", None, "20240111120000.000000")), [3, 1]),
        (at("StudyDate", DateTimeBetween("StudyTime", "20240111120000.000000",
                                         "20240111235959.999999")), [3, 2]),
        (at("PatientName", Words(("joh",))), [3, 1]),
        (at("PatientName", Words(("do",))), [3, 2, 1]),
        (at("PatientName", Words(("do", "jo"))), [1]),
        (at("PatientName", Words(("jo", "do"))), [3]),
        (at("PatientName", Words(("do", "qu"))), []),
        (at("PatientName", Words(("ohn",))), []),
        (at("PatientName", Words(("ludenscheidt",))), []),
        (at("PatientName", Words(("muller-lud",))), [2]),
        (at("PatientName", Words(("山",))), [4]),
        (at("PatientName", Words(())), [4, 3, 2, 1]),
        (at("PatientName", Words(('"',))), []),
        (at("PatientName", Words(("doe", "AND"))), []),
        (at("ReferringPhysicianName", Words(("o'b", "fl"))), [2]),
        (at("ReferringPhysicianName", Words(("brien",))), []),
        (at("ReferringPhysicianName", Words(("doe",))), []),
        (at("ModalitiesInStudy", Equals("mr")), [2, 1]),
        (at("ModalitiesInStudy", OneOf(("ct", "us"))), [3, 1]),
        (at("ModalitiesInStudy", OneOf(("ct", "mr"))), [2, 1]),
        (at("ModalitiesInStudy", Like("?r")), [2, 1]),
        (at("ModalitiesInStudy", Empty()), [4]),
        (an_item((CODE, Equals("head"))), [1]),
        (an_item((CODE, Equals("head")), (MEANING, Equals("skull"))), [1]),
        (an_item((CODE, Equals("head")), (MEANING, Equals("throat"))), []),
        (an_item((CODE, Like("n*")), (MEANING, OneOf(("throat", "x")))), [1]),
        (an_item((CODE, Between("h", "i"))), [1]),
    ],
    ids=lambda value: str(value)[:70],
)  # fmt: skip
async def test_studies_are_matched(
    filled: SqlIndex, condition: Condition | ItemCondition, expected: Sequence[int]
) -> None:
    assert await found(filled, condition) == expected


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ((at("Modality", Equals("mr"), SERIES),), [2, 1]),
        ((at("Modality", Equals("mr"), SERIES), at("PatientID", Equals("a1"))), [1]),
        ((at("PatientID", Equals("b1")),), [4, 3]),
        ((at("PatientName", Words(("do",))),), [3, 2, 1, 1]),
        ((at("SeriesNumber", Equals("007"), SERIES),), [1]),
        ((at("SeriesNumber", Equals(7), SERIES),), [1]),
        ((at("SeriesNumber", Equals("seven"), SERIES),), []),
        ((at("SeriesNumber", Equals(2**80), SERIES),), []),
        ((at("SeriesNumber", OneOf(("7", "3", "x")), SERIES),), [2, 1]),
        ((at("SeriesNumber", Empty(), SERIES),), [4, 3]),
        ((at("SeriesNumber", Like("?"), SERIES),), [2, 1, 1]),
        ((at("SeriesInstanceUID", Equals(uids(1, 2).series), SERIES),), [1]),
        ((at("StudyInstanceUID", Equals(uids(1).study)),), [1, 1]),
        ((at("StudyInstanceUID", OneOf((uids(1).study, uids(3).study))),), [3, 1, 1]),
        ((at("ModalitiesInStudy", Equals("mr")),), [2, 1, 1]),
        ((at("StudyDate", Between("20240111", None)),), [4, 3, 2]),
        ((an_item((CODE, Equals("head"))),), [1, 1]),
    ],
    ids=lambda value: str(value)[:70],
)
async def test_series_are_matched_by_their_own_and_their_studys_attributes(
    filled: SqlIndex, conditions: Sequence[Condition], expected: Sequence[int]
) -> None:
    assert await found(filled, *conditions, level=SERIES) == expected


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ((), [4, 3, 2, 1, 1]),
        ((at("InstanceNumber", Equals(3), INSTANCE),), [3, 2]),
        ((at("InstanceNumber", Equals(3), INSTANCE), at("Modality", Equals("us"), SERIES)), [3]),
        ((at("Modality", Equals("mr"), SERIES),), [2, 1]),
        ((at("Modality", Equals("mr"), SERIES), at("PatientName", Like("doe*"))), [1]),
        ((at("PatientID", Equals("a1")), at("Modality", Equals("ct"), SERIES)), [1]),
        ((at("SOPInstanceUID", Equals(uids(3).sop_instance), INSTANCE),), [3]),
        ((at("SOPInstanceUID", OneOf((uids(3).sop_instance, uids(1).sop_instance)), INSTANCE),),
         [3, 1]),
        ((at("SeriesInstanceUID", Equals(uids(1, 2).series), SERIES),), [1]),
        ((at("StudyInstanceUID", Equals(uids(1).study)),), [1, 1]),
        ((at("StudyDate", Between(None, "20240111")),), [3, 2, 1, 1]),
        ((at("ModalitiesInStudy", Equals("mr")),), [2, 1, 1]),
    ],
    ids=lambda value: str(value)[:70],
)  # fmt: skip
async def test_instances_are_matched_by_attributes_of_all_three_levels(
    filled: SqlIndex, conditions: Sequence[Condition], expected: Sequence[int]
) -> None:
    assert await found(filled, *conditions, level=INSTANCE) == expected


async def test_a_search_inside_a_study_or_series_sees_nothing_else(filled: SqlIndex) -> None:
    here = uids(1, 2)
    no_such = uids(1, 5)

    assert await found(filled, level=SERIES, study=here.study) == [1, 1]
    assert await found(filled, level=INSTANCE, study=here.study) == [1, 1]
    assert await found(filled, level=INSTANCE, study=here.study, series=here.series) == [1]
    assert await found(filled, level=INSTANCE, study=here.study, series=no_such.series) == []
    assert await found(filled, level=STUDY, study=here.study) == [1]
    mr = at("Modality", Equals("mr"), SERIES)
    assert await found(filled, mr, level=INSTANCE, study=here.study) == [1]
    other = at("SOPInstanceUID", Equals(uids(3).sop_instance), INSTANCE)
    assert await found(filled, other, level=INSTANCE, study=here.study) == []
    contradiction = at("StudyInstanceUID", Equals(uids(2).study))
    assert await found(filled, contradiction, level=SERIES, study=here.study) == []


async def test_all_conditions_must_hold(filled: SqlIndex) -> None:
    assert await found(
        filled,
        at("StudyDate", Between("20240101", "20241231")),
        at("PatientName", Words(("do",))),
        at("ModalitiesInStudy", Equals("mr")),
        at("PatientID", Like("a*")),
    ) == [2, 1]


async def test_a_search_does_not_leave_its_partition(filled: SqlIndex, engine: Engine) -> None:
    second = PartitionKey(2)
    engine.execute("INSERT INTO partition VALUES (2, 'second', 0, 0, 0, 0, 0)")
    await filled.commit(
        [
            a_kept(
                uids(1), partition=second, PatientName="Doe^John", PatientID="A1", Modality="CT",
                StudyDate="20240110", items={STUDY: [(CODE, 0, "head")]},
            )
        ]
    )  # fmt: skip
    conditions = [
        at("PatientID", Equals("a1")),
        at("PatientName", Words(("doe", "john"))),
        at("PatientName", Like("doe*")),
        at("StudyDate", Between("20240110", "20240110")),
        at("ModalitiesInStudy", Equals("ct")),
        at("StudyInstanceUID", Equals(uids(1).study)),
        an_item((CODE, Equals("head"))),
    ]

    for level in Level:
        for condition in conditions:
            rows = (await filled.search(Query(level, (condition,), partition=second))).rows
            assert len(rows) == 1, (level, condition)
    assert await found(filled, partition=second) == [1]
    assert await found(filled) == [4, 3, 2, 1]


async def test_a_row_carries_the_objects_of_its_level_and_those_above(filled: SqlIndex) -> None:
    (study, *_), (series, *_), (instance, *_) = [
        (await filled.search(Query(level, study=uids(2).study))).rows for level in Level
    ]
    (held,) = await filled.instances(scope(uids(2), STUDY), 0, 10)

    assert study.series is study.instance is series.instance is None
    assert read_json(instance.study)["PatientID"] == "a2"
    assert read_json(instance.series)["Modality"] == "MR"
    assert read_json(instance.instance)["InstanceNumber"] == 3
    assert study.newest == series.newest == instance.newest == held.key


@pytest.mark.parametrize(
    "condition",
    [
        at("Modality", Equals("ct"), SERIES),
        at("StudyComments", Equals("x")),
        at("Modality", Equals("x"), STUDY),
        at("StudyDate", DateTimeBetween("NoSuchTime", None, None)),
        ItemCondition("ConceptNameCodeSequence", INSTANCE, ((CODE, Equals("x")),)),
        at("StudyInstanceUID", OneOf(("1.2",) * 1001)),
        at("PatientName", Words(("a",) * 33)),
        at("PatientName", Words(("a\0",))),
        at("PatientID", Equals("half a character \ud800")),
        at("PatientID", Like("*" * 5000)),
        an_item((CODE, Equals("\0"))),
    ],
    ids=lambda value: ascii(value)[:60],
)
async def test_what_the_index_cannot_answer_is_refused(
    filled: SqlIndex, condition: Condition
) -> None:
    with pytest.raises(InvalidQuery):
        await filled.search(Query(STUDY, (condition,)))


async def test_too_many_conditions_are_refused(filled: SqlIndex) -> None:
    condition = at("PatientID", Equals("a1"))

    assert await found(filled, *[condition] * 100) == [1]
    with pytest.raises(InvalidQuery):
        await found(filled, *[condition] * 101)


async def test_hostile_values_are_values(filled: SqlIndex) -> None:
    hostile = "x' OR 1=1 --"
    for match in (Equals(hostile), Like(hostile + "*"), Words((hostile,)), OneOf((hostile,))):
        assert await found(filled, at("PatientName", match)) == []
    for word in ('"', '""', "*", "a*", "^a", "{x} :", "NEAR(a b)", "-", "\\", "é"):
        assert await found(filled, at("PatientName", Words((word,)))) == []
