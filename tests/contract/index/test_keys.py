"""`KeyStore` over the index's database."""

from datetime import UTC, datetime, timedelta

import pytest

from hilum.adapters.database.sql_index import SqlIndex
from hilum.domain.errors import InvalidRequest
from hilum.domain.keys import ApiKey

NOW = datetime(2024, 5, 6, 7, 8, 9, 101112, tzinfo=UTC)
KEY = ApiKey("k1", "robot", b"\x00hash\xff", frozenset({"read", "write"}), NOW)


async def test_a_key_comes_back_as_it_was_added(index: SqlIndex) -> None:
    full = ApiKey("k2", "", b"h", frozenset(), NOW, NOW, NOW, NOW)
    await index.keys.add(KEY)
    await index.keys.add(full)

    assert await index.keys.find("k1") == KEY
    assert await index.keys.find("k2") == full
    assert await index.keys.find("k3") is None


async def test_an_id_is_given_once(index: SqlIndex) -> None:
    await index.keys.add(KEY)

    with pytest.raises(InvalidRequest, match="k1"):
        await index.keys.add(ApiKey("k1", "other", b"", frozenset(), NOW))

    assert await index.keys.find("k1") == KEY


async def test_keys_are_listed_oldest_first(index: SqlIndex) -> None:
    younger = ApiKey("a", "younger", b"", frozenset({"*"}), NOW + timedelta(seconds=1))
    await index.keys.add(younger)
    await index.keys.add(KEY)

    assert await index.keys.list() == [KEY, younger]


async def test_the_first_revocation_stays(index: SqlIndex) -> None:
    await index.keys.add(KEY)

    assert await index.keys.revoke("k1", NOW)
    assert await index.keys.revoke("k1", NOW + timedelta(days=1))
    assert not await index.keys.revoke("unknown", NOW)

    found = await index.keys.find("k1")
    assert found is not None
    assert found.revoked == NOW


async def test_the_latest_use_is_remembered(index: SqlIndex) -> None:
    await index.keys.add(KEY)

    await index.keys.touch("k1", NOW)
    await index.keys.touch("k1", NOW - timedelta(days=1))
    await index.keys.touch("unknown", NOW)

    found = await index.keys.find("k1")
    assert found is not None
    assert found.last_used == NOW


async def test_wiping_the_archive_keeps_its_keys(index: SqlIndex) -> None:
    await index.keys.add(KEY)

    await index.maintenance.wipe()

    assert await index.keys.list() == [KEY]
