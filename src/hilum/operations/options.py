"""How jobs are run."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RunnerOptions:
    """Bounds of the work of one process. Times in seconds."""

    concurrent: int = 4
    """Jobs at the same time."""
    lease_seconds: float = 30.0
    """After its process died, a job is another's when so much time has passed."""
    poll_seconds: float = 2.0
    """How often to look for jobs that other processes added."""
    attempts: int = 12
    """How often a job that gets nowhere is begun before it fails."""
    first_pause_seconds: float = 1.0
    """Before an attempt after an outage; twice as long each time."""
    longest_pause_seconds: float = 300.0
    history_days: int = 90
    """After their end jobs are forgotten; 0: never."""
    prune_seconds: float = 600.0

    def pause(self, stalled: int) -> float:
        """How long to wait after `stalled` attempts that got nowhere."""
        doubled = self.first_pause_seconds * 2.0 ** min(stalled - 1, 32)
        return min(self.longest_pause_seconds, doubled)
