"""API keys as the archive remembers them; the secret itself is shown once and never kept."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key. Times are aware; a key is good until `expires` or `revoked`, None is never."""

    key_id: str
    """The public part, by which a presented key is looked up."""
    name: str
    """What a person calls it; becomes `Origin.principal`."""
    secret_hash: bytes
    """Digest of the secret part; how it is made is the business of `hilum.access`."""
    scopes: frozenset[str]
    created: datetime
    expires: datetime | None = None
    revoked: datetime | None = None
    last_used: datetime | None = None
