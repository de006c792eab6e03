"""Tokens of our own and of an identity provider, told apart by the key that they name."""

from collections.abc import Mapping

from hilum.adapters.identity.jwks import KeySource
from hilum.adapters.identity.jwt import JwtVerifier, key_id_of
from hilum.ports.tokens import TokenVerifier


class OwnFirst:
    """`TokenVerifier`: what names a key of ours is ours, everything else the provider's."""

    def __init__(self, own_keys: KeySource, own: JwtVerifier, other: TokenVerifier) -> None:
        self._own_keys = own_keys
        self._own = own
        self._other = other

    async def verify(self, token: str) -> Mapping[str, object]:
        key_id = key_id_of(token)
        if key_id is not None and await self._own_keys.key(key_id) is not None:
            return await self._own.verify(token)
        return await self._other.verify(token)
