"""Work that outlives its request: asked for once, done in the background, resumed after a crash."""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Final, NewType

from hilum.domain.errors import InvalidRequest, NotHeld, StateConflict
from hilum.domain.identifiers import DEFAULT_PARTITION, PartitionKey

JobId = NewType("JobId", str)
"""32 lower-case hexadecimal digits: a random UUID without dashes."""

_JOB_ID: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)


class JobKind(StrEnum):
    """What is done. The value is a metric label and stands in rows."""

    REINDEX = "reindex"
    UPDATE = "update"
    EXPORT = "export"
    IMPORT = "import"


class JobState(StrEnum):
    """How far a job is; from each state only to a later one."""

    NOT_STARTED = "notStarted"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def has_ended(self) -> bool:
        return self in _ENDED


_ENDED: Final = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELED})


class InvalidJobId(InvalidRequest):
    """A text that names no job, whichever there are."""

    code = "invalid-job-id"
    title = "Not the id of an operation"


class JobNotFound(NotHeld):
    """No job has this id, or what is known of it was forgotten after its time."""

    code = "job-not-found"
    title = "No such operation here"


class JobActive(StateConflict):
    """Another job of the kind has not ended, and only one may be active; `job_id` names it."""

    code: ClassVar[str] = "job-active"
    title: ClassVar[str] = "Another such operation is active"

    def __init__(self, kind: JobKind, job_id: JobId) -> None:
        self.job_id = job_id
        super().__init__(
            f"Another {kind.value} operation is active: {job_id}. Wait for its end, or cancel it."
        )


def parse_job_id(text: str) -> JobId:
    """Read a job id, with or without dashes, in any case. Raises `InvalidJobId`."""
    plain = text.replace("-", "").lower()
    if _JOB_ID.fullmatch(plain) is None:
        raise InvalidJobId("An operation id is a UUID: 32 hexadecimal digits, dashes allowed.")
    return JobId(plain)


def new_job_id() -> JobId:
    """A fresh one."""
    return JobId(uuid.uuid4().hex)


@dataclass(frozen=True, slots=True)
class NewJob:
    """What is asked for."""

    job_id: JobId
    kind: JobKind
    request: Mapping[str, Any]
    """JSON; what the work needs to know. No secrets: those belong into `secrets`."""
    partition: PartitionKey = DEFAULT_PARTITION
    exclusive: str = ""
    """Of the jobs with the same text here, only one may be active; empty: any number."""
    principal: str = ""
    correlation_id: str = ""
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Credentials, forgotten when the job ends and never shown."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the work is, as it notes it from time to time."""

    checkpoint: Mapping[str, Any]
    """JSON; where to go on after a crash. Replaces the former one."""
    done: int = 0
    total: int = 0
    """In the work's own units; 0: not known yet."""
    results: Mapping[str, Any] = field(default_factory=dict)
    """JSON; what is told of what was done so far."""

    @property
    def percent(self) -> int:
        """From 0 to 100."""
        return min(100, self.done * 100 // self.total) if self.total else 0


NO_PROGRESS: Final = Progress({})


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job as it stands."""

    key: int
    """Grows with each job: orders a list."""
    job_id: JobId
    kind: JobKind
    state: JobState
    request: Mapping[str, Any]
    partition: PartitionKey
    principal: str
    correlation_id: str
    progress: Progress
    attempts: int
    """How often it was begun; more than once after a crash or a failure that may pass."""
    error: str
    """Why it failed, for whoever asked for it; empty otherwise."""
    cancel_requested: bool
    created: datetime
    changed: datetime


@dataclass(frozen=True, slots=True)
class JobError:
    """Why a part of a job was not done, such as one file of an import."""

    what: str
    """Identifier or name of the part."""
    message: str
    """Holds no value of an instance beside UIDs."""
    time: datetime
