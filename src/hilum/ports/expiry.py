"""Studies that are deleted by themselves, at a time that who stored them named."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from hilum.domain.identifiers import Scope, StudyInstanceUID
from hilum.domain.origins import Origin


@dataclass(frozen=True, slots=True)
class ExpiringStudy:
    partition_name: str
    study: StudyInstanceUID
    expires: datetime


class Expiries(Protocol):
    """May be used by several processes at once. All raise `ArchiveUnavailable`."""

    async def expired(self, now: datetime, limit: int) -> Sequence[Scope]:
        """Studies whose time is over, the longest first."""
        ...

    async def delete_expired(self, study: Scope, now: datetime, origin: Origin) -> int:
        """Delete a study as `InstanceWriter.delete` does, unless it is not expired any more.

        Returns how many instances went. One transaction.
        """
        ...

    async def coming(self, limit: int) -> Sequence[ExpiringStudy]:
        """Which studies expire, the next one first."""
        ...
