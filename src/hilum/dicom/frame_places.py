"""Finding frames by number in constant time, whatever their number."""

from array import array
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Final

from hilum.dicom.frames import FramesUnknown, FrameTable, NoSuchFrame, Span, WhyUnknown

_ITEM_HEAD_BYTES = 8


class FramePlaces:
    """A frame table with the sums made once that `FrameTable.spans` makes for every frame."""

    __slots__ = ("_firsts", "_offsets", "largest_bytes", "table")

    def __init__(self, table: FrameTable) -> None:
        self.table = table
        self._offsets = array("Q")
        self._firsts = array("Q")
        if table.encapsulated and table.reason is None:
            steps = (length + _ITEM_HEAD_BYTES for length in table.lengths)
            self._offsets = array("Q", accumulate(steps, initial=table.start))
            if table.fragments_per_frame:
                self._firsts = array("Q", accumulate(table.fragments_per_frame, initial=0))
        self.largest_bytes: Final = self._largest()
        """No frame has more; 0 when the frames cannot be told apart."""

    @property
    def memory_bytes(self) -> int:
        """About what this takes in memory."""
        table = self.table
        arrays = (table.lengths, table.trims, table.fragments_per_frame)
        numbers = (*arrays, self._offsets, self._firsts)
        return 1024 + sum(len(each) * each.itemsize for each in numbers)

    @property
    def end(self) -> int:
        """The byte behind encapsulated pixel data, its delimiter included. Raises as `check`."""
        self.check(0)
        return self._offsets[-1]

    def _largest(self) -> int:
        table = self.table
        if not table.encapsulated or table.reason is not None:
            return -(table.frame_bits // -8)
        if not self._firsts:
            return max(table.lengths, default=0)
        ends = array("Q", accumulate(table.lengths, initial=0))
        return max(ends[stop] - ends[first] for first, stop in pairwise(self._firsts))

    def check(self, frame: int) -> None:
        """Raise `NoSuchFrame` or `FramesUnknown`. Frames count from 0."""
        table = self.table
        number_is_known = table.reason is not WhyUnknown.BAD_NUMBER_OF_FRAMES
        if number_is_known and not 0 <= frame < table.number_of_frames:
            raise NoSuchFrame(frame, table.number_of_frames)
        if table.reason is not None:
            raise FramesUnknown(table.reason)

    def spans(self, frame: int) -> Sequence[Span]:
        """Return the bytes of `frame`, as `FrameTable.spans` does. Raises as `check` does."""
        self.check(frame)
        table = self.table
        if not table.encapsulated:
            return table.spans(frame)
        first, stop = frame, frame + 1
        if self._firsts:
            first, stop = self._firsts[frame], self._firsts[frame + 1]
        trims = table.trims
        return [
            Span(self._offsets[number], table.lengths[number] - (trims[number] if trims else 0))
            for number in range(first, stop)
        ]

    def size_bytes(self, frame: int) -> int:
        """Return the bytes that `frame` takes when it stands alone. Raises as `check` does."""
        if self.table.encapsulated:
            return sum(span.length for span in self.spans(frame))
        self.check(frame)
        return -(self.table.frame_bits // -8)
