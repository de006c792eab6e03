"""What reading one header may still cost: elements, header bytes, and room in the memo."""

from hilum.dicom.limits import HeaderLimits
from hilum.dicom.memo import ENTRY_OVERHEAD_BYTES, Context, Found


class Budget:
    """Counts what one header takes. The reader's swift path works on its fields directly."""

    __slots__ = ("count", "header_end", "limits", "room")

    def __init__(self, limits: HeaderLimits, start: int, memo_room_bytes: int) -> None:
        self.limits = limits
        self.count = 0
        """Elements so far, items included."""
        self.header_end = start + limits.header_bytes
        """Where the header is too long; moves on with each bulk value that is skipped."""
        self.room = memo_room_bytes
        """Bytes that may still be stored in contexts."""

    def take(self, elements: int, position: int) -> None:
        """Count `elements` more, the last of which ends at `position`. Raises `LimitExceeded`."""
        self.count += elements
        if self.count > self.limits.elements:
            raise self.limits.exceeded("elements", "The data set has more elements")
        if position > self.header_end:
            raise self.limits.exceeded("header_bytes", "The header is longer")

    def remember(self, context: Context, raw: bytes, found: Found) -> None:
        """Store what was found of the element `raw`, if there is room."""
        if self.room > 0:
            context.known[raw] = found
            text = found if isinstance(found, bytes) else found.text
            self.room -= len(raw) + len(text) + ENTRY_OVERHEAD_BYTES
