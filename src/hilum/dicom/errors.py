"""Why bytes could not be read as a DICOM data set.

UnreadableInstance (hilum.domain.errors)
├── NotDicom            neither a Part 10 file nor a bare data set
├── TruncatedInstance   the bytes end before the element they declare
├── MalformedElement    an element contradicts PS3.5 so that what follows cannot be found
└── DamagedDeflate      the deflated data set cannot be inflated

No message holds a value: offsets, tags and lengths only.
"""

from typing import ClassVar

from hilum.domain.errors import UnreadableInstance


def tag_text(tag: int) -> str:
    """`(gggg,eeee)` of a tag that is written 0xGGGGEEEE."""
    return f"({tag >> 16:04x},{tag & 0xFFFF:04x})"


class NotDicom(UnreadableInstance):
    """Neither a Part 10 file nor anything that looks like a data set."""

    code: ClassVar[str] = "not-dicom"
    title: ClassVar[str] = "Not a DICOM file"

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"This is no DICOM file: {reason}. "
            "Expected a preamble of 128 bytes followed by 'DICM', or a bare data set."
        )


class TruncatedInstance(UnreadableInstance):
    """The bytes end inside an element: the rest of the file is missing."""

    code: ClassVar[str] = "truncated-instance"
    title: ClassVar[str] = "The file is cut short"

    def __init__(self, tag: int, offset: int, missing: str) -> None:
        self.tag = tag
        self.offset = offset
        super().__init__(
            f"The file ends inside element {tag_text(tag)} at byte {offset}: {missing}. "
            "Send the complete file again."
        )


class MalformedElement(UnreadableInstance):
    """An element whose encoding contradicts PS3.5 so that its neighbours cannot be found."""

    code: ClassVar[str] = "malformed-element"
    title: ClassVar[str] = "The data set is malformed"

    def __init__(self, tag: int, offset: int, reason: str) -> None:
        self.tag = tag
        self.offset = offset
        super().__init__(f"Element {tag_text(tag)} at byte {offset} is malformed: {reason}.")


class DamagedDeflate(UnreadableInstance):
    """A deflated data set (PS3.5 A.5) whose stream is damaged."""

    code: ClassVar[str] = "damaged-deflate"
    title: ClassVar[str] = "The deflated data set is damaged"

    def __init__(self, offset: int) -> None:
        self.offset = offset
        super().__init__(
            f"The deflated data set, which starts at byte {offset}, cannot be inflated: "
            "it is damaged or not deflated at all."
        )
