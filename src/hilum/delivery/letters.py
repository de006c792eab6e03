"""Events that a sink will never take: as rows, as copies told in their place, and back again."""

import uuid
from datetime import datetime
from typing import Any, Final

import orjson

from hilum.delivery.rendering import (
    DEAD_LETTER,
    METADATA,
    METADATA_DLQ,
    SUBMISSION_TYPES,
    event_of_entry,
)
from hilum.domain.delivery import DeadLetter, LetterOrigin
from hilum.domain.events import Event, Rejected
from hilum.domain.records import FeedEntry

PUBLISH_FAILURE: Final = "Kafka publish failure"
"""The reason that the Orthanc middleware gives, whichever broker it is."""
CANNOT_RENDER: Final = "cannot-render"


def letter_of(subscription: str, event: Event, why: Rejected, now: datetime) -> DeadLetter:
    """File a rejected event."""
    return DeadLetter(
        key=0,
        origin=LetterOrigin.SUBSCRIPTION,
        subject=subscription,
        sequence=event.sequence,
        event_id=event.event_id,
        event_type=event.type,
        event_key=event.key,
        correlation_id=event.correlation_id,
        cause=why.cause,
        message=why.message,
        attempts=1,
        first_failed=now,
        last_failed=now,
        headers=event.headers,
        body=event.body,
    )


def unrendered(
    subscription: str, entry: FeedEntry, event_id: str, event_type: str, now: datetime
) -> DeadLetter:
    """File an entry of the feed that no event could be made of."""
    event = event_of_entry(entry, event_id, event_type, (entry.payload or "").encode())
    message = f"No event can be made of the feed's entry {entry.sequence}: its payload is damaged."
    return letter_of(subscription, event, Rejected(event_id, CANNOT_RENDER, message), now)


def event_of(letter: DeadLetter) -> Event:
    """Make the event again that was rejected, with its own id."""
    return Event(
        event_id=letter.event_id,
        type=letter.event_type,
        key=letter.event_key,
        sequence=letter.sequence,
        time=letter.first_failed,
        correlation_id=letter.correlation_id,
        body=letter.body,
        headers=letter.headers,
    )


def copy_of(letter: DeadLetter, limit_bytes: int) -> Event:
    """The copy that is told in the place of a dead letter; a long original is left out of it."""
    event_type = METADATA_DLQ if letter.event_type == METADATA else DEAD_LETTER
    event_id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{letter.subject}:{letter.event_id}"))
    original = _original(letter, limit_bytes)
    of_submission = letter.event_type in SUBMISSION_TYPES.values()
    body = {
        "original_payload": original,
        "error_reason": PUBLISH_FAILURE,
        "correlation_id": letter.correlation_id,
        "stage": "deliver",
        "error_class": letter.cause,
        "message": letter.message,
        "attempt": letter.attempts,
        "first_seen": letter.first_failed.isoformat(timespec="milliseconds"),
        "failed_at": letter.last_failed.isoformat(timespec="milliseconds"),
        "study_instance_uid": None if of_submission else letter.event_key or None,
        "subscription": letter.subject,
        "original_event_id": letter.event_id,
        "original_event_type": letter.event_type,
        "event_id": event_id,
        "event_type": event_type,
        "sequence": letter.sequence,
    }
    return Event(
        event_id=event_id,
        type=event_type,
        key=letter.event_key,
        sequence=letter.sequence,
        time=letter.first_failed,
        correlation_id=letter.correlation_id,
        body=orjson.dumps(body),
    )


def _original(letter: DeadLetter, limit_bytes: int) -> Any:  # noqa: ANN401 (any JSON)
    """The payload, as an object; of one that is too long or no JSON, only how long it is."""
    if len(letter.body) <= limit_bytes:
        try:
            return orjson.loads(letter.body)
        except orjson.JSONDecodeError:
            pass
    return {"omitted_bytes": len(letter.body)}
