"""What is said of studies beside their instances."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from hilum.adapters.database.carrying import PARTS
from hilum.adapters.database.sql_index import SqlIndex
from hilum.domain.external_metadata import ExternalAttribute
from hilum.domain.identifiers import DEFAULT_PARTITION, PartitionKey
from hilum.domain.instances import Disposition, Kept, OnConflict
from hilum.domain.levels import Level
from hilum.domain.origins import Door, Origin
from tests.contract.index.engines import ENGINES, Engine, engine_of
from tests.contract.index.kept import a_kept, scope, uids

STUDY = uids().study
GONE = Origin(Door.DELETE, "the-delete")
WARD = ExternalAttribute("00111001", "LO", "Ward 7")
COST = ExternalAttribute("00111002", "US", "12")


def saying(kept: Kept, *said: ExternalAttribute) -> Kept:
    return replace(kept, external=said)


async def said_of(
    index: SqlIndex, study: str = STUDY, partition: PartitionKey = DEFAULT_PARTITION
) -> list[ExternalAttribute]:
    found = await index.external.of_studies(partition, [study, "1.2.9"])
    assert set(found) <= {study}
    return list(found.get(study, ()))


async def test_the_last_store_of_a_tag_counts_and_tags_that_are_not_named_stay(
    index: SqlIndex,
) -> None:
    await index.commit([saying(a_kept(), COST, WARD)])
    other = replace(WARD, value="Ward 8")
    await index.commit([saying(a_kept(uids(instance=2)), other), a_kept(uids(instance=3))])

    assert await said_of(index) == [other, COST]
    assert await index.external.vrs(DEFAULT_PARTITION) == {"00111001": "LO", "00111002": "US"}
    assert await said_of(index, partition=PartitionKey(7)) == []
    assert await index.external.vrs(PartitionKey(7)) == {}


async def test_what_is_refused_says_nothing_and_uses_no_tag(index: SqlIndex) -> None:
    await index.commit([a_kept()])

    refused = a_kept(content="other", on_conflict=OnConflict.REFUSE)
    decided = await index.commit([saying(refused, WARD), saying(a_kept(), COST)])

    assert [each.disposition for each in decided] == [
        Disposition.CONFLICT, Disposition.ALREADY_HELD,
    ]  # fmt: skip
    assert await said_of(index) == []
    assert await index.external.vrs(DEFAULT_PARTITION) == {}


async def test_putting_the_same_bytes_again_says_it(index: SqlIndex) -> None:
    await index.commit([a_kept()])

    (decided,) = await index.commit([saying(a_kept(on_conflict=OnConflict.NEW_VERSION), WARD)])

    assert decided.disposition is Disposition.ALREADY_HELD
    assert await said_of(index) == [WARD]


async def test_the_vr_of_a_tag_outlives_its_studies(index: SqlIndex) -> None:
    await index.commit([saying(a_kept(uids(instance=n)), WARD) for n in (1, 2)])

    await index.delete(scope(uids(), Level.INSTANCE), GONE)
    assert await said_of(index) == [WARD]
    await index.delete(scope(uids(), Level.STUDY), GONE)
    await index.commit([a_kept()])
    assert await said_of(index) == []

    other = replace(WARD, vr="SH")
    failed, kept = await index.commit(
        [saying(a_kept(uids(2)), other), saying(a_kept(uids(3)), COST)]
    )
    assert (failed.disposition, kept.disposition) == (Disposition.FAILED, Disposition.CREATED)
    assert "00111001 has VR LO" in str(failed.error)
    assert "Ward" not in str(failed.error)
    assert (await index.counts()).studies == 2
    assert await index.summary(scope(uids(2), Level.STUDY)) is None


async def test_of_two_processes_that_use_a_tag_first_one_fixes_its_vr(
    engine: Engine, index: SqlIndex
) -> None:
    batches = [
        [saying(a_kept(uids(1)), WARD, COST)],
        [saying(a_kept(uids(2)), replace(COST, vr="UL"), replace(WARD, vr="SH"))],
    ]
    async with engine.open() as other:
        decided = await asyncio.gather(
            *(each.commit(batch) for each, batch in zip((index, other), batches, strict=True))
        )

    assert sorted(each.disposition for (each,) in decided) == ["created", "failed"]
    vrs = await index.external.vrs(DEFAULT_PARTITION)
    assert (vrs["00111001"], vrs["00111002"]) in {("LO", "US"), ("SH", "UL")}


@pytest.mark.parametrize("name", ENGINES)
async def test_it_is_taken_over_by_a_new_index(name: str, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        opened = []
        for folder in ("former", "fresh"):
            (tmp_path / folder).mkdir()
            engine = stack.enter_context(engine_of(name, tmp_path / folder))
            opened.append(await stack.enter_async_context(engine.open()))
        former, fresh = opened
        await former.commit([saying(a_kept(), WARD, COST)])

        (part,) = (each for each in PARTS if each.name == "external attributes of studies")
        assert await fresh.carrying.take(part, former.carrying) == 2
        await fresh.commit([a_kept()])

        assert await said_of(fresh) == [WARD, COST]


async def test_mending_that_forgets_a_study_forgets_what_was_said_of_it(
    engine: Engine, index: SqlIndex
) -> None:
    await index.commit([saying(a_kept(), WARD), saying(a_kept(uids(2)), COST)])
    gone = "SELECT key FROM instance WHERE study_key IN (SELECT min(key) FROM study)"
    for table in ("description", "instance_version"):
        engine.execute(f"DELETE FROM {table} WHERE instance_key IN ({gone})")
    engine.execute(f"DELETE FROM instance WHERE key IN ({gone})")

    assert await index.maintenance.recount() > 0

    assert await said_of(index) == []
    assert await said_of(index, uids(2).study) == [COST]
