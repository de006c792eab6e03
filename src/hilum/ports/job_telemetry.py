"""What jobs tell of themselves. No method gets patient data."""

from typing import Protocol

from hilum.domain.jobs import JobKind, JobState


class JobMeter(Protocol):
    """Counts; implementations never block and never raise."""

    def began(self, kind: JobKind) -> None:
        """An attempt began in this process."""
        ...

    def left(self, kind: JobKind) -> None:
        """It is over, however it ended."""
        ...

    def ended(self, kind: JobKind, state: JobState) -> None:
        """A job ended here."""
        ...

    def postponed(self, kind: JobKind) -> None:
        """An attempt met what may pass, and another one is made later."""
        ...


class NoJobMeter:
    """Counts nothing."""

    __slots__ = ()

    def began(self, kind: JobKind) -> None:
        pass

    def left(self, kind: JobKind) -> None:
        pass

    def ended(self, kind: JobKind, state: JobState) -> None:
        pass

    def postponed(self, kind: JobKind) -> None:
        pass
