from collections.abc import Mapping

import pytest

from hilum.access import (
    EVERYBODY,
    Access,
    AccessScope,
    ApiKeys,
    Credential,
    Principal,
    Roles,
    TokenRules,
    make_key,
)
from hilum.access.refusals import Refusal, refuse
from hilum.domain.errors import NotAllowed, NotAuthenticated
from tests.unit.access.twins import CountingAccessMeter, HeldClock, MemoryKeys


class KnownToken:
    """TokenVerifier that knows one word."""

    def __init__(self, claims: Mapping[str, object]) -> None:
        self._claims = claims

    async def verify(self, token: str) -> Mapping[str, object]:
        if token != "sesame":
            raise refuse(Refusal.BAD_TOKEN)
        return self._claims


def _gate(
    claims: Mapping[str, object] | None = None,
    meter: CountingAccessMeter | None = None,
    store: MemoryKeys | None = None,
) -> Access:
    tokens = None if claims is None else TokenRules(KnownToken(claims), Roles())
    keys = ApiKeys(store or MemoryKeys(), HeldClock())
    return Access(required=True, keys=keys, tokens=tokens, meter=meter)


async def test_an_open_archive_asks_nobody() -> None:
    gate = Access(required=False, keys=ApiKeys(MemoryKeys(), HeldClock()))

    assert await gate.authenticate(None, None) == EVERYBODY
    assert await gate.authenticate("Bearer nonsense", None) == EVERYBODY


@pytest.mark.parametrize(
    ("authorization", "api_key"),
    [
        (None, None),
        ("", None),
        ("Bearer", None),
        ("Bearer ", None),
        ("Basic dXNlcjpwYXNz", None),
        ("sesame", None),
        ("Bearer unknown", None),
        (None, ""),
        (None, "sesame"),
        ("Bearer sesame", "hilum_x"),
        ("Bearer é\x00", None),
    ],
)
async def test_no_or_wrong_credentials_are_refused(
    authorization: str | None, api_key: str | None
) -> None:
    with pytest.raises(NotAuthenticated) as refused:
        await _gate({"sub": "a"}).authenticate(authorization, api_key)

    assert "sesame" not in str(refused.value)


@pytest.mark.parametrize("header", ["authorization", "x-api-key"])
async def test_a_key_may_come_in_either_header(header: str) -> None:
    store, clock = MemoryKeys(), HeldClock()
    made = make_key("viewer", {AccessScope.READ}, now=clock.now())
    await store.add(made.record)
    gate = _gate(store=store)

    if header == "authorization":
        principal = await gate.authenticate(f"bearer  {made.text} ", None)
    else:
        principal = await gate.authenticate(None, made.text)

    assert principal == Principal("viewer", Credential.API_KEY, frozenset({AccessScope.READ}))


@pytest.mark.parametrize(
    ("claims", "scopes"),
    [
        ({"roles": ["globalReader"]}, {AccessScope.READ}),
        ({"roles": "globalReader"}, {AccessScope.READ}),
        ({"scp": "read write openid"}, {AccessScope.READ, AccessScope.WRITE}),
        ({"scp": ["delete"], "roles": ["globalReader"]}, {AccessScope.READ, AccessScope.DELETE}),
        ({"roles": 7, "scp": {"read": 1}}, set()),
        ({}, set()),
    ],
)
async def test_claims_of_a_token_grant_scopes(
    claims: dict[str, object], scopes: set[AccessScope]
) -> None:
    principal = await _gate({"sub": "somebody", **claims}).authenticate("Bearer sesame", None)

    assert principal.scopes == scopes
    assert (principal.name, principal.credential) == ("somebody", Credential.TOKEN)


async def test_without_an_identity_provider_only_keys_are_taken() -> None:
    with pytest.raises(NotAuthenticated, match="Only API keys"):
        await _gate().authenticate("Bearer sesame", None)


def test_a_scope_that_was_not_granted_is_demanded_in_vain() -> None:
    reader = Principal("r", Credential.API_KEY, frozenset({AccessScope.READ}))
    admin = Principal("a", Credential.TOKEN, frozenset({AccessScope.EVERYTHING}))
    gate = _gate()

    gate.demand(reader, AccessScope.READ)
    gate.demand(admin, AccessScope.DELETE)
    with pytest.raises(NotAllowed, match="'delete'"):
        gate.demand(reader, AccessScope.DELETE)


async def test_every_decision_is_counted_by_its_reason() -> None:
    meter = CountingAccessMeter()
    gate = _gate({"sub": "a"}, meter)

    principal = await gate.authenticate("Bearer sesame", None)
    for authorization in (
        None,
        "Bearer nonsense",
        "Basic x",
        f"Bearer hilum_{'0' * 12}_{'0' * 64}",
    ):
        with pytest.raises(NotAuthenticated):
            await gate.authenticate(authorization, None)
    with pytest.raises(NotAllowed):
        gate.demand(principal, AccessScope.READ)

    assert meter.admitted_by == ["token"]
    assert meter.refused_for == ["missing", "bad-token", "malformed", "unknown-key", "not-allowed"]
