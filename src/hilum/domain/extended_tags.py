"""Attributes that an operator has the archive index besides those it always does."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from hilum.domain.identifiers import InstanceUIDs, PartitionKey
from hilum.domain.jobs import JobId
from hilum.domain.levels import Level


class TagStatus(StrEnum):
    """What is happening to the index of a tag."""

    ADDING = "adding"
    """What is held is being indexed; what comes in is indexed at once. Not searchable yet."""
    READY = "ready"
    DELETING = "deleting"


@dataclass(frozen=True, slots=True)
class ExtendedTag:
    """An attribute with values of its own in the index."""

    key: int
    path: str
    """8 upper-case hexadecimal digits; of a private tag with the element number as it was given."""
    vr: str
    private_creator: str
    """Empty for a standard attribute."""
    level: Level
    status: TagStatus
    query_enabled: bool
    """False once an instance could not be indexed, until an operator allows queries again."""
    errors: int
    job_id: JobId | None
    """The job that indexes what was held before; None when there is none any more."""


@dataclass(frozen=True, slots=True)
class NewExtendedTag:
    """What is asked for, checked."""

    path: str
    vr: str
    private_creator: str
    level: Level


@dataclass(frozen=True, slots=True)
class TagError:
    """Why an instance could not be indexed by a tag."""

    partition: PartitionKey
    uids: InstanceUIDs
    created: datetime
    message: str
    """Holds no value of the instance."""


@dataclass(frozen=True, slots=True)
class ExtendedTags:
    """All tags that index now, as one state of the database has them."""

    generation: int
    """Another number after every change: values made for another one are made anew."""
    tags: Sequence[ExtendedTag]
    """Those ADDING and READY."""


NO_EXTENDED_TAGS = ExtendedTags(0, ())
