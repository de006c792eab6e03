"""Extended query tags: what is committed, indexed later, replaced and deleted, and who finds it."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from hilum.adapters.database.sql_index import SqlIndex
from hilum.domain.extended_tags import (
    ExtendedTagExists,
    ExtendedValue,
    ExtendedValues,
    TagStatus,
    TooManyExtendedTags,
)
from hilum.domain.identifiers import Scope
from hilum.domain.instances import Kept, OnConflict, Revision
from hilum.domain.jobs import JobActive, JobKind, NewJob, new_job_id
from hilum.domain.levels import Level
from hilum.domain.queries import Between, Empty, Like, Words
from hilum.ingest.extended import extended_values
from hilum.operations.extended_tags.reindexing import indexed_page
from tests.contract.index.engines import Engine
from tests.contract.index.extended import (
    AGE,
    NUMBER,
    PART,
    PRIVATE,
    THICKNESS,
    add,
    found,
    reindex,
    saying,
    tag,
)
from tests.contract.index.kept import ORIGIN, uids


async def test_what_comes_in_after_a_tag_is_indexed_at_once_whatever_it_was_described_for(
    index: SqlIndex,
) -> None:
    before = saying(uids(1), PatientAge="054Y", SliceThickness=2.5, InstanceNumber=7)
    await add(index, AGE, NUMBER, THICKNESS)

    await index.commit([before])

    assert await found(index, AGE, "054y") == 1
    assert await found(index, NUMBER, 7) == 1
    assert await found(index, THICKNESS, 2.5) == 1
    assert await found(index, NUMBER, 8) == 0


async def test_values_made_for_the_state_that_is_held_are_taken_as_they_are(
    index: SqlIndex,
) -> None:
    await add(index, NUMBER)
    tags = await index.extended.extended_tags()
    kept = saying(uids(1), InstanceNumber=1)
    values = ExtendedValues(tags.generation, (ExtendedValue(tags.tags[0].key, 42),))

    await index.commit([replace(kept, description=replace(kept.description, extended=values))])

    assert await found(index, NUMBER, 42) == 1


async def test_what_is_held_is_indexed_by_the_job_and_the_tag_ready_then(index: SqlIndex) -> None:
    await index.commit([saying(uids(1, 1, n), InstanceNumber=n) for n in range(1, 9)])
    job_id = await add(index, NUMBER)
    assert (await tag(index, NUMBER)).status is TagStatus.ADDING
    assert await found(index, NUMBER, 5) == 0

    progress = await reindex(index, job_id)

    assert await found(index, NUMBER, 5) == 1
    assert await found(index, NUMBER, 9) == 0
    held = await tag(index, NUMBER)
    assert (held.status, held.job_id) == (TagStatus.READY, None)
    assert (progress.done, progress.total) == (8, 8)


async def test_of_a_study_and_a_series_the_latest_word_counts(index: SqlIndex) -> None:
    await index.commit([saying(uids(1, 1, 1), PatientAge="001Y", BodyPartExamined="HEAD")])
    await index.commit([saying(uids(1, 1, 2), PatientAge="002Y", BodyPartExamined="NECK")])
    await index.commit([saying(uids(1, 1, 3))])
    job_id = await add(index, AGE, PART)

    await reindex(index, job_id, page=1)
    assert (await found(index, AGE, "002y"), await found(index, AGE, "001y")) == (1, 0)
    assert await found(index, PART, "neck") == 1

    await index.commit([saying(uids(1, 1, 4), PatientAge="004Y")])
    assert (await found(index, AGE, "004y"), await found(index, AGE, "002y")) == (1, 0)
    assert await found(index, PART, "neck") == 1


async def test_indexing_later_never_replaces_what_came_in_meanwhile(index: SqlIndex) -> None:
    await index.commit([saying(uids(1, 1, 1), PatientAge="001Y", InstanceNumber=1)])
    job_id = await add(index, AGE, NUMBER)
    new = saying(
        uids(1, 1, 1), PatientAge="009Y", InstanceNumber=9, _on_conflict=OnConflict.NEW_VERSION
    )
    await index.commit([new])

    await reindex(index, job_id)

    assert (await found(index, AGE, "009y"), await found(index, AGE, "001y")) == (1, 0)
    assert (await found(index, NUMBER, 9), await found(index, NUMBER, 1)) == (1, 0)


async def test_of_a_version_that_was_replaced_meanwhile_nothing_is_written(index: SqlIndex) -> None:
    await index.commit([saying(uids(1, 1, 1), InstanceNumber=1)])
    job_id = await add(index, NUMBER)
    page = await index.extended.descriptions(1 << 40, 10, 1 << 20)
    tags = await index.extended.tags_of(job_id)
    indexed = indexed_page(page, tags)
    await index.commit([saying(uids(1, 1, 1), _on_conflict=OnConflict.NEW_VERSION)])

    await index.extended.fill(job_id, indexed)

    assert await found(index, NUMBER, 1) == 0


async def test_a_new_version_without_a_value_takes_the_old_one_away(index: SqlIndex) -> None:
    await add(index, NUMBER)
    await index.commit([saying(uids(1), InstanceNumber=1)])

    await index.commit([saying(uids(1), _on_conflict=OnConflict.NEW_VERSION)])

    assert await found(index, NUMBER, 1) == 0


async def test_a_delete_removes_values_and_errors_of_all_levels(
    index: SqlIndex, engine: Engine
) -> None:
    wrong = {"00200013": {"vr": "LO", "Value": ["1"]}}
    await index.commit(
        [
            saying(uids(1, 1, 1), PatientAge="001Y", BodyPartExamined="HEAD", InstanceNumber=1),
            saying(uids(1, 1, 2), wrong),
            saying(uids(2, 1, 1), wrong),
        ]
    )
    job_id = await add(index, AGE, PART, NUMBER)
    await reindex(index, job_id)
    assert (await tag(index, NUMBER)).errors == 2

    await index.delete(Scope(uids(1).study), ORIGIN)

    assert (await tag(index, NUMBER)).errors == 1
    for table in ("text", "integer", "real"):
        assert engine.execute(f"SELECT count(*) FROM extended_{table}") == [(0,)]


async def test_what_cannot_be_indexed_is_an_error_and_disables_the_tag(index: SqlIndex) -> None:
    wrong = saying(uids(1, 1, 1), {"00101010": {"vr": "LO", "Value": ["old"]}})
    told = replace(
        saying(uids(2, 1, 1), {"00101010": {"vr": "AS", "Value": ["too long"]}}), warned=True
    )
    told = replace(told, description=replace(told.description, invalid_tags=(0x00101010,)))
    await index.commit([wrong, told])

    await reindex(index, await add(index, AGE))

    held = await tag(index, AGE)
    assert (held.errors, held.query_enabled, held.status) == (1, False, TagStatus.READY)
    (error,) = await index.extended.errors(AGE.path, 10, 0)
    assert error.uids == wrong.description.uids
    assert "LO" in error.message
    assert "old" not in error.message
    enabled = await index.extended.enable(AGE.path, enabled=True)
    assert enabled is not None
    assert enabled.query_enabled


async def test_a_new_version_takes_the_error_of_the_old_one_away(index: SqlIndex) -> None:
    await index.commit([saying(uids(1), {"00101010": {"vr": "LO", "Value": ["x"]}})])
    await reindex(index, await add(index, AGE))
    assert (await tag(index, AGE)).errors == 1

    await index.commit([saying(uids(1), PatientAge="001Y", _on_conflict=OnConflict.NEW_VERSION)])

    assert (await tag(index, AGE)).errors == 0
    assert await found(index, AGE, "001y") == 1


async def test_private_attributes_are_found_in_whichever_block_their_creator_has(
    index: SqlIndex,
) -> None:
    await add(index, PRIVATE)
    creator, other = ({"vr": "LO", "Value": [name]} for name in ("MAKER", "ANOTHER"))
    value = {"vr": "SH", "Value": ["Here"]}
    await index.commit(
        [
            saying(uids(1, 1, 1), {"00190010": creator, "00191001": value}),
            saying(uids(1, 1, 2), {"00190010": other, "00190011": creator, "00191101": value}),
            saying(uids(1, 1, 3), {"00190010": other, "00191001": value}),
        ]
    )

    assert await found(index, PRIVATE, "here") == 2


async def test_ranges_words_wild_cards_and_empty_values_are_matched(index: SqlIndex) -> None:
    names = replace(AGE, path="00081048", vr="PN", level=Level.STUDY)
    dates = replace(AGE, path="00080022", vr="DA", level=Level.INSTANCE)
    await add(index, names, dates)
    await index.commit(
        [
            saying(
                uids(n),
                {"00081048": {"vr": "PN", "Value": [{"Alphabetic": name}]}},
                AcquisitionDate=f"2024010{n}",
            )
            for n, name in ((1, "Doe^John"), (2, "Doe^Jane"), (3, "Roe^John"))
        ]
    )
    await index.commit([saying(uids(4))])

    assert await found(index, dates, Between("20240102", "20240109")) == 2
    assert await found(index, dates, Between(None, "20240101")) == 1
    assert await found(index, names, Words(("do", "jo"))) == 1
    assert await found(index, names, Like("doe*")) == 2
    assert await found(index, names, Empty()) == 1
    assert await found(index, names, Like("doe*"), Level.INSTANCE) == 2


async def test_there_is_one_tag_of_a_path_and_no_more_than_are_allowed(index: SqlIndex) -> None:
    await add(index, AGE)

    with pytest.raises(ExtendedTagExists):
        await add(index, PART, AGE)
    with pytest.raises(TooManyExtendedTags, match=r"extended_tags\.maximum"):
        await add(index, PART, NUMBER, maximum=2)

    assert [each.path for each in await index.extended.page(10, 0)] == [AGE.path]


async def test_a_job_that_is_active_lets_no_tag_in(index: SqlIndex) -> None:
    first = NewJob(new_job_id(), JobKind.REINDEX, {}, exclusive="reindex")
    await index.extended.add([AGE], first, 128)

    second = NewJob(new_job_id(), JobKind.REINDEX, {}, exclusive="reindex")
    with pytest.raises(JobActive) as active:
        await index.extended.add([PART], second, 128)

    assert active.value.job_id == first.job_id
    assert await index.extended.get(PART.path) is None


async def test_a_deleted_tag_goes_bit_by_bit_and_can_be_added_again_meanwhile(
    index: SqlIndex, engine: Engine
) -> None:
    await index.commit([saying(uids(1, 1, n), InstanceNumber=n) for n in range(1, 8)])
    await reindex(index, await add(index, NUMBER))

    assert await index.extended.delete(NUMBER.path)
    assert not await index.extended.delete(NUMBER.path)
    await index.commit([saying(uids(1, 1, 8), InstanceNumber=8)])
    assert await index.extended.sweep(3) == 3
    assert (await tag(index, NUMBER)).status is TagStatus.DELETING
    job_id = await add(index, NUMBER)
    assert await found(index, NUMBER, 1) == 0
    while await index.extended.sweep(3):
        pass
    await reindex(index, job_id)

    assert [await found(index, NUMBER, n) for n in (1, 8)] == [1, 1]
    assert engine.execute("SELECT count(*) FROM extended_integer") == [(8,)]
    assert [each.status for each in await index.extended.page(10, 0)] == [TagStatus.READY]


async def test_two_processes_that_remove_a_tag_leave_none_of_its_values(engine: Engine) -> None:
    async with engine.open() as one, engine.open() as other:
        await add(one, NUMBER)
        await one.commit([saying(uids(1, 1, n), InstanceNumber=n) for n in range(1, 41)])
        await one.extended.delete(NUMBER.path)

        async def sweep(index: SqlIndex) -> None:
            while await index.extended.sweep(2):
                pass

        await asyncio.gather(sweep(one), sweep(other))

        assert engine.execute("SELECT count(*) FROM extended_integer") == [(0,)]
        assert await one.extended.get(NUMBER.path) is None


async def test_what_a_sender_was_told_of_stays_out_of_the_index_when_its_study_is_revised(
    index: SqlIndex,
) -> None:
    def told(**options: Any) -> Kept:
        kept = saying(uids(1, 1, 1), BodyPartExamined="head", InstanceNumber=1, **options)
        return replace(kept, description=replace(kept.description, invalid_tags=(0x00180015,)))

    await add(index, PART, NUMBER)
    first = replace(told(), warned=True)
    await index.commit([first])
    live = (await index.instances(Scope(uids(1).study), 0, 1))[0]
    tags = await index.extended.extended_tags()
    (version, *_) = await index.reserve_versions(1)
    revised = told(_content="revised", _version=version)
    values = extended_values(revised.description.metadata.text(), tags)
    assert len(values.values) == 2
    revised = replace(
        revised,
        description=replace(revised.description, extended=values),
        revision=Revision(live.version, live.version),
    )

    assert await index.revise(Scope(uids(1).study), live.version, [revised]) == version

    assert await found(index, PART, "head") == 0
    assert await found(index, NUMBER, 1) == 1
    assert await index.extended.delete(PART.path)
    await reindex(index, await add(index, PART))
    assert await found(index, PART, "head") == 0


async def test_no_instance_is_missed_that_is_committed_while_a_tag_is_added(
    engine: Engine,
) -> None:
    """Two processes' worth of indexes: one commits without knowing, the other adds and indexes."""
    async with engine.open() as committing, engine.open() as adding:
        described = await committing.extended.extended_tags()

        async def commit(study: int) -> None:
            for number in range(12):
                kept = saying(uids(study, 1, number + 1), InstanceNumber=number)
                values = ExtendedValues(described.generation)
                stale = replace(kept, description=replace(kept.description, extended=values))
                await committing.commit([stale])

        async def add_tag() -> None:
            await asyncio.sleep(0)
            await reindex(adding, await add(adding, NUMBER), page=2)

        await asyncio.gather(commit(1), add_tag(), commit(2))

        for number in range(12):
            assert await found(adding, NUMBER, number) == 2
        assert await adding.maintenance.check_integrity() == []


async def test_integrity_is_checked_and_mended(index: SqlIndex, engine: Engine) -> None:
    await index.commit([saying(uids(1), InstanceNumber=1)])
    await reindex(index, await add(index, NUMBER))
    engine.execute("UPDATE extended_integer SET owner_key = 999")
    engine.execute("UPDATE extended_tag SET errors = 3")

    problems = {problem.text for problem in await index.maintenance.check_integrity()}
    await index.maintenance.recount()

    assert any("extended_integer" in text for text in problems)
    assert any("error count" in text for text in problems)
    assert await index.maintenance.check_integrity() == []
