"""What every engine promises of the list of data partitions."""

import asyncio

from hilum.adapters.database.sql_index import SqlIndex
from hilum.domain.identifiers import DEFAULT_PARTITION, DEFAULT_PARTITION_NAME, PartitionKey
from tests.contract.index.engines import Engine
from tests.contract.index.kept import a_kept


async def test_an_archive_begins_with_the_default_partition(index: SqlIndex) -> None:
    [only] = await index.partitions.all()

    assert (only.key, only.name) == (DEFAULT_PARTITION, DEFAULT_PARTITION_NAME)
    assert await index.partitions.named(DEFAULT_PARTITION_NAME) == only
    assert await index.partitions.named("microsoft.default") is None
    assert await index.partitions.filled() is None


async def test_a_partition_is_made_once_and_is_found_by_its_name(index: SqlIndex) -> None:
    made = await index.partitions.make("clinic", 10)
    other = await index.partitions.make("Clinic", 10)

    assert made is not None
    assert other is not None
    assert (made.key, other.key) == (2, 3)
    assert await index.partitions.make("clinic", 10) == made
    assert await index.partitions.named("clinic") == made
    assert [each.name for each in await index.partitions.all()] == [
        DEFAULT_PARTITION_NAME,
        "clinic",
        "Clinic",
    ]


async def test_no_more_partitions_are_made_than_there_may_be(index: SqlIndex) -> None:
    assert await index.partitions.make("a", 2) is not None
    assert await index.partitions.make("b", 2) is None
    assert await index.partitions.make("a", 2) is not None


async def test_several_that_make_partitions_at_once_agree_about_them(engine: Engine) -> None:
    async with engine.open() as one, engine.open() as other:
        names = [f"clinic-{number % 4}" for number in range(16)]
        made = await asyncio.gather(
            *(index.partitions.make(name, 10) for name in names for index in (one, other))
        )

        keys: dict[str, set[int]] = {}
        for each in made:
            assert each is not None
            keys.setdefault(each.name, set()).add(each.key)
        assert [len(found) for found in keys.values()] == [1] * 4
        assert sorted(key for found in keys.values() for key in found) == [2, 3, 4, 5]
        assert await one.partitions.all() == await other.partitions.all()


async def test_a_partition_that_holds_an_instance_is_told(index: SqlIndex) -> None:
    made = await index.partitions.make("clinic", 10)
    assert made is not None
    assert await index.partitions.filled() is None

    await index.commit([a_kept(partition=made.key)])

    assert await index.partitions.filled() == "clinic"


async def test_a_partition_that_only_objects_tell_of_gets_a_name_of_its_own(
    index: SqlIndex,
) -> None:
    await index.partitions.put_back([PartitionKey(7), DEFAULT_PARTITION])

    names = {each.key: each.name for each in await index.partitions.all()}
    assert names == {1: DEFAULT_PARTITION_NAME, 7: "partition-7"}
    made = await index.partitions.make("later", 10)
    assert made is not None
    assert made.key == 8
