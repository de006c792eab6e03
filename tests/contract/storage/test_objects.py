"""What every object store promises (hilum.ports.objects.ObjectStore)."""

import asyncio
import random
from pathlib import Path

import pytest

from hilum.domain.errors import ObjectMissing
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


async def test_the_first_object_under_a_key_stays(objects: ObjectStore) -> None:
    await objects.put_once(a_key(), InMemory(b"first"))
    await objects.put_once(a_key(), InMemory(b"second"))

    assert await objects.read(a_key(), 0, 100) == b"first"


async def test_one_of_many_concurrent_puts_of_a_key_wins_whole(objects: ObjectStore) -> None:
    contents = [bytes([number]) * 50_000 for number in range(12)]

    await asyncio.gather(*(objects.put_once(a_key(), InMemory(data)) for data in contents))

    assert await _whole(objects, a_key()) in contents


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
