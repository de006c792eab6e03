"""What a header reader reports about single elements besides their JSON.

Most are named tuples, not data classes: a header can have hundreds, and they are made thrice as
fast.
"""

from array import array
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from hilum.dicom.errors import tag_text


class ElementPath(NamedTuple):
    """Where an element is: the items around it, outermost first, and its own tag."""

    items: tuple[tuple[int, int], ...]
    """(tag of the sequence, number of the item counted from 0) of each enclosing item."""
    tag: int

    @property
    def top_level_tag(self) -> int:
        return self.items[0][0] if self.items else self.tag

    def __str__(self) -> str:
        """`(0008,1140)[0](0008,1155)`."""
        around = "".join(f"{tag_text(tag)}[{item}]" for tag, item in self.items)
        return around + tag_text(self.tag)


class ProblemKind(StrEnum):
    """In which way a value breaks the rules."""

    LENGTH = "length"
    """A text longer than its VR allows."""
    CHARACTERS = "characters"
    """A character its VR does not allow."""
    FORMAT = "format"
    """A text that is no date, time, number, UID, age or name."""
    CHARSET = "charset"
    """Bytes that the specific character set in force cannot decode, or a set that is unknown."""
    SIZE = "size"
    """A binary value whose length is no multiple of the size of one value."""
    ENCODING = "encoding"
    """The element is readable but not encoded as PS3.5 says."""
    DUPLICATE = "duplicate"
    """The tag occurs more than once in its data set; the last occurrence counts."""


class ValueProblem(NamedTuple):
    """The first thing that is wrong with one element. `reason` never holds the value."""

    path: ElementPath
    vr: str
    kind: ProblemKind
    reason: str

    @property
    def tag(self) -> int:
        """The top-level tag the problem lies in or under."""
        return self.path.top_level_tag


class BulkElement(NamedTuple):
    """An element that was left out of the JSON because its VR is for bulk data."""

    path: ElementPath
    vr: str
    offset: int
    """Byte where the value starts: in the source or, of a deflated data set, in what it inflates
    to."""
    length: int | None
    """Bytes of the value; None when its length is undefined (encapsulated fragments)."""


@dataclass(frozen=True, slots=True)
class PixelDataSpan:
    """Where the pixel data of the data set lies. Offsets count as those of `BulkElement`."""

    tag: int
    vr: str
    offset: int
    length: int | None
    """None when the pixel data is encapsulated (PS3.5 A.4)."""
    fragment_offsets: "array[int]" = field(default_factory=lambda: array("Q"))
    """Of encapsulated pixel data: where the value of each item starts, the first being the Basic
    Offset Table, which may be empty."""
    fragment_lengths: "array[int]" = field(default_factory=lambda: array("Q"))
