"""What the ingest pipeline tells of its work. No method gets patient data."""

from enum import StrEnum
from typing import Protocol

from hilum.domain.instances import Disposition
from hilum.domain.origins import Door


class Stage(StrEnum):
    """The parts of the work on one instance. The value is a metric label."""

    WAIT = "wait"
    """For admission: the bounds on instances and bytes in flight."""
    READ = "read"
    """The header."""
    VALIDATE = "validate"
    DESCRIBE = "describe"
    DIGEST = "digest"
    WRITE = "write"
    """The object to stable storage."""
    COMMIT = "commit"
    """The rows, waiting for the batch before included."""


class IngestMeter(Protocol):
    """Called from the event loop and from threads; must be quick and must not raise."""

    def stage(self, stage: Stage, seconds: float) -> None:
        """One stage of one instance ended, well or badly."""
        ...

    def outcome(self, door: Door, disposition: Disposition, size_bytes: int) -> None:
        """One instance was answered."""
        ...

    def limit_hit(self, limit: str) -> None:
        """An instance, or a call of the index, ran into the bound of this name."""
        ...

    def batch(self, instances: int, size_bytes: int, seconds: float) -> None:
        """One transaction of the committer ended; `size_bytes` counts rows, not objects."""
        ...

    def waiting(self, instances: int) -> None:
        """So many instances now wait for the committer."""
        ...


class NoIngestMeter:
    """Counts nothing."""

    __slots__ = ()

    def stage(self, stage: Stage, seconds: float) -> None:
        pass

    def outcome(self, door: Door, disposition: Disposition, size_bytes: int) -> None:
        pass

    def limit_hit(self, limit: str) -> None:
        pass

    def batch(self, instances: int, size_bytes: int, seconds: float) -> None:
        pass

    def waiting(self, instances: int) -> None:
        pass
