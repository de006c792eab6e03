"""The signing keys of the token issuer: made once, kept to ourselves, rotated by hand."""

import asyncio
import json
import time
from pathlib import Path

import jwt
import pytest

from hilum.adapters.identity import ALGORITHM, JwtVerifier, OwnFirst, OwnKeys
from hilum.adapters.identity.jwks import JwksFile
from hilum.domain.errors import ArchiveUnavailable, NotAuthenticated


def verifier(keys: OwnKeys) -> JwtVerifier:
    return JwtVerifier(issuer=None, audience=["us"], keys=keys, algorithms=[ALGORITHM])


async def a_token(keys: OwnKeys) -> str:
    now = int(time.time())
    return await keys.sign({"iss": "http://x", "aud": "us", "sub": "a", "exp": now + 60})


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "issuer" / "keys.json"


async def test_a_key_is_made_when_it_is_first_needed_and_nobody_else_reads_it(path: Path) -> None:
    keys = OwnKeys(path)
    token = await a_token(keys)

    assert mode_of(path) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["keys.json"]
    assert (await verifier(keys).verify(token))["sub"] == "a"
    assert (await verifier(OwnKeys(path)).verify(token))["sub"] == "a", "another process"


async def test_what_is_published_verifies_and_holds_no_private_member(path: Path) -> None:
    keys = OwnKeys(path)
    token = await a_token(keys)

    published = await keys.published()

    assert not set("dpq") & set(json.loads(json.dumps(published))["keys"][0])
    found = jwt.PyJWKSet.from_dict(dict(published))[jwt.get_unverified_header(token)["kid"]]
    assert jwt.decode(token, found, [ALGORITHM], audience="us")["sub"] == "a"


async def test_of_processes_that_start_together_one_makes_the_key(path: Path) -> None:
    several = [OwnKeys(path) for _ in range(3)]

    tokens = await asyncio.gather(*(a_token(each) for each in several))

    assert len({jwt.get_unverified_header(token)["kid"] for token in tokens}) == 1


async def test_after_a_rotation_the_former_key_still_verifies_and_the_one_before_does_not(
    path: Path,
) -> None:
    keys = OwnKeys(path)
    first = await a_token(keys)
    made = OwnKeys(path).rotate()

    second = await a_token(keys)

    assert jwt.get_unverified_header(second)["kid"] == made
    assert (await verifier(keys).verify(first))["sub"] == "a"
    OwnKeys(path).rotate(at_once=True)
    for token in (first, second):
        with pytest.raises(NotAuthenticated, match="unknown key"):
            await verifier(keys).verify(token)


def test_keys_that_others_may_read_are_not_used(path: Path) -> None:
    OwnKeys(path).make()
    path.chmod(0o644)

    with pytest.raises(ArchiveUnavailable, match="0600"):
        OwnKeys(path).make()
    OwnKeys(path).rotate(at_once=True)
    assert mode_of(path) == 0o600
    OwnKeys(path).make()


@pytest.mark.parametrize("content", ["", "{}", '{"keys": []}', '{"keys": [{"kty": "RSA"}]}'])
def test_a_file_that_holds_no_keys_is_told(path: Path, content: str) -> None:
    path.parent.mkdir()
    path.write_text(content)
    path.chmod(0o600)

    with pytest.raises(ArchiveUnavailable):
        OwnKeys(path).make()


async def test_tokens_of_a_provider_are_taken_beside_our_own(path: Path, tmp_path: Path) -> None:
    ours, theirs = OwnKeys(path), OwnKeys(tmp_path / "provider.json")
    jwks = tmp_path / "jwks.json"
    jwks.write_text(json.dumps(await theirs.published()))
    provider = JwtVerifier(issuer="http://x", audience=["us"], keys=JwksFile(jwks))
    both = OwnFirst(ours, verifier(ours), provider)

    assert (await both.verify(await a_token(ours)))["sub"] == "a"
    assert (await both.verify(await a_token(theirs)))["sub"] == "a"
    with pytest.raises(NotAuthenticated):
        await both.verify(await a_token(OwnKeys(tmp_path / "nobody.json")))
