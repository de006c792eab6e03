"""Tokens signed with real keys, and what must not pass for one."""

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from hilum.adapters.identity import JwksFile, JwksUrl, JwtVerifier
from hilum.domain.errors import ArchiveUnavailable, NotAuthenticated

ISSUER, AUDIENCE = "https://id.example.org", "hilum"
FIRST = rsa.generate_private_key(65537, 2048)
SECOND = rsa.generate_private_key(65537, 2048)
CURVE = ec.generate_private_key(ec.SECP256R1())


def _jwk(key_id: str, key: Any, **more: str) -> dict[str, Any]:
    algorithm = ECAlgorithm if isinstance(key, ec.EllipticCurvePrivateKey) else RSAAlgorithm
    return {**algorithm.to_jwk(key.public_key(), as_dict=True), "kid": key_id, **more}


def _jwks(*keys: dict[str, Any]) -> str:
    return json.dumps({"keys": list(keys)})


def _token(
    key: Any = FIRST,
    key_id: str | None = "first",
    algorithm: str = "RS256",
    leave_out: str = "",
    **claims: object,
) -> str:
    now = int(time.time())
    body = {"iss": ISSUER, "aud": AUDIENCE, "exp": now + 300, "sub": "somebody", **claims}
    body.pop(leave_out, None)
    headers = {} if key_id is None else {"kid": key_id}
    return jwt.encode(body, key, algorithm, headers)


def _encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def _publish(path: Path, document: str) -> None:
    path.write_text(document)


@pytest.fixture
def jwks(tmp_path: Path) -> Path:
    path = tmp_path / "jwks.json"
    path.write_text(_jwks(_jwk("first", FIRST), _jwk("curve", CURVE)))
    return path


@pytest.fixture
def verifier(jwks: Path) -> JwtVerifier:
    return JwtVerifier(
        issuer=ISSUER,
        audience=[AUDIENCE, "other-name"],
        keys=JwksFile(jwks),
        algorithms=["RS256", "PS256", "ES256"],
        leeway_seconds=30,
    )


@pytest.mark.parametrize(
    "make",
    [
        _token,
        lambda: _token(algorithm="PS256"),
        lambda: _token(CURVE, "curve", "ES256"),
        lambda: _token(aud=["elsewhere", "other-name"]),
        lambda: _token(exp=int(time.time()) - 5),
        lambda: _token(nbf=int(time.time()) + 5),
    ],
)
async def test_a_signed_token_for_us_is_taken(
    verifier: JwtVerifier, make: Callable[[], str]
) -> None:
    claims = await verifier.verify(make())

    assert claims["sub"] == "somebody"


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: _token(exp=int(time.time()) - 60), "expired"),
        (lambda: _token(nbf=int(time.time()) + 60), "not valid yet"),
        (lambda: _token(aud="somebody-else"), "another audience"),
        (lambda: _token(iss="https://evil.example.org"), "another issuer"),
        (lambda: _token(leave_out="exp"), "claim is missing"),
        (lambda: _token(leave_out="aud"), "claim is missing"),
        (lambda: _token(leave_out="iss"), "claim is missing"),
        (lambda: _token(SECOND), "signature"),
        (lambda: _token(SECOND, "second"), "unknown key"),
        (lambda: _token(key_id=None), "unknown key"),
        (lambda: _token(FIRST, "curve"), "unknown key"),
        (lambda: _token(algorithm="RS512"), "algorithm"),
        (lambda: "", "not a signed JWT"),
        (lambda: "a.b.c", "not a signed JWT"),
        (lambda: "é" * 10, "not a signed JWT"),
        (lambda: "x" * 20_000, "too long"),
    ],
)
async def test_any_other_token_is_refused(
    verifier: JwtVerifier, make: Callable[[], str], reason: str
) -> None:
    token = make()

    with pytest.raises(NotAuthenticated) as refused:
        await verifier.verify(token)

    assert reason in str(refused.value)
    assert not token or token not in str(refused.value)


async def test_an_unsigned_token_is_refused(verifier: JwtVerifier) -> None:
    _, body, _ = _token().split(".")
    for algorithm in ("none", "None", "NONE", ""):
        unsigned = f"{_encoded({'alg': algorithm, 'kid': 'first'})}.{body}."

        with pytest.raises(NotAuthenticated):
            await verifier.verify(unsigned)


async def test_a_public_key_is_no_shared_secret(verifier: JwtVerifier) -> None:
    pem = FIRST.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    head = _encoded({"alg": "HS256", "kid": "first", "typ": "JWT"})
    body = _token().split(".")[1]
    signed = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(
        f"{head}.{body}".encode(), pem
    )
    forged = f"{head}.{body}.{base64.urlsafe_b64encode(signed).decode().rstrip('=')}"

    with pytest.raises(NotAuthenticated, match="algorithm"):
        await verifier.verify(forged)


async def test_a_changed_claim_breaks_the_signature(verifier: JwtVerifier) -> None:
    head, body, signature = _token(roles=["globalReader"]).split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    claims["roles"] = ["globalAdmin"]

    with pytest.raises(NotAuthenticated, match="signature"):
        await verifier.verify(f"{head}.{_encoded(claims)}.{signature}")


@pytest.mark.parametrize("algorithm", ["HS256", "none", ""])
def test_an_algorithm_without_a_public_key_cannot_be_allowed(jwks: Path, algorithm: str) -> None:
    with pytest.raises(ValueError, match="public-key"):
        JwtVerifier(issuer=ISSUER, audience=[AUDIENCE], keys=JwksFile(jwks), algorithms=[algorithm])


async def test_a_token_without_a_key_id_fits_the_only_key(jwks: Path) -> None:
    _publish(jwks, _jwks(_jwk("first", FIRST)))
    verifier = JwtVerifier(issuer=ISSUER, audience=[AUDIENCE], keys=JwksFile(jwks))

    assert (await verifier.verify(_token(key_id=None)))["sub"] == "somebody"


async def test_a_file_with_new_keys_is_read_again(jwks: Path, verifier: JwtVerifier) -> None:
    await verifier.verify(_token())

    _publish(jwks, _jwks(_jwk("second", SECOND)))

    assert (await verifier.verify(_token(SECOND, "second")))["sub"] == "somebody"
    with pytest.raises(NotAuthenticated, match="unknown key"):
        await verifier.verify(_token())


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"keys": []}',
        '{"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "first"}]}',
        _jwks(_jwk("first", FIRST, use="enc")),
    ],
)
async def test_a_file_without_a_signing_key_is_an_outage_and_no_open_door(
    jwks: Path, verifier: JwtVerifier, content: str
) -> None:
    _publish(jwks, content)

    with pytest.raises(ArchiveUnavailable):
        await verifier.verify(_token())


async def test_a_file_that_went_bad_leaves_the_keys_that_were_read(
    jwks: Path, verifier: JwtVerifier
) -> None:
    await verifier.verify(_token())

    _publish(jwks, "{")

    assert (await verifier.verify(_token()))["sub"] == "somebody"


class Provider:
    """An identity provider on loopback whose answers a test changes."""

    def __init__(self) -> None:
        self.status, self.body, self.asked = 200, _jwks(_jwk("first", FIRST)), 0
        self.location = ""
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.asked += 1
                self.send_response(provider.status)
                if provider.location:
                    self.send_header("Location", provider.location)
                self.end_headers()
                self.wfile.write(provider.body.encode())

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/keys"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def provider() -> Iterator[Provider]:
    provider = Provider()
    yield provider
    provider.stop()


def _verifier_of(provider: Provider, cache: float = 300, retry: float = 0) -> JwtVerifier:
    keys = JwksUrl(provider.url, cache_seconds=cache, retry_seconds=retry, timeout_seconds=2)
    return JwtVerifier(issuer=ISSUER, audience=[AUDIENCE], keys=keys)


async def test_keys_are_fetched_once_and_used_again(provider: Provider) -> None:
    verifier = _verifier_of(provider)

    for _ in range(5):
        await verifier.verify(_token())

    assert provider.asked == 1


async def test_a_rotated_key_is_fetched_when_a_token_names_it(provider: Provider) -> None:
    verifier = _verifier_of(provider)
    await verifier.verify(_token())

    provider.body = _jwks(_jwk("first", FIRST), _jwk("second", SECOND))

    assert (await verifier.verify(_token(SECOND, "second")))["sub"] == "somebody"
    assert provider.asked == 2


async def test_unknown_keys_do_not_make_us_ask_the_provider_again_and_again(
    provider: Provider,
) -> None:
    verifier = _verifier_of(provider, retry=60)

    for number in range(20):
        with pytest.raises(NotAuthenticated):
            await verifier.verify(_token(SECOND, f"unknown-{number}"))

    assert provider.asked == 1


async def test_a_provider_that_fails_later_does_not_lock_everybody_out(
    provider: Provider,
) -> None:
    verifier = _verifier_of(provider, cache=0)
    await verifier.verify(_token())

    provider.status = 500

    assert (await verifier.verify(_token()))["sub"] == "somebody"
    assert provider.asked >= 2


@pytest.mark.parametrize(
    ("status", "body"), [(500, ""), (200, "<html>"), (200, "x" * (2 << 20)), (404, "{}")]
)
async def test_a_provider_that_never_answered_is_an_outage(
    provider: Provider, status: int, body: str
) -> None:
    provider.status, provider.body = status, body

    with pytest.raises(ArchiveUnavailable):
        await _verifier_of(provider).verify(_token())


async def test_a_redirect_is_not_followed(provider: Provider) -> None:
    provider.status, provider.location = 302, provider.url + "/elsewhere"

    with pytest.raises(ArchiveUnavailable):
        await _verifier_of(provider).verify(_token())

    assert provider.asked == 1


async def test_a_provider_that_came_back_is_asked_again(provider: Provider) -> None:
    verifier = _verifier_of(provider)
    provider.status = 503
    with pytest.raises(ArchiveUnavailable):
        await verifier.verify(_token())

    provider.status = 200

    assert (await verifier.verify(_token()))["sub"] == "somebody"
