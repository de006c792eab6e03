"""Whether there is room for what uploads leave in quarantine.

An upload is acknowledged before it is judged, so what is refused of it later has to be kept. What
other doors refuse does not count here: no sender of theirs can shut this one.
"""

from dataclasses import dataclass, field

from hilum.domain.errors import ArchiveFull
from hilum.domain.origins import Door
from hilum.foundation.clock import Clock
from hilum.ports.quarantine import QuarantineList
from hilum.submissions.refusals import QuarantineOptions

_FRESH_SECONDS = 2.0


@dataclass(slots=True)
class QuarantineRoom:
    """Asks at most every two seconds; what is in hand then may go beyond the bound."""

    quarantine: QuarantineList
    options: QuarantineOptions
    clock: Clock
    _asked: float | None = field(default=None, init=False)
    _is_full: bool = field(default=False, init=False)

    async def demand(self) -> None:
        """Raises `ArchiveFull`, and `ArchiveUnavailable` when the database cannot tell."""
        now = self.clock.monotonic()
        if self._asked is None or now - self._asked >= _FRESH_SECONDS:
            files, size_bytes = await self.quarantine.totals(Door.UPLOAD)
            most_files, most_bytes = self.options.maximum_files, self.options.maximum_bytes
            self._is_full = files >= most_files or size_bytes >= most_bytes
            self._asked = now
        if self._is_full:
            message = (
                "What was refused of earlier uploads fills the quarantine: release, repair or "
                "discard it, or raise quarantine.maximum_bytes and quarantine.maximum_files."
            )
            raise ArchiveFull(message)
