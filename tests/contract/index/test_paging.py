"""Pages of a search: newest first, whole, without repeats, whatever happens in between."""

import pytest

from hilum.adapters.database.sql_index import SqlIndex
from hilum.domain.levels import Level
from hilum.domain.queries import Between, Condition, Equals, Query, Words
from tests.contract.index.engines import Engine
from tests.contract.index.kept import ORIGIN, a_kept, read_json, scope, uids

CONDITIONS = {
    "a listing": (),
    "a patient": (Condition("PatientID", Level.STUDY, Equals("p")),),
    "a range of dates": (Condition("StudyDate", Level.STUDY, Between("20240101", "20241231")),),
    "words of a name": (Condition("PatientName", Level.STUDY, Words(("do",))),),
    "a modality": (Condition("ModalitiesInStudy", Level.STUDY, Equals("ct")),),
}
VALUES = {
    "PatientID": "P", "StudyDate": "20240505", "PatientName": "Doe^John", "Modality": "CT",
}  # fmt: skip


async def fill(index: SqlIndex, numbers: range) -> None:
    await index.commit([a_kept(uids(number), **VALUES) for number in numbers])  # type: ignore[arg-type]


async def page(
    index: SqlIndex, conditions: tuple[Condition, ...], offset: int, limit: int = 4
) -> tuple[list[int], bool]:
    answer = await index.search(Query(Level.STUDY, conditions, limit=limit, offset=offset))
    numbers = [read_json(row.study)["StudyInstanceUID"].split(".")[2] for row in answer.rows]
    return [int(number) for number in numbers], answer.more


@pytest.mark.parametrize("conditions", CONDITIONS.values(), ids=CONDITIONS)
async def test_pages_together_are_the_whole_answer(
    index: SqlIndex, conditions: tuple[Condition, ...]
) -> None:
    await fill(index, range(10))

    pages = [await page(index, conditions, offset) for offset in (0, 4, 8, 12)]

    assert pages == [
        ([9, 8, 7, 6], True),
        ([5, 4, 3, 2], True),
        ([1, 0], False),
        ([], False),
    ]


@pytest.mark.parametrize("conditions", CONDITIONS.values(), ids=CONDITIONS)
async def test_an_offset_without_a_page_before_it_is_counted(
    index: SqlIndex, conditions: tuple[Condition, ...]
) -> None:
    await fill(index, range(10))

    assert await page(index, conditions, 7) == ([2, 1, 0], False)
    assert await page(index, conditions, 3) == ([6, 5, 4, 3], True)


@pytest.mark.parametrize("conditions", CONDITIONS.values(), ids=CONDITIONS)
async def test_a_walk_repeats_nothing_when_studies_arrive_meanwhile(
    index: SqlIndex, conditions: tuple[Condition, ...]
) -> None:
    await fill(index, range(10))
    first, _ = await page(index, conditions, 0)

    await fill(index, range(10, 13))
    second, _ = await page(index, conditions, 4)

    assert (first, second) == ([9, 8, 7, 6], [5, 4, 3, 2])
    assert (await page(index, conditions, 0))[0] == [12, 11, 10, 9]


@pytest.mark.parametrize("conditions", CONDITIONS.values(), ids=CONDITIONS)
async def test_a_walk_misses_nothing_when_studies_are_deleted_meanwhile(
    index: SqlIndex, conditions: tuple[Condition, ...]
) -> None:
    await fill(index, range(10))
    await page(index, conditions, 0)

    for number in (9, 6, 5):
        await index.delete(scope(uids(number), Level.STUDY), ORIGIN)

    assert (await page(index, conditions, 4))[0] == [4, 3, 2, 1]


async def test_walks_of_different_searches_do_not_mix(index: SqlIndex) -> None:
    await fill(index, range(10))
    await index.commit([a_kept(uids(50), **{**VALUES, "PatientID": "other"})])  # type: ignore[arg-type]

    assert (await page(index, (), 0))[0] == [50, 9, 8, 7]
    assert (await page(index, CONDITIONS["a patient"], 4))[0] == [5, 4, 3, 2]


async def test_a_page_of_another_length_follows_on_too(index: SqlIndex) -> None:
    await fill(index, range(10))

    await page(index, (), 0, limit=3)
    second, _ = await page(index, (), 3, limit=5)

    assert second == [6, 5, 4, 3, 2]


async def test_a_limit_above_the_cap_gives_the_cap_and_says_there_is_more(engine: Engine) -> None:
    async with engine.open(row_cap=5) as index:
        await fill(index, range(8))

        assert await page(index, (), 0, limit=100) == ([7, 6, 5, 4, 3], True)
        assert await page(index, (), 5, limit=100) == ([2, 1, 0], False)


async def test_a_limit_of_nothing_tells_whether_there_is_something(index: SqlIndex) -> None:
    assert await page(index, (), 0, limit=0) == ([], False)

    await fill(index, range(1))

    assert await page(index, (), 0, limit=0) == ([], True)
