"""Bearer tokens of an identity provider."""

from collections.abc import Mapping
from typing import Protocol


class TokenVerifier(Protocol):
    async def verify(self, token: str) -> Mapping[str, object]:
        """The claims of a token whose signature, issuer, audience and times hold.

        Raises `NotAuthenticated` for any other token, `ArchiveUnavailable` when the provider's
        keys are needed and cannot be had.
        """
        ...
