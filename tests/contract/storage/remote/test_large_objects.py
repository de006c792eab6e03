"""Spooled instances that are sent in parts: once, whole, with little memory."""

import asyncio
import random
from dataclasses import replace
from pathlib import Path

import pytest

from hilum.adapters.storage.remote.options import RemoteLimits
from hilum.domain.errors import ArchiveUnavailable, ObjectExists
from hilum.domain.identifiers import ObjectKey
from hilum.domain.instances import InMemory, Spooled
from hilum.ports.objects import ObjectStore
from tests.buckets import PATIENCE, Bucket
from tests.contract.storage.keys import a_key

_LIMITS = replace(PATIENCE, part_bytes=5 << 20, chunk_bytes=1 << 20)
_SIZE = (11 << 20) + 17


def _spooled(folder: Path, seed: int = 1, size: int = _SIZE) -> Spooled:
    path = folder / f"arrived-{seed}-{random.getrandbits(32)}"
    path.write_bytes(random.Random(seed).randbytes(size))
    return Spooled(path, size)


async def _whole(objects: ObjectStore, key: ObjectKey) -> bytes:
    return b"".join([chunk async for chunk in objects.stream(key)])


async def test_a_large_instance_becomes_an_object_and_its_file_goes(
    bucket: Bucket, tmp_path: Path
) -> None:
    spooled = _spooled(tmp_path)
    data = spooled.path.read_bytes()

    async with bucket.objects(_LIMITS) as objects:
        await objects.put_once(a_key(), spooled)

        assert await _whole(objects, a_key()) == data
        assert await objects.size(a_key()) == _SIZE
        assert [stored.size_bytes async for stored in objects.list()] == [_SIZE]
    assert not spooled.path.exists()


async def test_a_large_instance_comes_twice_and_other_bytes_are_refused(
    bucket: Bucket, tmp_path: Path
) -> None:
    first, again, other = (_spooled(tmp_path, seed) for seed in (1, 1, 2))
    data = first.path.read_bytes()

    async with bucket.objects(_LIMITS) as objects:
        await objects.put_once(a_key(), first)
        await objects.put_once(a_key(), again)
        with pytest.raises(ObjectExists):
            await objects.put_once(a_key(), other)

        assert await _whole(objects, a_key()) == data
    assert not again.path.exists()
    assert other.path.exists()


@pytest.mark.parametrize("put_once", ["conditional", "check"])
async def test_of_many_puts_of_one_name_one_wins_whole(
    bucket: Bucket, tmp_path: Path, put_once: str
) -> None:
    limits: RemoteLimits = replace(_LIMITS, put_once=put_once)  # type: ignore[arg-type]
    contents = [_spooled(tmp_path, seed) for seed in range(3)]
    bytes_of = [content.path.read_bytes() for content in contents]

    async with bucket.objects(limits) as objects:
        results = await asyncio.gather(
            *(objects.put_once(a_key(), content) for content in contents), return_exceptions=True
        )

        (winner,) = [each for each, error in zip(bytes_of, results, strict=True) if error is None]
        assert await _whole(objects, a_key()) == winner
    assert sum(isinstance(error, ObjectExists) for error in results) == 2


async def test_two_processes_that_put_one_name_exclude_each_other(
    bucket: Bucket, tmp_path: Path
) -> None:
    contents = [_spooled(tmp_path, seed) for seed in range(2)]

    async with bucket.objects(_LIMITS) as one, bucket.objects(_LIMITS) as other:
        results = await asyncio.gather(
            one.put_once(a_key(), contents[0]),
            other.put_once(a_key(), contents[1]),
            return_exceptions=True,
        )

    assert sorted(type(error) for error in results if error) == [ObjectExists]


async def test_small_puts_are_looked_up_before_where_the_server_has_no_conditional_ones(
    bucket: Bucket,
) -> None:
    async with bucket.objects(replace(_LIMITS, put_once="check")) as objects:
        await objects.put_once(a_key(), InMemory(b"first"))
        await objects.put_once(a_key(), InMemory(b"first"))
        with pytest.raises(ObjectExists):
            await objects.put_once(a_key(), InMemory(b"other"))

        assert await objects.read(a_key(), 0, 10) == b"first"


async def test_objects_are_read_back_on_request(bucket: Bucket, tmp_path: Path) -> None:
    async with bucket.objects(replace(_LIMITS, verify="bytes")) as objects:
        await objects.put_once(a_key(1), InMemory(b"small"))
        await objects.put_once(a_key(2), _spooled(tmp_path))

        assert {stored.key async for stored in objects.list()} == {a_key(1), a_key(2)}


async def test_a_spooled_file_that_was_cut_short_is_not_kept(
    bucket: Bucket, tmp_path: Path
) -> None:
    spooled = _spooled(tmp_path)
    with spooled.path.open("r+b") as file:
        file.truncate(_SIZE - 1)

    async with bucket.objects(_LIMITS) as objects:
        with pytest.raises(ArchiveUnavailable, match="size"):
            await objects.put_once(a_key(), spooled)

        assert await objects.size(a_key()) is None
    assert spooled.path.exists()


async def test_nothing_is_left_beside_the_objects(bucket: Bucket, tmp_path: Path) -> None:
    limits = replace(_LIMITS, abandoned_seconds=0.001)
    async with bucket.objects(limits) as objects:
        await objects.put_once(a_key(1), InMemory(b"small"))
        await objects.put_once(a_key(2), _spooled(tmp_path))

        left = [page async for page in objects._bucket.pages("incoming")]

    assert left == []


async def test_what_was_abandoned_is_removed_at_a_start_and_what_is_fresh_is_not(
    bucket: Bucket,
) -> None:
    async with bucket.objects() as objects:
        await objects._bucket.create("incoming/of-a-dead-process.claim", b"token")

    async with bucket.objects() as objects:
        assert [page async for page in objects._bucket.pages("incoming")] != []
    await asyncio.sleep(1.1)  # the servers' clocks count seconds
    async with bucket.objects(replace(PATIENCE, abandoned_seconds=0.001)) as objects:
        assert [page async for page in objects._bucket.pages("incoming")] == []


async def test_a_put_waits_for_another_of_its_name_and_gives_up_in_time(
    bucket: Bucket, tmp_path: Path
) -> None:
    async with bucket.objects(replace(_LIMITS, operation_seconds=1.0)) as objects:
        async with objects._putting._claim("objects/x"):
            pass
        spooled = _spooled(tmp_path)
        path = await _claimed_by_another(objects, a_key())

        with pytest.raises(ArchiveUnavailable, match="Another process"):
            await objects.put_once(a_key(), spooled)

        await objects._bucket.remove(path)
        await objects.put_once(a_key(), spooled)


async def _claimed_by_another(objects: ObjectStore, key: ObjectKey) -> str:
    from hilum.adapters.storage.remote.objects import RemoteObjects, _path
    from hilum.adapters.storage.remote.putting import claim_of

    assert isinstance(objects, RemoteObjects)
    path = claim_of(_path(key))
    await objects._bucket.create(path, b"another token")
    return path


async def test_names_that_are_no_objects_are_not_listed(bucket: Bucket) -> None:
    async with bucket.objects() as objects:
        await objects.put_once(a_key(), InMemory(b"one"))
        for strange in ("objects/readme.txt", "objects/1/00/1.2/1.2.1/1.2.1.1.1.dcm"):
            await objects._bucket.create(strange, b"strange")

        assert [stored.key async for stored in objects.list()] == [a_key()]


async def test_a_list_goes_on_beyond_one_page(bucket: Bucket) -> None:
    keys = {a_key(number) for number in range(30)}
    async with bucket.objects() as objects:
        await asyncio.gather(*(objects.put_once(key, InMemory(b"x")) for key in keys))

        pages = [len(page) async for page in objects._bucket.pages("objects", 7)]

        assert sum(pages) == 30
        assert max(pages) <= 7
        assert {stored.key async for stored in objects.list()} == keys
