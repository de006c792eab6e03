"""What the token issuer hands out, and to whom; signing is another matter."""

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from hilum.access.attempts import Attempts
from hilum.access.issuing import (
    Account,
    GrantRefused,
    GrantRequest,
    IssuerRules,
    TokenIssuer,
)
from hilum.access.principals import AccessScope
from hilum.access.roles import Role, Roles
from tests.unit.access.twins import HeldClock

AUDIENCE = "https://dicom.healthcareapis.azure.com"
APP = GrantRequest("client_credentials", "app", "app-secret")
USER = GrantRequest("password", "app", "app-secret", "ann", "ann-secret")


class Readable:
    """Signs nothing: a token is its claims, in JSON."""

    async def sign(self, claims: Mapping[str, object]) -> str:
        return json.dumps(claims)

    async def published(self) -> Mapping[str, object]:
        return {"keys": []}


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock()


@pytest.fixture
def issuer(clock: HeldClock) -> TokenIssuer:
    writer = Role("writer", frozenset({AccessScope.READ, AccessScope.WRITE}))
    return TokenIssuer(
        Readable(),
        IssuerRules((AUDIENCE, "other"), token_seconds=600),
        clock,
        roles=Roles([writer]),
        clients=[Account.of("app", "app-secret", ["writer"])],
        users=[Account.of("ann", "ann-secret", ["globalReader"])],
        attempts=Attempts(clock, 3),
    )


async def claims_of(issuer: TokenIssuer, asked: GrantRequest) -> dict[str, object]:
    granted = await issuer.grant(asked, issuer="http://localhost:8080", peer="127.0.0.1")
    claims: dict[str, object] = json.loads(granted.token)
    return claims


async def refusal_of(issuer: TokenIssuer, asked: GrantRequest, peer: str = "127.0.0.1") -> str:
    with pytest.raises(GrantRefused) as refused:
        await issuer.grant(asked, issuer="http://localhost:8080", peer=peer)
    return refused.value.refusal.value


async def test_a_client_gets_its_roles_for_as_long_as_the_settings_say(
    issuer: TokenIssuer, clock: HeldClock
) -> None:
    claims = await claims_of(issuer, replace(APP, scope=f"{AUDIENCE}/.default"))

    now = int(clock.now().timestamp())
    assert claims.pop("jti")
    assert claims == {
        "iss": "http://localhost:8080",
        "sub": "app",
        "aud": AUDIENCE,
        "iat": now,
        "nbf": now,
        "exp": now + 600,
        "client_id": "app",
        "roles": ["writer"],
    }


async def test_a_user_gets_the_roles_of_the_user_and_not_of_the_client(issuer: TokenIssuer) -> None:
    claims = await claims_of(issuer, USER)

    assert (claims["sub"], claims["client_id"]) == ("ann", "app")
    assert claims["roles"] == ["globalReader"]


async def test_who_asks_for_less_gets_less(issuer: TokenIssuer) -> None:
    claims = await claims_of(issuer, replace(APP, scope="read openid"))

    assert claims["scp"] == "read"
    assert "roles" not in claims


@pytest.mark.parametrize(
    "asked",
    [
        replace(APP, scope="other/.default"),
        replace(APP, scope="other"),
        replace(APP, resource="other/"),
    ],
)
async def test_one_of_several_audiences_may_be_asked_for(
    issuer: TokenIssuer, asked: GrantRequest
) -> None:
    assert (await claims_of(issuer, asked))["aud"] == "other"


@pytest.mark.parametrize(
    ("asked", "refusal"),
    [
        (replace(APP, client_secret="wrong"), "invalid_client"),
        (replace(APP, client_id="nobody"), "invalid_client"),
        (replace(APP, client_id="ann", client_secret="ann-secret"), "invalid_client"),
        (replace(USER, password="wrong"), "invalid_grant"),
        (replace(USER, username="app", password="app-secret"), "invalid_grant"),
        (replace(USER, client_secret="wrong"), "invalid_client"),
        (replace(APP, grant_type="authorization_code"), "unsupported_grant_type"),
        (replace(APP, scope="delete"), "invalid_scope"),
        (replace(USER, scope="read write"), "invalid_scope"),
        (replace(APP, scope="https://graph.microsoft.com/.default"), "invalid_scope"),
        (replace(APP, resource="https://graph.microsoft.com"), "invalid_target"),
    ],
)
async def test_nothing_else_is_handed_out(
    issuer: TokenIssuer, asked: GrantRequest, refusal: str
) -> None:
    assert await refusal_of(issuer, asked) == refusal


async def test_who_fails_too_often_waits_for_the_end_of_the_minute_and_nobody_else(
    issuer: TokenIssuer, clock: HeldClock
) -> None:
    wrong = replace(APP, client_secret="wrong")
    assert [await refusal_of(issuer, wrong) for _ in range(3)] == ["invalid_client"] * 3

    clock.advance(59.5)
    assert await refusal_of(issuer, APP) == "too_many_attempts"
    assert await refusal_of(issuer, wrong, peer="127.0.0.2") == "invalid_client"
    clock.advance(1)
    assert (await claims_of(issuer, APP))["sub"] == "app"


def test_made_up_names_cost_no_memory(clock: HeldClock) -> None:
    attempts = Attempts(clock, 1)
    for number in range(5000):
        attempts.failed(f"name {number}")

    assert attempts.wait("name 0") == 0
    assert attempts.wait("name 4999") == 60


def test_no_secret_is_shown_by_the_repr_of_what_holds_it() -> None:
    texts = [repr(APP), repr(USER), repr(Account.of("app", "app-secret", []))]

    assert not [text for text in texts if "-secret" in text or "digest" in text]
