"""Bearer tokens: of an identity provider, and our own."""

from collections.abc import Mapping
from typing import Protocol


class TokenVerifier(Protocol):
    async def verify(self, token: str) -> Mapping[str, object]:
        """The claims of a token whose signature, issuer, audience and times hold.

        Raises `NotAuthenticated` for any other token, `ArchiveUnavailable` when the provider's
        keys are needed and cannot be had.
        """
        ...


class TokenSigner(Protocol):
    """Keys of our own. `ArchiveUnavailable` is raised when they cannot be read or made."""

    async def sign(self, claims: Mapping[str, object]) -> str:
        """A signed JWT with these claims, by the newest key."""
        ...

    async def published(self) -> Mapping[str, object]:
        """The public keys by which our tokens are checked, as a JWKS (RFC 7517)."""
        ...
