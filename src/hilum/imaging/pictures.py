"""Arrays of 8 bits to files that everybody can look at: JPEG, PNG, GIF."""

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import imagecodecs
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from hilum.domain.errors import NotTranscodable, PixelLimitExceeded
from hilum.domain.presentation import Annotation, Captions, ColourSpace, PictureType, Rendering
from hilum.imaging.colour_spaces import in_colour_space
from hilum.imaging.pixels import Array
from hilum.imaging.placing import LIMIT

_LONGEST_SIDE: Final[Mapping[PictureType, int]] = {
    PictureType.JPEG: 65_500,  # of libjpeg; the format itself has 65,535
    PictureType.PNG: 1 << 20,
    PictureType.GIF: 65_535,
}
_SHARP_QUALITY: Final = 90
"""From here on JPEG keeps colours at full resolution."""
_LINES: Final = 40
"""Lines of captions that would fill a picture; letters are made as large as that."""
_LETTERS: Final = (9, 48)
"""Smallest and largest height of letters in pixels."""
_FRAME_MILLISECONDS: Final = 100.0
_GIF_MILLISECONDS: Final = (20, 65_535 * 10)
"""Viewers take what is faster for a mistake; the format counts hundredths in 16 bits."""


def written(
    picture: Array, rendering: Rendering, captions: Captions, icc_profile: bytes | None = None
) -> bytes:
    """Return a picture as a file. `icc_profile` is what its colours are in, sRGB when None.

    Raises `NotTranscodable` when the format has no pictures of that size.
    """
    _demand_possible(picture, rendering)
    if (
        rendering.picture is PictureType.JPEG
        and rendering.colour_space is ColourSpace.NO
        and not rendering.annotations
    ):
        return _jpeg(picture, rendering)
    image = _annotated(picture, rendering, captions)
    image, profile = in_colour_space(image, icc_profile, rendering.colour_space)
    file = io.BytesIO()
    if rendering.picture is PictureType.JPEG:
        subsampling = "4:4:4" if _keeps_colours(rendering) else "4:2:0"
        quality = _quality(rendering)
        image.save(
            file, "JPEG", quality=quality, subsampling=subsampling, icc_profile=profile or b""
        )
    elif rendering.picture is PictureType.PNG:
        image.save(file, "PNG", icc_profile=profile)
    else:
        _indexed(image).save(file, "GIF")
    return file.getvalue()


def _jpeg(picture: Array, rendering: Rendering) -> bytes:
    """Write the file that Pillow writes without holding the interpreter's lock meanwhile."""
    subsampling = None
    if picture.ndim == 3:
        subsampling = "444" if _keeps_colours(rendering) else "420"
    encoded = imagecodecs.jpeg8_encode(
        np.ascontiguousarray(picture), level=_quality(rendering), subsampling=subsampling
    )
    return bytes(encoded)


def _quality(rendering: Rendering) -> int:
    return max(1, min(100, rendering.quality))


def _keeps_colours(rendering: Rendering) -> bool:
    return rendering.quality >= _SHARP_QUALITY


def moving(
    pictures: Iterable[Array],
    rendering: Rendering,
    captions: Captions,
    milliseconds: float | None,
    maximum_pixels: int,
) -> bytes:
    """Return pictures as one GIF that repeats for ever; `milliseconds` is the time of each.

    Raises `PixelLimitExceeded` when they have more than `maximum_pixels` together, and
    `NotTranscodable` when the format has no pictures of that size, or there is none at all.
    """
    images: list[Image.Image] = []
    pixels = 0
    for picture in pictures:
        pixels += picture.shape[0] * picture.shape[1]
        if pixels > maximum_pixels:
            raise PixelLimitExceeded(LIMIT, maximum_pixels, "The frames have more pixels together")
        _demand_possible(picture, rendering)
        images.append(_indexed(_annotated(picture, rendering, captions)))
    if not images:
        message = "There are no frames to be shown."
        raise NotTranscodable(message)
    low, high = _GIF_MILLISECONDS
    duration = round(min(high, max(low, milliseconds or _FRAME_MILLISECONDS)))
    file = io.BytesIO()
    images[0].save(file, "GIF", save_all=True, append_images=images[1:], duration=duration, loop=0)
    return file.getvalue()


def _indexed(image: Image.Image) -> Image.Image:
    return image if image.mode == "L" else image.quantize(256)


def _demand_possible(picture: Array, rendering: Rendering) -> None:
    if max(picture.shape[:2]) > _LONGEST_SIDE[rendering.picture]:
        message = f"Pictures of that size cannot be written as {rendering.picture}."
        raise NotTranscodable(message)


def _annotated(picture: Array, rendering: Rendering, captions: Captions) -> Image.Image:
    image = Image.fromarray(np.ascontiguousarray(picture))
    if Annotation.PATIENT in rendering.annotations:
        _write(image, captions.patient, "la")
    if Annotation.TECHNIQUE in rendering.annotations:
        _write(image, captions.technique, "ra")
    return image


def _write(image: Image.Image, lines: Sequence[str], anchor: str) -> None:
    """Write lines from the top: `la` at the left, `ra` at the right edge."""
    size = max(_LETTERS[0], min(_LETTERS[1], image.height // _LINES))
    font = ImageFont.load_default(size)
    white, black = (255, 0) if image.mode == "L" else ((255, 255, 255), (0, 0, 0))
    draw = ImageDraw.Draw(image)
    margin = size // 2
    x = margin if anchor == "la" else image.width - margin
    for at, line in enumerate(lines):
        y = margin + at * (size + size // 4)
        if y >= image.height:
            break
        draw.text((x, y), line, white, font, anchor=anchor, stroke_width=1, stroke_fill=black)
