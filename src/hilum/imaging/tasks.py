"""What a pixel worker can be asked to do: pure functions by name.

Importing this module loads the codecs, so that only workers do. A task takes whatever its caller
gives it and returns what can be told in JSON, and bytes.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from hilum.domain.identifiers import TransferSyntaxUID
from hilum.domain.images import EncodedFrame, ImagePixels
from hilum.imaging.syntaxes import EXPLICIT_LITTLE_ENDIAN, SYNTAXES
from hilum.imaging.transcoding import transcode


class Result(NamedTuple):
    """What a task answers."""

    facts: Mapping[str, Any]
    """Fit for JSON."""
    data: bytes


Task = Callable[..., Result]


def _transcode(frame: EncodedFrame, target: TransferSyntaxUID, maximum_bytes: int) -> Result:
    transcoded = transcode(frame, target, maximum_bytes)
    return Result(asdict(transcoded.pixels), transcoded.data)


TASKS: Final[Mapping[str, Task]] = MappingProxyType({"transcode": _transcode})
"""`transcode`: the facts are those of `ImagePixels`."""


def warm_up() -> None:
    """Load every codec: they are loaded when first used, which takes time and memory."""
    pixels = ImagePixels(EXPLICIT_LITTLE_ENDIAN.uid, 8, 8, 1, "MONOCHROME2", 8, 8, 7, False)
    for target in SYNTAXES.values():
        if target.encodes:
            there = transcode(EncodedFrame(pixels, bytes(64)), target.uid, 64)
            transcode(EncodedFrame(there.pixels, there.data), EXPLICIT_LITTLE_ENDIAN.uid, 64)
