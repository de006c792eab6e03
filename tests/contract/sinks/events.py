"""Events as the archive makes them, and as an independent reader finds them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import orjson

from hilum.domain.events import Event

TYPES = ("hilum.instance.created.v1", "hilum.study.stable.v1", "dicom.metadata.v1")
STARTED = datetime(2026, 3, 1, 12, 30, 15, 250_000, tzinfo=UTC)


def an_event(
    sequence: int,
    *,
    key: str = "1.2.3",
    type_: str = TYPES[0],
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Event:
    told = {"sequence": sequence, "text": 'quote " backslash \\ and ünïcode'}
    return Event(
        event_id=f"0f0f0f0f-{sequence}",
        type=type_,
        key=key,
        sequence=sequence,
        time=STARTED,
        correlation_id=f"correlation-{sequence}",
        body=orjson.dumps(told) if body is None else body,
        headers=headers or {},
    )


def events_of_studies(count: int, studies: int, *, start: int = 0) -> list[Event]:
    """Events of several studies, interleaved."""
    return [
        an_event(number, key=f"1.2.826.{number * 7 % studies}")
        for number in range(start + 1, start + count + 1)
    ]


@dataclass(frozen=True)
class Told:
    """One event as it was read back."""

    event_id: str
    key: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    place: str = ""
    """Topic, routing key, channel, stream or file."""


def of_key(told: Iterable[Told], key: str) -> list[str]:
    """Ids of the events of one key in the order in which they were first told."""
    return list(dict.fromkeys(each.event_id for each in told if each.key == key))


def ids(events: Sequence[Event], key: str | None = None) -> list[str]:
    return [each.event_id for each in events if key is None or each.key == key]
