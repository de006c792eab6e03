"""Messages as they are accepted, and what is added to one that goes to the dead."""

import uuid
from dataclasses import replace
from typing import Final

from hilum.domain.errors import LimitExceeded
from hilum.foundation.correlation import CORRELATION_ID
from hilum.ports.bus import Message

CORRELATION: Final = "correlation_id"
_FIELD_OVERHEAD: Final = 16
_DEAD_HEADERS_BYTES: Final = 1024
"""Room for what a dead letter has more than the message, so that it can always be told."""


def accepted(message: Message, message_bytes: int) -> Message:
    """`message` as it is carried: with an id and, where the work at hand has one, a correlation id.

    Raises `LimitExceeded` when it is larger than `message_bytes`.
    """
    headers = dict(message.headers)
    if not headers.get(CORRELATION) and (correlation_id := CORRELATION_ID.get()):
        headers[CORRELATION] = correlation_id
    size = len(message.body) + len(message.key.encode())
    size += sum(len(f"{name}{text}".encode()) + _FIELD_OVERHEAD for name, text in headers.items())
    if size > message_bytes + (_DEAD_HEADERS_BYTES if "cause" in headers else 0):
        raise LimitExceeded("bus.message_bytes", message_bytes, f"A message of {size} bytes")
    message_id = message.message_id or str(uuid.uuid4())
    return replace(message, message_id=message_id, headers=headers, attempt=1)


def dead_topic(topic: str) -> str:
    return f"{topic}.dead"


def dead_letter(message: Message, group: str, cause: str, attempts: int) -> Message:
    """What is put on the dead topic: the message itself, and why it is there."""
    told = {"cause": cause[:100], "attempts": str(attempts), "group": group}
    return replace(message, headers={**message.headers, **told}, attempt=1)
