"""Names of files as their senders call them, made fit to be kept and shown."""

import unicodedata
from typing import Final

LONGEST_NAME: Final = 255
"""Characters; of a longer one the end is kept, which tells files of a folder apart."""
NAMELESS: Final = "file"
_UNSHOWABLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Controls, what turns the direction of text around, what is no character."""


def shown_name(told: str) -> str:
    """`told` as a relative path, with `/` between its parts and nothing that leads upwards.

    It names nothing on a disk: files lie under names of our own.
    """
    shown = "".join(_showable(each) for each in told.replace("\\", "/"))
    parts = [part.strip() for part in shown.split("/")]
    if len(parts[0]) == 2 and parts[0][1] == ":":
        parts[0] = ""  # the drive of a Windows path
    name = "/".join(part for part in parts if part not in {"", ".", ".."})
    return name[-LONGEST_NAME:].lstrip("/ ") or NAMELESS


def _showable(character: str) -> str:
    if character == " ":
        return character
    category = unicodedata.category(character)
    return "" if category in _UNSHOWABLE else " " if category == "Zs" else character
