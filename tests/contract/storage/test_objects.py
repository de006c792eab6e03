"""What every object store promises (hilum.ports.objects.ObjectStore)."""

import asyncio
import random
from pathlib import Path

import pytest

from hilum.domain.errors import ObjectExists, ObjectMissing
from hilum.domain.identifiers import ObjectKey
from hilum.domain.instances import InMemory, Spooled
from hilum.ports.objects import ObjectStore
from tests.contract.storage.keys import a_key


async def _whole(objects: ObjectStore, key: ObjectKey) -> bytes:
    return b"".join([chunk async for chunk in objects.stream(key)])


async def test_an_object_is_read_back_as_it_was_put(objects: ObjectStore) -> None:
    data = random.Random(1).randbytes(100_000)

    await objects.put_once(a_key(), InMemory(data))

    assert await _whole(objects, a_key()) == data
    assert await objects.read(a_key(), 10, 20) == data[10:30]


async def test_the_first_object_under_a_key_stays_and_other_bytes_are_refused(
    objects: ObjectStore,
) -> None:
    await objects.put_once(a_key(), InMemory(b"first"))

    for other in (b"other", b"longer than it", b""):
        with pytest.raises(ObjectExists):
            await objects.put_once(a_key(), InMemory(other))

    assert await objects.read(a_key(), 0, 100) == b"first"


async def test_the_same_bytes_may_be_put_again(objects: ObjectStore, tmp_path: Path) -> None:
    data = random.Random(3).randbytes(2_500_000)
    spooled = tmp_path / "arrived"
    spooled.write_bytes(data)

    await objects.put_once(a_key(), InMemory(data))
    await objects.put_once(a_key(), InMemory(data))
    await objects.put_once(a_key(), Spooled(spooled, len(data)))

    assert await _whole(objects, a_key()) == data


async def test_a_spooled_file_that_is_refused_stays_where_it_is(
    objects: ObjectStore, tmp_path: Path
) -> None:
    spooled = tmp_path / "arrived"
    spooled.write_bytes(b"other")
    await objects.put_once(a_key(), InMemory(b"first"))

    with pytest.raises(ObjectExists):
        await objects.put_once(a_key(), Spooled(spooled, 5))

    assert spooled.read_bytes() == b"other"


async def test_one_of_many_concurrent_puts_of_a_key_wins_whole(objects: ObjectStore) -> None:
    contents = [bytes([number]) * 50_000 for number in range(12)]

    results = await asyncio.gather(
        *(objects.put_once(a_key(), InMemory(data)) for data in contents), return_exceptions=True
    )

    (winner,) = [data for data, result in zip(contents, results, strict=True) if result is None]
    assert await _whole(objects, a_key()) == winner
    assert all(isinstance(result, ObjectExists) for result in results if result is not None)


async def test_an_object_takes_the_place_of_a_damaged_or_lost_one(objects: ObjectStore) -> None:
    damaged, lost, one, other = (a_key(1, version=version) for version in (1, 2, 3, 4))
    await objects.put_once(damaged, InMemory(b"half"))
    await objects.put_once(one, InMemory(b"whole"))
    await objects.put_once(other, InMemory(b"whole too"))

    await objects.replace(damaged, one)
    await objects.replace(lost, other)

    assert await objects.read(damaged, 0, 100) == b"whole"
    assert await objects.read(lost, 0, 100) == b"whole too"
    assert {stored.key async for stored in objects.list()} == {damaged, lost}


async def test_an_object_that_is_not_there_replaces_nothing(objects: ObjectStore) -> None:
    await objects.put_once(a_key(1, version=1), InMemory(b"first"))

    with pytest.raises(ObjectMissing):
        await objects.replace(a_key(1, version=1), a_key(1, version=2))

    assert await objects.read(a_key(1, version=1), 0, 100) == b"first"


async def test_the_size_of_an_object_is_told(objects: ObjectStore) -> None:
    await objects.put_once(a_key(1), InMemory(b"12345"))

    assert await objects.size(a_key(1)) == 5
    assert await objects.size(a_key(2)) is None


async def test_an_empty_object_is_an_object(objects: ObjectStore) -> None:
    await objects.put_once(a_key(), InMemory(b""))

    assert await _whole(objects, a_key()) == b""
    assert [stored.size_bytes async for stored in objects.list()] == [0]


@pytest.mark.parametrize(
    ("offset", "length"),
    [(0, 0), (0, 1), (4095, 2), (4096, 4096), (9_999, 1), (9_999, 500), (10_000, 5), (20_000, 5)],
)
async def test_a_stream_yields_the_range_that_exists(
    objects: ObjectStore, offset: int, length: int
) -> None:
    data = random.Random(2).randbytes(10_000)
    await objects.put_once(a_key(), InMemory(data))

    streamed = b"".join([chunk async for chunk in objects.stream(a_key(), offset, length)])

    assert streamed == data[offset : offset + length]
    assert await objects.read(a_key(), offset, length) == data[offset : offset + length]


async def test_an_unknown_key_is_missing(objects: ObjectStore) -> None:
    with pytest.raises(ObjectMissing):
        await objects.read(a_key(), 0, 1)
    with pytest.raises(ObjectMissing):
        await anext(aiter(objects.stream(a_key())))


async def test_a_deleted_object_is_missing_and_may_be_deleted_again(objects: ObjectStore) -> None:
    await objects.put_once(a_key(1), InMemory(b"one"))
    await objects.put_once(a_key(2), InMemory(b"two"))

    await objects.delete(a_key(1))
    await objects.delete(a_key(1))

    assert [stored.key async for stored in objects.list()] == [a_key(2)]
    with pytest.raises(ObjectMissing):
        await objects.read(a_key(1), 0, 1)


async def test_a_deleted_key_can_be_put_again(objects: ObjectStore) -> None:
    await objects.put_once(a_key(), InMemory(b"one"))
    await objects.delete(a_key())

    await objects.put_once(a_key(), InMemory(b"two"))

    assert await objects.read(a_key(), 0, 10) == b"two"


async def test_list_tells_every_object_with_its_size(objects: ObjectStore) -> None:
    keys = {a_key(number, series=number % 3, study=number % 5): number for number in range(60)}
    for key, size in keys.items():
        await objects.put_once(key, InMemory(b"x" * size))

    assert {stored.key: stored.size_bytes async for stored in objects.list()} == keys


async def test_a_spooled_file_becomes_the_object(objects: ObjectStore, tmp_path: Path) -> None:
    spooled = tmp_path / "arrived"
    spooled.write_bytes(b"x" * 10_000)

    await objects.put_once(a_key(), Spooled(spooled, 10_000))

    assert await _whole(objects, a_key()) == b"x" * 10_000


async def test_puts_and_deletes_of_one_folder_do_not_disturb_each_other(
    objects: ObjectStore,
) -> None:
    async def come_and_go(number: int) -> None:
        for _ in range(8):
            await objects.put_once(a_key(number), InMemory(b"%d" % number))
            assert await objects.read(a_key(number), 0, 10) == b"%d" % number
            await objects.delete(a_key(number))

    await asyncio.gather(*(come_and_go(number) for number in range(8)))

    assert [stored async for stored in objects.list()] == []
