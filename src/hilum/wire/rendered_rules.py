"""How pictures are given, by surface, as data (PS3.18 8.3.5, 8.7.4; Azure, section 3.5)."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from hilum.domain.presentation import PictureType


class Parameter(StrEnum):
    """Query parameters of rendered resources (PS3.18 table 8.3.5-1)."""

    ANNOTATION = "annotation"
    QUALITY = "quality"
    VIEWPORT = "viewport"
    WINDOW = "window"
    ICC_PROFILE = "iccprofile"


@dataclass(frozen=True, slots=True)
class RenderedRules:
    """What a surface offers of pictures."""

    strict: bool
    """An Accept header with just one media type, which is offered, is required."""
    offered: tuple[PictureType, ...]
    """The first is the default."""
    parameters: frozenset[Parameter]
    """What is read; other parameters are passed over, since viewers add some of their own."""
    default_quality: int
    above_instances: bool
    """Rendered studies and series, several frames at once, and thumbnails are offered."""
    moving: bool
    """GIF shows all frames of an instance."""
    representative: bool
    """An instance is seen in its representative frame, where it names one, else in its first."""
    documents: bool
    """What is no image is rendered: documents, reports, video."""
    failure_is_406: bool
    """Pixels that cannot be drawn are not acceptable, rather than unprocessable or too large."""
    validates: bool
    """Answers have an ETag and can be asked for again with If-None-Match."""


STANDARD_RENDERED: Final = RenderedRules(
    strict=False,
    offered=(PictureType.JPEG, PictureType.PNG, PictureType.GIF),
    parameters=frozenset(Parameter),
    default_quality=90,
    above_instances=True,
    moving=True,
    representative=True,
    documents=True,
    failure_is_406=False,
    validates=True,
)
AZURE_RENDERED: Final = RenderedRules(
    strict=True,
    offered=(PictureType.JPEG, PictureType.PNG),
    parameters=frozenset({Parameter.QUALITY}),
    default_quality=100,
    above_instances=False,
    moving=False,
    representative=False,
    documents=False,
    failure_is_406=True,
    validates=False,
)
