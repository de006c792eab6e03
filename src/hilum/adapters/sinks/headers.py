"""What every carrier puts beside the body of an event."""

from typing import Final

from hilum.domain.events import Event, Rejected

CONTENT_TYPE: Final = "application/json"
TOO_LARGE: Final = "message-too-large"


def headers_of(event: Event) -> dict[str, str]:
    """The event's own headers, and the four that every carrier has."""
    return {
        **event.headers,
        "correlation_id": event.correlation_id,
        "event_id": event.event_id,
        "event_type": event.type,
        "sequence": str(event.sequence),
    }


def too_large(event: Event, where: str, mend: str) -> Rejected:
    """An event whose body the far side does not take."""
    message = f"{where}: the event has {len(event.body)} bytes, more than is taken. {mend}"
    return Rejected(event.event_id, TOO_LARGE, message)
