"""What is asked of the frames of an instance, and what comes of it."""

import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

from hilum.dicom.frame_places import FramePlaces
from hilum.domain.identifiers import Scope
from hilum.domain.records import InstanceRecord

THE_END: Final = sys.maxsize
"""`FramePiece.stop` of a frame whose size is not known."""


@dataclass(frozen=True, slots=True)
class FoundFrames:
    """Frames that exist, of the live version of an instance. Frames count from 0."""

    scope: Scope
    record: InstanceRecord
    dataset_sha256: bytes
    places: FramePlaces
    frames: Sequence[int]
    """In the order they are wanted in; a frame may come twice."""

    @property
    def is_native(self) -> bool:
        """True when the frames are samples as they are, without codestreams round them."""
        return not self.places.table.encapsulated


@dataclass(frozen=True, slots=True)
class FramePiece:
    """Some of the bytes of one wanted frame."""

    position: int
    """In `FoundFrames.frames`."""
    start: int
    stop: int
    """At or behind the end of the frame: all from `start` on."""


@dataclass(frozen=True, slots=True)
class FrameContent:
    """The bytes of a piece: at hand, or to be read before the next piece is asked for."""

    position: int
    content: bytes | AsyncIterator[bytes]
