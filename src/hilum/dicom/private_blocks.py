"""Where private elements are: each data set reserves blocks for their creators (PS3.5 7.8)."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

_BLOCKS: Final = range(0x10, 0x100)


def private_keys(dataset: Mapping[str, Any], path: str, creator: str) -> Iterator[str]:
    """DICOM JSON keys under which a data set may hold a private element.

    `path` has 8 upper-case hexadecimal digits, of which those of the block do not count.
    """
    group, number = path[:4], path[6:]
    for block in _BLOCKS:
        reserved = dataset.get(f"{group}00{block:02X}")
        if reserved is not None and _text(reserved) == creator:
            yield f"{group}{block:02X}{number}"


def _text(element: Any) -> str:  # noqa: ANN401 - JSON
    values = element.get("Value") if isinstance(element, dict) else None
    return str(values[0]).strip() if values else ""
