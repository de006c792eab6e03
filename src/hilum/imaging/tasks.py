"""What a pixel worker can be asked to do: pure functions by name.

A task takes whatever its caller gives it and returns what can be told in JSON, and bytes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from hilum.domain.identifiers import TransferSyntaxUID
from hilum.domain.images import EncodedFrame, ImagePixels
from hilum.domain.presentation import (
    Annotation,
    Captions,
    ColourSpace,
    Display,
    PictureType,
    Rendering,
    Viewport,
)
from hilum.imaging.judging import judge
from hilum.imaging.placing import PictureLimits
from hilum.imaging.presenting import draw, draw_moving
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


def _judge(frame: EncodedFrame, maximum_bytes: int) -> Result:
    return Result(asdict(judge(frame, maximum_bytes)), b"")


def _draw(
    frame: EncodedFrame, display: Display, rendering: Rendering, limits: PictureLimits
) -> Result:
    return Result({}, draw(frame, display, rendering, limits))


def _draw_moving(
    frames: Sequence[tuple[EncodedFrame, Display]], rendering: Rendering, limits: PictureLimits
) -> Result:
    return Result({}, draw_moving(frames, rendering, limits))


TASKS: Final[Mapping[str, Task]] = MappingProxyType(
    {"transcode": _transcode, "judge": _judge, "draw": _draw, "draw-moving": _draw_moving}
)
"""`transcode`, `judge`: the facts are those of `ImagePixels`. Pictures have no facts."""


def warm_up() -> None:
    """Load codecs, fonts and colour profiles: when first used, that takes time and memory."""
    pixels = ImagePixels(EXPLICIT_LITTLE_ENDIAN.uid, 8, 8, 1, "MONOCHROME2", 8, 8, 7, False)
    for target in SYNTAXES.values():
        if target.encodes:
            there = transcode(EncodedFrame(pixels, bytes(64)), target.uid, 64)
            transcode(EncodedFrame(there.pixels, there.data), EXPLICIT_LITTLE_ENDIAN.uid, 64)
    _warm_up_drawing()


def _warm_up_drawing() -> None:
    pixels = ImagePixels(EXPLICIT_LITTLE_ENDIAN.uid, 8, 8, 3, "RGB", 8, 8, 7, False)
    frame = EncodedFrame(pixels, bytes(192))
    display = Display(captions=Captions(("A",), ("B",)))
    limits = PictureLimits(192, 64)
    for picture in PictureType:
        rendering = Rendering(
            picture,
            viewport=Viewport(4, 4),
            annotations=frozenset(Annotation),
            colour_space=ColourSpace.ADOBE_RGB,
        )
        draw(frame, display, rendering, limits)
