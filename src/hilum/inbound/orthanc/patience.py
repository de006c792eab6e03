"""How long a study waits for its next visit."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from hilum.domain.arrivals import ArrivalState, Claimed, Settlement
from hilum.foundation.clock import Clock
from hilum.inbound.orthanc.options import OrthancOptions


@dataclass(frozen=True, slots=True)
class Patience:
    """Settlements of visits that have to be made again."""

    options: OrthancOptions
    clock: Clock

    def until_stable(self, claimed: Claimed) -> Settlement:
        """The source still expects more: that is no failed attempt."""
        return Settlement(
            ArrivalState.WAITING,
            attempts=claimed.attempts - 1,
            due=self.clock.now() + timedelta(seconds=self.options.unstable_seconds),
            error="The source still expects instances of this study.",
            parts=claimed.parts,
            reported=claimed.reported,
        )

    def after(self, claimed: Claimed, error: str, attempts: int) -> Settlement:
        """Nothing of the study was changed; `attempts` is what the next visit counts on."""
        return Settlement(
            ArrivalState.WAITING,
            attempts=attempts,
            due=self.later(claimed.attempts),
            error=error,
            parts=claimed.parts,
            reported=claimed.reported,
        )

    def later(self, attempts: int) -> datetime:
        """When to try again after so many failed attempts: each wait is twice the one before."""
        wait = self.options.retry_seconds * 2 ** min(attempts - 1, 30)
        seconds = min(wait, self.options.maximum_retry_seconds)
        return self.clock.now() + timedelta(seconds=seconds)
