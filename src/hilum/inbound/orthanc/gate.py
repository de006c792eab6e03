"""Whether a source answers at present: nobody asks one that does not, except to find out."""

from collections.abc import Callable

import structlog

from hilum.foundation.clock import Clock

_log = structlog.get_logger(__name__)


class SourceGate:
    """Closed from the first refused connection until somebody got an answer again.

    While it is closed, somebody may try after `retry_seconds`, then after twice that time, up to
    `maximum_seconds`. `on_open` is called when it opens.
    """

    def __init__(
        self,
        source: str,
        clock: Clock,
        retry_seconds: float,
        maximum_seconds: float,
        on_open: Callable[[], None] | None = None,
    ) -> None:
        self._source = source
        self._clock = clock
        self._retry_seconds = retry_seconds
        self._maximum_seconds = maximum_seconds
        self._on_open = on_open
        self._failures = 0
        self._until = 0.0
        self._outages = 0

    @property
    def is_open(self) -> bool:
        """False while nobody should ask."""
        return self._clock.monotonic() >= self._until

    @property
    def works(self) -> bool:
        """True when the source answered the last time it was asked."""
        return self._failures == 0

    @property
    def outages(self) -> int:
        """How often it closed."""
        return self._outages

    def gone(self, reason: str) -> None:
        """The source did not answer."""
        if not self.is_open:
            return  # asked before it closed
        if not self._failures:
            self._outages += 1
            _log.warning("orthanc_gone", source=self._source, reason=reason)
        wait = self._retry_seconds * 2 ** min(self._failures, 20)
        self._failures += 1
        self._until = self._clock.monotonic() + min(wait, self._maximum_seconds)

    def back(self) -> None:
        """The source answered."""
        if not self._failures:
            return
        self._failures, self._until = 0, 0.0
        _log.info("orthanc_back", source=self._source)
        if self._on_open is not None:
            self._on_open()

    @property
    def seconds_left(self) -> float:
        """Until somebody may try; 0 when it is open."""
        return max(0.0, self._until - self._clock.monotonic())
