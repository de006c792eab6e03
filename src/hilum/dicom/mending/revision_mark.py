"""What a revised file says about itself, so that the index can be made again from the files alone.

It is private information of the file meta (PS3.10 7.1: (0002,0100), (0002,0102)), which belongs to
the file and not to the instance.
"""

import json
import struct
from typing import Final, NamedTuple

from hilum.dicom.mending.tree import Element
from hilum.dicom.part10 import read_opening
from hilum.dicom.sources import Source
from hilum.domain.errors import UnreadableInstance
from hilum.domain.implementation import IMPLEMENTATION_CLASS_UID

_CREATOR: Final = 0x00020100
_INFORMATION: Final = 0x00020102
_HEAD: Final = b"\x02\x00\x02\x01OB\0\0"
_LONGEST: Final = 4096


class RevisionMark(NamedTuple):
    """Numbers in the names of objects."""

    object: int
    """Of the file itself: another copy of it says nothing about where it lies."""
    original: int
    """Of what there was before the first change."""

    def elements(self) -> list[Element]:
        """What to put into the file meta."""
        told = json.dumps(self._asdict()).encode()
        return [
            Element(_CREATOR, "UI", IMPLEMENTATION_CLASS_UID.encode()),
            Element(_INFORMATION, "OB", told),
        ]


def read_mark(source: Source) -> RevisionMark | None:
    """What a file says; None when it says nothing that this program wrote."""
    try:
        opening = read_opening(source)
    except UnreadableInstance:
        return None
    if opening.file_meta.get(_CREATOR) != IMPLEMENTATION_CLASS_UID:
        return None
    before = bytes(source[0 : opening.dataset_offset])
    place = before.rfind(_HEAD)
    if place < 0 or place + len(_HEAD) + 4 > len(before):
        return None
    start = place + len(_HEAD) + 4
    (length,) = struct.unpack("<I", before[start - 4 : start])
    return _parsed(before[start : start + min(length, _LONGEST)])


def _parsed(text: bytes) -> RevisionMark | None:
    try:
        told = json.loads(text.rstrip(b"\0"))
        return RevisionMark(int(told["object"]), int(told["original"]))
    except (ValueError, KeyError, TypeError):
        return None
