"""Every limit and timeout that a peer can meet, from the settings."""

import re
from typing import Final

from hilum.settings.names import setting_names
from statement.markdown import code, table

_SECTIONS: Final = ("http", "cors", "stow", "dicom", "search", "retrieve", "pixels", "dimse")
_UNITS: Final = (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))


def limits() -> str:
    """Name, default and meaning of each number among the settings of these sections."""
    rows = []
    for dotted, name in setting_names().items():
        default = name.field.default
        is_number = isinstance(default, int | float) and not isinstance(default, bool)
        section, _, key = dotted.partition(".")
        if section in _SECTIONS and is_number and key != "port":
            text = " ".join((name.field.description or "").split())
            meaning = re.split(r"(?<=[a-z\d)`])[.;] ", text, maxsplit=1)[0].rstrip(".")
            rows.append((code(dotted), _readable(dotted, default), meaning))
    return table(("Setting", "Default", "Meaning"), rows)


def _readable(dotted: str, value: float) -> str:
    if dotted.endswith("_seconds"):
        return f"{value:g} s"
    if isinstance(value, int) and value >= 1 << 12:
        for unit, size in _UNITS:
            if value % size == 0:
                return f"{value // size} {unit}"
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"
