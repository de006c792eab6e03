"""Where the audit trail is written."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One request that needed a scope, answered or refused."""

    action: str
    """The scope asked for, such as `read`; of several the first."""
    method: str
    route: str
    """The template, whose parameters are in `uids` where they are UIDs."""
    status: int
    principal: str
    """A key's name or a token's subject; empty: nobody was asked, or nobody let in."""
    credential: str
    peer: str
    correlation_id: str
    partition: str
    uids: Mapping[str, str]
    """By the name of the parameter: `study`, `series`, `instance`."""
    headers: Mapping[str, str]
    """What the client wants to stand in the trail, by the name behind the prefix, in lower case."""


class AuditTrail(Protocol):
    def tell(self, entry: AuditEntry) -> None:
        """Write it. Never fails: what cannot be written is told in the log."""
        ...
