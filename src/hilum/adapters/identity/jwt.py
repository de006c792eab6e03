"""Bearer tokens as signed JWTs (RFC 7519, RFC 8725), checked with PyJWT."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import jwt
from jwt.exceptions import ExpiredSignatureError, PyJWTError

from hilum.access.refusals import CredentialsRefused, Refusal, refuse
from hilum.adapters.identity.jwks import KeySource

_MAXIMUM_LENGTH: Final = 16_384
_KEY_TYPES: Final = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
"""Type of key (RFC 7518 section 6.1) by the first letters of the algorithm."""


class JwtVerifier:
    """`TokenVerifier`: signature by a known key, allowed algorithm, issuer, audience, times."""

    def __init__(
        self,
        *,
        issuer: str | Sequence[str] | None,
        audience: Sequence[str],
        keys: KeySource,
        algorithms: Sequence[str] = ("RS256", "PS256", "ES256"),
        leeway_seconds: float = 60.0,
    ) -> None:
        """`issuer`: of several any; None: whoever has the keys, as with keys of our own.

        Raises `ValueError` for an algorithm that is no public-key signature.
        """
        for algorithm in algorithms:
            if algorithm[:2] not in _KEY_TYPES:
                message = f"{algorithm} is not a public-key signature"
                raise ValueError(message)
        self._issuer = issuer
        self._audience = tuple(audience)
        self._keys = keys
        self._algorithms = tuple(algorithms)
        self._leeway_seconds = leeway_seconds

    async def verify(self, token: str) -> Mapping[str, object]:
        header = _header(token)
        algorithm = header.get("alg")
        if algorithm not in self._algorithms:
            raise refuse(Refusal.BAD_TOKEN, "Its algorithm is not accepted.")
        key_id = header.get("kid")
        key = await self._keys.key(key_id if isinstance(key_id, str) else None)
        if key is None or not _fits(key, algorithm):
            raise refuse(Refusal.BAD_TOKEN, "It is signed with an unknown key.")
        try:
            return self._claims(token, key, algorithm)
        except ExpiredSignatureError as error:
            raise refuse(Refusal.EXPIRED) from error
        except PyJWTError as error:
            raise _refused(error) from error

    def _claims(self, token: str, key: jwt.PyJWK, algorithm: str) -> Mapping[str, object]:
        claims: Mapping[str, object] = jwt.decode(
            token,
            key.key,
            algorithms=[algorithm],
            issuer=self._issuer,
            audience=self._audience,
            leeway=self._leeway_seconds,
            options={"require": ["exp", "iss", "aud"]},
        )
        return claims


def key_id_of(token: str) -> str | None:
    """The key that a token says it is signed with. Raises `NotAuthenticated` for no token."""
    key_id = _header(token).get("kid")
    return key_id if isinstance(key_id, str) else None


def _header(token: str) -> Mapping[str, Any]:
    if len(token) > _MAXIMUM_LENGTH:
        raise refuse(Refusal.BAD_TOKEN, "It is too long.")
    try:
        header: Mapping[str, Any] = jwt.get_unverified_header(token)
    except PyJWTError as error:
        raise refuse(Refusal.BAD_TOKEN, "It is not a signed JWT.") from error
    return header


def _fits(key: jwt.PyJWK, algorithm: str) -> bool:
    """A key serves one kind of signature; what a token claims does not change that."""
    return key.key_type == _KEY_TYPES[algorithm[:2]]


_DETAILS: Final = {
    "InvalidAudienceError": "It was made for another audience.",
    "InvalidIssuerError": "It comes from another issuer.",
    "ImmatureSignatureError": "It is not valid yet.",
    "InvalidIssuedAtError": "It is not valid yet.",
    "InvalidSignatureError": "Its signature does not fit.",
    "MissingRequiredClaimError": "A claim is missing: exp, iss and aud are needed.",
}


def _refused(error: PyJWTError) -> CredentialsRefused:
    return refuse(Refusal.BAD_TOKEN, _DETAILS.get(type(error).__name__, ""))
