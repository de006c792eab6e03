"""What the archive tells the world: events, each made from one entry of the feed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Event:
    """One fact as it leaves; telling it again after a crash carries the same `event_id`."""

    event_id: str
    """Made from the feed's name and `sequence`: a receiver drops repeats by it."""
    type: str
    """Such as `hilum.instance.created.v1` or `dicom.metadata.v1`."""
    key: str
    """What keeps its order: the Study Instance UID where there is one."""
    sequence: int
    """Of the feed entry it was made from."""
    time: datetime
    correlation_id: str
    body: bytes
    """UTF-8 JSON."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Beside the body, where the carrier has headers."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """An event that the far side will never take, however often it is sent."""

    event_id: str
    cause: str
    """A word for grouping, such as `message-too-large` or `http-400`."""
    message: str
    """What to do about it; no patient data."""


@dataclass(frozen=True, slots=True)
class ToldEvent:
    """An event as the far side has it, without its body."""

    event_id: str
    type: str
    key: str
    sequence: int
