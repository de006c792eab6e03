"""Pictures moved into a colour space, with the profile that says so (PS3.18 8.3.5.1.5)."""

import io
import struct
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import imagecodecs
import numpy as np
from PIL import Image, ImageCms

from hilum.domain.presentation import ColourSpace

_D50: Final = (0.3457, 0.3585, 1.0)
_D65: Final = (0.3127, 0.3290, 1.0)
_CURVE_POINTS: Final = 1024
_MADE: Final[Mapping[ColourSpace, Mapping[str, Any]]] = {
    ColourSpace.ADOBE_RGB: {
        "whitepoint": _D65,
        "primaries": (0.64, 0.33, 1, 0.21, 0.71, 1, 0.15, 0.06, 1),
        "gamma": 563 / 256,
    },
    ColourSpace.ROMM_RGB: {
        "whitepoint": _D50,
        "primaries": (0.7347, 0.2653, 1, 0.1596, 0.8404, 1, 0.0366, 0.0001, 1),
        "gamma": 1.8,
    },
    ColourSpace.DISPLAY_P3: {
        "whitepoint": _D65,
        "primaries": (0.68, 0.32, 1, 0.265, 0.69, 1, 0.15, 0.06, 1),
    },
}
_DATE: Final = slice(24, 36)
_NO_DAY: Final = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
"""In place of the moment a profile was made, so that pictures are the same at any time."""
_LARGEST_PROFILE_BYTES: Final = 1 << 24
_BROKEN: Final = (ImageCms.PyCMSError, OSError, ValueError, TypeError)


def in_colour_space(
    picture: Image.Image, stored: bytes | None, space: ColourSpace
) -> tuple[Image.Image, bytes | None]:
    """Return an RGB picture in `space`, and the profile to put into the file.

    `stored` is the profile of the data set; without one that can be used, colours are sRGB
    (PS3.3 C.11.15). Grey pictures have no colours to move, and get none.
    """
    if space is ColourSpace.NO or picture.mode != "RGB":
        return picture, None
    source = stored if stored is not None and _is_usable(stored) else None
    if space is ColourSpace.YES or (space is ColourSpace.SRGB and source is None):
        return picture, source or profile(ColourSpace.SRGB)
    target = profile(space)
    opened = [_opened(each) for each in (source or profile(ColourSpace.SRGB), target)]
    moved = ImageCms.profileToProfile(picture, opened[0], opened[1])
    return moved or picture, target


@cache
def profile(space: ColourSpace) -> bytes:
    """Return the ICC profile of a named space; always the same bytes."""
    facts = dict(_MADE.get(space, {}))
    if space is ColourSpace.DISPLAY_P3:
        facts["transferfunction"] = _srgb_curve()
    made = bytes(imagecodecs.cms_profile("rgb" if facts else "srgb", **facts))
    return made[: _DATE.start] + _NO_DAY + made[_DATE.stop :]


def _srgb_curve() -> Any:  # noqa: ANN401 - an array of numbers
    """Tone curve of IEC 61966-2-1, which Display P3 has too."""
    shown = np.linspace(0, 1, _CURVE_POINTS)
    linear = np.where(shown <= 0.04045, shown / 12.92, ((shown + 0.055) / 1.055) ** 2.4)
    return np.rint(linear * 0xFFFF).astype(np.uint16)


def _is_usable(stored: bytes) -> bool:
    if len(stored) > _LARGEST_PROFILE_BYTES:
        return False
    try:
        opened = _opened(stored)
        if opened.profile.xcolor_space.strip() != "RGB":
            return False
        ImageCms.buildTransform(opened, _opened(profile(ColourSpace.SRGB)), "RGB", "RGB")
    except _BROKEN:
        return False
    return True


def _opened(data: bytes) -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(io.BytesIO(data))
