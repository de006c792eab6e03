"""Identifiers of events and requests."""

import re
import uuid
from typing import Final

_CORRELATION_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


def new_correlation_id() -> str:
    """A fresh correlation id: a random UUID."""
    return str(uuid.uuid4())


def accepted_correlation_id(text: str | None) -> str:
    """`text` when it is a correlation id we take over, else a fresh one.

    Taken over are 1 to 64 characters of `A-Z a-z 0-9 . _ -`: such an id can neither forge a log
    line nor grow one.
    """
    if text is not None and _CORRELATION_ID.fullmatch(text):
        return text
    return new_correlation_id()
