"""Reading how a picture is wanted (PS3.18 8.3.5)."""

import math
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import unquote_plus

from hilum.domain.errors import InvalidQuery
from hilum.domain.presentation import (
    Annotation,
    ColourSpace,
    PictureType,
    Rendering,
    Viewport,
    VoiFunction,
    Window,
)
from hilum.wire.rendered_rules import Parameter, RenderedRules

LARGEST_SIDE: Final = 65_535
"""Of a viewport, in pixels; images have no more either."""
_LONGEST_NUMBER: Final = 32
_NUMBER: Final = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_FUNCTIONS: Final = {
    "linear": VoiFunction.LINEAR,
    "linear-exact": VoiFunction.LINEAR_EXACT,
    "linear_exact": VoiFunction.LINEAR_EXACT,
    "sigmoid": VoiFunction.SIGMOID,
}
FORMS: Final[Mapping[Parameter, str]] = MappingProxyType(
    {
        Parameter.ANNOTATION: "patient, technique or both, with a comma",
        Parameter.QUALITY: "a whole number from 1 to 100",
        Parameter.VIEWPORT: (
            "width,height or width,height,x,y,width,height: first whole numbers from 1 to "
            f"{LARGEST_SIDE}, then the region of the image that is seen, each of which may be left "
            "empty, its width and height negative to flip it"
        ),
        Parameter.WINDOW: (
            "center,width,function with two numbers and linear, linear-exact or sigmoid"
        ),
        Parameter.ICC_PROFILE: f"one of {', '.join(ColourSpace)}",
    }
)
"""What the value of a parameter is."""


def rendering(query_string: bytes, picture: PictureType, rules: RenderedRules) -> Rendering:
    """Return what the parameters of a rendered resource say; others are passed over.

    Raises `InvalidQuery`, which names the parameter.
    """
    given = _given(query_string, rules.parameters)
    quality = _quality(given, rules.default_quality)
    if picture is not PictureType.JPEG:
        quality = rules.default_quality  # checked, and of no use
    return Rendering(
        picture,
        window=_window(given.get(Parameter.WINDOW)),
        viewport=_viewport(given.get(Parameter.VIEWPORT)),
        quality=quality,
        annotations=_annotations(given.get(Parameter.ANNOTATION)),
        colour_space=_colour_space(given.get(Parameter.ICC_PROFILE)),
    )


def thumbnail_rendering(
    query_string: bytes, picture: PictureType, rules: RenderedRules, side: int
) -> Rendering:
    """Return what the parameters of a thumbnail say: it knows `viewport` with a size only.

    Without one it fits into a square of `side` pixels. A thumbnail has no annotations, since it
    shall not identify a patient (PS3.18 10.4.3.3.4). Raises `InvalidQuery`.
    """
    given = _given(query_string, frozenset({Parameter.VIEWPORT}))
    viewport = _viewport(given.get(Parameter.VIEWPORT)) or Viewport(side, side)
    if viewport != Viewport(viewport.width, viewport.height):
        raise InvalidQuery("viewport", "that of a thumbnail has a width and a height only")
    return Rendering(picture, viewport=viewport, quality=rules.default_quality)


def _given(query_string: bytes, wanted: frozenset[Parameter]) -> Mapping[str, str]:
    """The values of the parameters that are read."""
    given: dict[str, str] = {}
    for piece in query_string.decode("latin-1").split("&"):
        name, _, value = piece.partition("=")
        name = name.lower()
        if name not in wanted:
            continue
        if name in given:
            raise InvalidQuery(name, "it is given more than once")
        given[name] = unquote_plus(value, errors="replace").strip()
    return given


def _quality(given: Mapping[str, str], default: int) -> int:
    text = given.get(Parameter.QUALITY)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= 100):
        raise _wrong(Parameter.QUALITY)
    return int(text)


def _window(text: str | None) -> Window | None:
    """A function that is left out is `linear`: viewers of older editions know no other."""
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",", 3)]
    if len(parts) not in {2, 3}:
        raise _wrong(Parameter.WINDOW)
    center, width = (_number(part, Parameter.WINDOW) for part in parts[:2])
    function = _FUNCTIONS.get(parts[2].lower()) if len(parts) == 3 else VoiFunction.LINEAR
    if function is None:
        raise _wrong(Parameter.WINDOW)
    if function is VoiFunction.LINEAR and width < 1:
        raise InvalidQuery(Parameter.WINDOW.value, "the width of a linear window is at least 1")
    if width <= 0:
        raise InvalidQuery(Parameter.WINDOW.value, "its width is above 0")
    return Window(center, width, function)


def _viewport(text: str | None) -> Viewport | None:
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",", 6)]
    if not 2 <= len(parts) <= 6:
        raise _wrong(Parameter.VIEWPORT)
    width, height = map(_side, parts[:2])
    region = [_number(part, Parameter.VIEWPORT) if part else None for part in parts[2:]]
    region += [None] * (4 - len(region))
    x, y, region_width, region_height = region
    if (x or 0) < 0 or (y or 0) < 0:
        raise InvalidQuery(Parameter.VIEWPORT.value, "its region begins at 0 or above")
    if 0 in (region_width, region_height):
        raise InvalidQuery(Parameter.VIEWPORT.value, "the sides of its region are not 0")
    return Viewport(width, height, x or 0, y or 0, region_width, region_height)


def _side(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5):
        raise _wrong(Parameter.VIEWPORT)
    if not 1 <= int(text) <= LARGEST_SIDE:
        raise _wrong(Parameter.VIEWPORT)
    return int(text)


def _number(text: str, name: Parameter) -> float:
    if len(text) > _LONGEST_NUMBER or _NUMBER.fullmatch(text) is None:
        raise _wrong(name)
    value = float(text)
    if not math.isfinite(value):
        raise _wrong(name)
    return value


def _annotations(text: str | None) -> frozenset[Annotation]:
    if text is None:
        return frozenset()
    names = [name.strip().lower() for name in text.split(",", len(Annotation))]
    known = {each.value: each for each in Annotation}
    if len(names) > len(Annotation) or not all(name in known for name in names):
        raise _wrong(Parameter.ANNOTATION)
    return frozenset(known[name] for name in names)


def _colour_space(text: str | None) -> ColourSpace:
    if text is None:
        return ColourSpace.NO
    known = {each.value: each for each in ColourSpace}
    if text.lower() not in known:
        raise _wrong(Parameter.ICC_PROFILE)
    return known[text.lower()]


def _wrong(name: Parameter) -> InvalidQuery:
    return InvalidQuery(name.value, f"it is {FORMS[name]}")
