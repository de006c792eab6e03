"""What an image says about how it is shown, and how somebody wants to see it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class VoiFunction(StrEnum):
    """VOI LUT Function (0028,1056): how a window becomes grey values (PS3.3 C.11.2.1.3)."""

    LINEAR = "LINEAR"
    LINEAR_EXACT = "LINEAR_EXACT"
    SIGMOID = "SIGMOID"


@dataclass(frozen=True, slots=True)
class Window:
    """Values of interest, in the unit that the Modality LUT gives: HU of CT."""

    center: float
    width: float
    """At least 1 where `function` is LINEAR, above 0 otherwise."""
    function: VoiFunction = VoiFunction.LINEAR


@dataclass(frozen=True, slots=True)
class Rescale:
    """Modality LUT as a line: value * slope + intercept (PS3.3 C.11.1.1.2)."""

    slope: float
    intercept: float


@dataclass(frozen=True, slots=True)
class LookupTable:
    """A table of values (PS3.3 C.11.1.1.1); what lies outside gets the first or last entry."""

    first: int
    """The value that the first entry is for."""
    bits: int
    """Of an entry, 1 to 16."""
    entries: bytes
    """Two bytes of each in little endian order; one entry at least."""


@dataclass(frozen=True, slots=True)
class Palette:
    """Red, green and blue of a stored value (PS3.3 C.7.6.3.1.5)."""

    red: LookupTable
    green: LookupTable
    blue: LookupTable
    is_supplemental: bool = False
    """Only values from `red.first` on have colours, the others are grey (PS3.3 C.8.16.2.1.1.1)."""


@dataclass(frozen=True, slots=True)
class Padding:
    """Stored values that are no image: from `low` to `high` (PS3.3 C.7.5.1.1.2)."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Overlay:
    """One plane of graphics over one frame (PS3.3 C.9.2)."""

    rows: int
    columns: int
    row: int
    """Where its first row is in the image, counted from 0; may lie outside."""
    column: int
    is_region: bool
    """It marks a region of interest; otherwise it is graphics."""
    data: bytes = b""
    """Its bits, the first in the lowest; none when it lies in bits of the pixels."""
    bit: int = 0
    """The bit of `data` at which it starts; without `data` the bit of each word."""


@dataclass(frozen=True, slots=True)
class Captions:
    """Texts that can be written on a picture, a line each."""

    patient: Sequence[str] = ()
    technique: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Display:
    """What a data set says about how one of its frames is shown."""

    modality: Rescale | LookupTable | None = None
    windows: Sequence[Window] = ()
    voi_tables: Sequence[LookupTable] = ()
    is_inverse: bool = False
    """Presentation LUT Shape (2050,0020) is INVERSE."""
    padding: Padding | None = None
    palette: Palette | None = None
    pixel_aspect: float = 1.0
    """Height of a pixel over its width."""
    overlays: Sequence[Overlay] = ()
    icc_profile: bytes | None = field(default=None, repr=False)
    captions: Captions = field(default=Captions(), repr=False)
    frame_milliseconds: float | None = None
    """How long each frame of a cine is shown."""


class PictureType(StrEnum):
    """Media types of what is drawn."""

    JPEG = "image/jpeg"
    PNG = "image/png"
    GIF = "image/gif"


class Annotation(StrEnum):
    """What is written on a picture when asked for (PS3.18 8.3.5.1.1)."""

    PATIENT = "patient"
    TECHNIQUE = "technique"


class ColourSpace(StrEnum):
    """The parameter `iccprofile` (PS3.18 8.3.5.1.5)."""

    NO = "no"
    YES = "yes"
    SRGB = "srgb"
    ADOBE_RGB = "adobergb"
    ROMM_RGB = "rommrgb"
    DISPLAY_P3 = "displayp3"


@dataclass(frozen=True, slots=True)
class Viewport:
    """How large a picture may be, and what of the image is seen in it (PS3.18 8.3.5.1.3)."""

    width: int
    """Pixels of the picture, above 0."""
    height: int
    x: float = 0
    """Left edge of the region, in pixels of the image; not negative."""
    y: float = 0
    region_width: float | None = None
    """None: up to the right edge. Negative: flipped from left to right."""
    region_height: float | None = None
    """None: down to the bottom. Negative: flipped from top to bottom."""


@dataclass(frozen=True, slots=True)
class Rendering:
    """How a frame is wanted."""

    picture: PictureType = PictureType.JPEG
    window: Window | None = None
    """In place of those of the data set; colours have none."""
    viewport: Viewport | None = None
    """None: a pixel of the picture for each of the image, whatever its shape."""
    quality: int = 90
    """Of JPEG, 1 to 100."""
    annotations: frozenset[Annotation] = frozenset()
    colour_space: ColourSpace = ColourSpace.NO
