"""Attributes that an operator has the archive index besides those it always does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar, Final

from hilum.domain.errors import InvalidRequest, NotHeld, StateConflict
from hilum.domain.identifiers import InstanceUIDs, PartitionKey
from hilum.domain.jobs import JobId
from hilum.domain.levels import Level


class ValueKind(StrEnum):
    """How values of a VR are compared."""

    TEXT = "text"
    """Folded text; dates and times so that comparing text compares time."""
    INTEGER = "integer"
    REAL = "real"


EXTENDED_VRS: Final[Mapping[str, ValueKind]] = MappingProxyType(
    {
        **dict.fromkeys("AE AS CS DA DT LO PN SH TM UI".split(), ValueKind.TEXT),
        **dict.fromkeys("IS SL SS UL US".split(), ValueKind.INTEGER),
        **dict.fromkeys("DS FD FL".split(), ValueKind.REAL),
    }
)
"""VRs that can be indexed, and as what."""


class InvalidExtendedTag(InvalidRequest):
    """What is asked for is no attribute that can be indexed."""

    code = "invalid-extended-tag"
    title = "Not an attribute that can be indexed"


class ExtendedTagNotFound(NotHeld):
    """The archive indexes no such attribute besides those it always does."""

    code = "extended-tag-not-found"
    title = "No such extended query tag here"


class ExtendedTagExists(StateConflict):
    """The archive indexes the attribute already."""

    code: ClassVar[str] = "extended-tag-exists"
    title: ClassVar[str] = "The extended query tag is there already"


class TooManyExtendedTags(StateConflict):
    """There are as many as a setting allows; one has to be deleted before another is added."""

    code: ClassVar[str] = "too-many-extended-tags"
    title: ClassVar[str] = "There are as many extended query tags as are allowed"


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

    @property
    def tag(self) -> int:
        """0xGGGGEEEE."""
        return int(self.path, 16)

    @property
    def kind(self) -> ValueKind:
        return EXTENDED_VRS[self.vr]


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


@dataclass(frozen=True, slots=True)
class ExtendedValue:
    """What an instance says in a tag, folded as it is compared."""

    tag_key: int
    value: str | int | float


@dataclass(frozen=True, slots=True)
class ExtendedValues:
    """What an instance says in all tags of one state."""

    generation: int
    """Of `ExtendedTags`."""
    values: Sequence[ExtendedValue] = ()
    """At most one for each tag: none where the attribute is absent, empty or not valid."""
    problems: Mapping[int, str] = field(default_factory=dict)
    """By key of a tag: why its value cannot be indexed. Holds no value."""


NO_EXTENDED_VALUES: Final = ExtendedValues(0)
