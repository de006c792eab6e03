"""What a check of `hilum doctor` says."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at and found; `remedy` says how to mend it."""

    subject: str
    state: Literal["ok", "note", "wrong"]
    text: str
    remedy: str = ""
