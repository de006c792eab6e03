"""The part of a source that is in memory, and the errors of looking beyond its end."""

from typing import Final

from hilum.dicom.errors import MalformedElement, TruncatedInstance
from hilum.dicom.sources import WINDOW_BYTES, Source

NO_TAG: Final = 0


class Window:
    """A piece of a source that moves forward; of bytes in memory, all of them at once."""

    __slots__ = ("base", "buffer", "size", "source")

    def __init__(self, source: Source) -> None:
        self.source = source
        self.size = len(source)
        """Bytes of the whole source."""
        self.buffer = source if isinstance(source, bytes) else b""
        self.base = 0
        """Where `buffer` starts in the source."""

    def load(self, position: int, size: int) -> int:
        """Have `size` bytes from `position` on in the buffer, or all there are.

        Return the index of `position` in the buffer, which may be another one afterwards.
        """
        index = position - self.base
        if self.buffer is self.source or (0 <= index <= len(self.buffer) - size):
            return index
        self.buffer = bytes(self.source[position : position + max(size, WINDOW_BYTES)])
        self.base = position
        if len(self.buffer) < min(size, self.size - position):
            raise TruncatedInstance(NO_TAG, position, "the file became shorter while it was read")
        return 0

    def overrun(
        self, tag: int, position: int, size: int, end: int
    ) -> TruncatedInstance | MalformedElement:
        """Return the error for an element of `size` bytes of which `end` cuts off some."""
        reason = f"it needs {size} bytes where {end - position} are left"
        if end == self.size:
            return TruncatedInstance(tag, position, reason)
        return MalformedElement(tag, position, reason + " in the item or sequence around it")

    def unfinished(
        self, tag: int, position: int, end: int, what: str
    ) -> TruncatedInstance | MalformedElement:
        """Return the error for `what` missing before `end`."""
        reason = f"{what} is incomplete or missing"
        if end == self.size:
            return TruncatedInstance(tag, position, reason)
        return MalformedElement(tag, position, reason)
