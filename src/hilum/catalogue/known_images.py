"""What was read of images lately, so that scrolling through a multi-frame instance is cheap."""

from typing import Final

from hilum.dicom.frame_places import FramePlaces
from hilum.domain.identifiers import Version
from hilum.domain.images import ImagePixels
from hilum.foundation.recent import Recent

_FACTS: Final = 4096
"""Images whose layout is remembered; some hundred bytes each."""


class KnownImages:
    """Remembers by version, which names what never changes; the longest unused go first."""

    def __init__(self, memory_bytes: int) -> None:
        self._places: Recent[Version, FramePlaces] = Recent(memory_bytes)
        self._pixels: Recent[Version, ImagePixels] = Recent(_FACTS)

    def places(self, version: Version) -> FramePlaces | None:
        """Where the frames lie, when it is known."""
        return self._places.get(version)

    def keep_places(self, version: Version, places: FramePlaces) -> None:
        """Remember `places`, unless they alone take more memory than there is."""
        self._places.keep(version, places, places.memory_bytes)

    def pixels(self, version: Version) -> ImagePixels | None:
        """How the pixels are laid out, when it is known."""
        return self._pixels.get(version)

    def keep_pixels(self, version: Version, pixels: ImagePixels) -> None:
        """Remember `pixels`."""
        self._pixels.keep(version, pixels)
