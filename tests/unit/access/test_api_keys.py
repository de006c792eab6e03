import re
from datetime import timedelta

import pytest

from hilum.access import AccessScope, ApiKeys, Credential, make_key
from hilum.domain.errors import ArchiveUnavailable, NotAuthenticated
from tests.unit.access.twins import HeldClock, MemoryKeys

READ = {AccessScope.READ}


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock()


@pytest.fixture
def store() -> MemoryKeys:
    return MemoryKeys()


@pytest.fixture
def keys(store: MemoryKeys, clock: HeldClock) -> ApiKeys:
    return ApiKeys(store, clock)


def test_a_key_names_itself_and_keeps_its_secret_to_itself(clock: HeldClock) -> None:
    made = make_key("viewer", READ, now=clock.now())

    assert re.fullmatch(r"hilum_[0-9a-f]{12}_[0-9a-f]{64}", made.text)
    secret = made.text.split("_")[2]
    assert secret not in repr(made.record)
    assert bytes.fromhex(secret) != made.record.secret_hash
    assert make_key("viewer", READ, now=clock.now()).text != made.text


async def test_a_good_key_becomes_a_principal_with_its_scopes(
    keys: ApiKeys, store: MemoryKeys, clock: HeldClock
) -> None:
    made = make_key("viewer", READ, now=clock.now())
    await store.add(made.record)

    principal = await keys.authenticate(made.text)

    assert (principal.name, principal.credential) == ("viewer", Credential.API_KEY)
    assert principal.may(AccessScope.READ)
    assert not principal.may(AccessScope.WRITE)


async def test_a_wrong_secret_and_an_unknown_id_are_refused_in_the_same_words(
    keys: ApiKeys, store: MemoryKeys, clock: HeldClock
) -> None:
    made = make_key("viewer", READ, now=clock.now())
    await store.add(made.record)
    wrong = made.text[:-1] + ("0" if made.text[-1] != "0" else "1")

    with pytest.raises(NotAuthenticated) as wrong_secret:
        await keys.authenticate(wrong)
    with pytest.raises(NotAuthenticated) as unknown_id:
        await keys.authenticate(make_key("x", READ, now=clock.now()).text)

    assert str(wrong_secret.value) == str(unknown_id.value)


@pytest.mark.parametrize(
    "text",
    ["", "hilum_", "hilum_0_0", "HILUM_" + "0" * 12 + "_" + "0" * 64, "x" * 100_000, "hilum_é_x"],
)
async def test_what_is_no_key_is_refused_without_asking_the_store(
    keys: ApiKeys, store: MemoryKeys, text: str
) -> None:
    with pytest.raises(NotAuthenticated):
        await keys.authenticate(text)

    assert store.finds == 0


async def test_a_key_is_good_until_it_expires(
    keys: ApiKeys, store: MemoryKeys, clock: HeldClock
) -> None:
    expires = clock.now() + timedelta(seconds=10)
    made = make_key("viewer", READ, now=clock.now(), expires=expires)
    await store.add(made.record)
    await keys.authenticate(made.text)

    clock.advance(10)

    with pytest.raises(NotAuthenticated, match="expired"):
        await keys.authenticate(made.text)


async def test_a_revoked_key_is_refused_a_second_later_at_most(
    keys: ApiKeys, store: MemoryKeys, clock: HeldClock
) -> None:
    made = make_key("viewer", READ, now=clock.now())
    await store.add(made.record)
    await keys.authenticate(made.text)
    await store.revoke(made.record.key_id, clock.now())

    clock.advance(1)

    with pytest.raises(NotAuthenticated, match="revoked"):
        await keys.authenticate(made.text)


async def test_the_store_is_asked_once_a_second_and_told_of_use_once_a_minute(
    keys: ApiKeys, store: MemoryKeys, clock: HeldClock
) -> None:
    made = make_key("viewer", READ, now=clock.now())
    await store.add(made.record)

    for _ in range(100):
        await keys.authenticate(made.text)
    first_use = store.held[made.record.key_id].last_used
    clock.advance(59)
    await keys.authenticate(made.text)
    unchanged = store.held[made.record.key_id].last_used
    clock.advance(1)
    await keys.authenticate(made.text)

    assert store.finds == 3
    assert first_use == unchanged
    assert store.held[made.record.key_id].last_used == clock.now()


async def test_guessing_ids_does_not_fill_the_memory(keys: ApiKeys, store: MemoryKeys) -> None:
    for number in range(3000):
        with pytest.raises(NotAuthenticated):
            await keys.authenticate(f"hilum_{number:012x}_{'0' * 64}")

    assert len(keys._records) <= 1024


async def test_a_scope_of_a_later_version_grants_nothing(
    keys: ApiKeys, store: MemoryKeys, clock: HeldClock
) -> None:
    made = make_key("viewer", READ, now=clock.now())
    object.__setattr__(made.record, "scopes", frozenset({"read", "teleport"}))
    await store.add(made.record)

    assert (await keys.authenticate(made.text)).scopes == READ


async def test_a_store_that_does_not_answer_is_no_refusal(
    keys: ApiKeys, store: MemoryKeys, clock: HeldClock
) -> None:
    store.fault = ArchiveUnavailable("locked")

    with pytest.raises(ArchiveUnavailable):
        await keys.authenticate(make_key("x", READ, now=clock.now()).text)
