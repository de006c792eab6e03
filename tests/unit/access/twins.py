"""Key store and clocks in memory, and a meter that remembers."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hilum.domain.errors import HilumError
from hilum.domain.keys import ApiKey


@dataclass
class HeldClock:
    """Stands still until it is moved."""

    at: datetime = datetime(2026, 11, 21, 12, tzinfo=UTC)
    seconds: float = 0.0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        self.seconds += seconds


@dataclass
class MemoryKeys:
    """KeyStore in a dictionary; counts how often it was asked."""

    held: dict[str, ApiKey] = field(default_factory=dict)
    finds: int = 0
    fault: HilumError | None = None

    async def add(self, key: ApiKey) -> None:
        self.held[key.key_id] = key

    async def find(self, key_id: str) -> ApiKey | None:
        self.finds += 1
        if self.fault is not None:
            raise self.fault
        return self.held.get(key_id)

    async def list(self) -> Sequence[ApiKey]:
        return list(self.held.values())

    async def revoke(self, key_id: str, at: datetime) -> bool:
        if key_id not in self.held:
            return False
        self.held[key_id] = replace(self.held[key_id], revoked=at)
        return True

    async def touch(self, key_id: str, at: datetime) -> None:
        self.held[key_id] = replace(self.held[key_id], last_used=at)


@dataclass
class CountingAccessMeter:
    """AccessMeter that remembers."""

    admitted_by: list[str] = field(default_factory=list)
    refused_for: list[str] = field(default_factory=list)

    def admitted(self, credential: str) -> None:
        self.admitted_by.append(credential)

    def refused(self, reason: str) -> None:
        self.refused_for.append(reason)
