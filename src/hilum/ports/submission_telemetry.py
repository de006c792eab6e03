"""What the stages of submissions tell of their work. No method gets patient data."""

from typing import Protocol

from hilum.domain.submissions import FileState, SubmissionState


class SubmissionMeter(Protocol):
    """Counts; implementations never block and never raise."""

    def worked(self, stage: str, seconds: float) -> None:
        """A stage (`validator`, `descriptor`) was through with a submission in this time."""
        ...

    def failed(self, stage: str, cause: str) -> None:
        """An attempt of a stage failed; it is repeated."""
        ...

    def settled(self, state: SubmissionState, seconds: float | None) -> None:
        """A submission came to rest, so long after it was received when that is known."""
        ...

    def files(self, state: FileState, count: int) -> None:
        """So many files came into this state."""
        ...

    def redriven(self, submissions: int) -> None:
        """So many submissions were taken up again."""
        ...


class NoSubmissionMeter:
    """Counts nothing."""

    __slots__ = ()

    def worked(self, stage: str, seconds: float) -> None:
        pass

    def failed(self, stage: str, cause: str) -> None:
        pass

    def settled(self, state: SubmissionState, seconds: float | None) -> None:
        pass

    def files(self, state: FileState, count: int) -> None:
        pass

    def redriven(self, submissions: int) -> None:
        pass
