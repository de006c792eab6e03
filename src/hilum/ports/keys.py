"""Where API keys are remembered."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from hilum.domain.keys import ApiKey


class KeyStore(Protocol):
    """What a method returned from is durable. An outage raises `ArchiveUnavailable`."""

    async def add(self, key: ApiKey) -> None:
        """Remember a new key. Raises `InvalidRequest` when its `key_id` is taken."""
        ...

    async def find(self, key_id: str) -> ApiKey | None:
        """The key with this id, be it good, expired or revoked."""
        ...

    async def list(self) -> Sequence[ApiKey]:
        """All keys, oldest first, those that are no longer good too."""
        ...

    async def revoke(self, key_id: str, at: datetime) -> bool:
        """Make a key useless from `at` on; False when there is none. The first revocation stays."""
        ...

    async def touch(self, key_id: str, at: datetime) -> None:
        """Note that a key was used at `at`; an unknown id is no error, an earlier time no news."""
        ...
