"""What was read of images lately, so that scrolling through a multi-frame instance is cheap."""

from collections import OrderedDict

from hilum.dicom.frame_places import FramePlaces
from hilum.domain.identifiers import Version
from hilum.domain.images import ImagePixels

_FACTS = 4096
"""Images whose layout is remembered; some hundred bytes each."""


class KnownImages:
    """Remembers by version, which names what never changes; the longest unused go first."""

    def __init__(self, memory_bytes: int) -> None:
        self._memory_bytes = memory_bytes
        self._held_bytes = 0
        self._places: OrderedDict[Version, FramePlaces] = OrderedDict()
        self._pixels: OrderedDict[Version, ImagePixels] = OrderedDict()

    def places(self, version: Version) -> FramePlaces | None:
        """Where the frames lie, when it is known."""
        found = self._places.get(version)
        if found is not None:
            self._places.move_to_end(version)
        return found

    def keep_places(self, version: Version, places: FramePlaces) -> None:
        """Remember `places`, unless they alone take more memory than there is."""
        if version in self._places or places.memory_bytes > self._memory_bytes:
            return
        self._places[version] = places
        self._held_bytes += places.memory_bytes
        while self._held_bytes > self._memory_bytes:
            _, dropped = self._places.popitem(last=False)
            self._held_bytes -= dropped.memory_bytes

    def pixels(self, version: Version) -> ImagePixels | None:
        """How the pixels are laid out, when it is known."""
        found = self._pixels.get(version)
        if found is not None:
            self._pixels.move_to_end(version)
        return found

    def keep_pixels(self, version: Version, pixels: ImagePixels) -> None:
        """Remember `pixels`."""
        self._pixels[version] = pixels
        if len(self._pixels) > _FACTS:
            self._pixels.popitem(last=False)
