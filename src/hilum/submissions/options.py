"""Bounds on the work of the stages; each is a setting."""

from dataclasses import dataclass, field
from datetime import timedelta

from hilum.ingest.zip_files import ZipLimits


@dataclass(frozen=True, slots=True)
class StageOptions:
    """How a stage does its work."""

    studies_at_once: int = 4
    """Submissions that one stage of one process works on at the same time."""
    files_at_once: int = 4
    """Files of one submission that are worked on at the same time."""
    attempts: int = 8
    """How often a stage tries a submission before it is left alone or given up; also of those
    attempts that ended with their process."""
    patience: timedelta = timedelta(seconds=60)
    """A submission that nobody was heard of for so long is taken up again."""
    memory_member_bytes: int = 1 << 20
    """Members of zip files up to this size are expanded in memory, larger ones in the spool."""
    zip_limits: ZipLimits = field(default_factory=ZipLimits)
    zip_total_bytes: int = 32 << 30
    """What all zip files of one submission may expand to."""
    quarantine: timedelta = timedelta(days=30)
    """How long what is refused is kept."""
