"""A file on its way to being mended, and what was changed in it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from hilum.dicom.elements import ElementPath
from hilum.dicom.header import Header, read_header
from hilum.dicom.limits import HeaderLimits
from hilum.dicom.mending.composing import Composed, compose
from hilum.dicom.mending.tree import Element, LooseFile, copied
from hilum.validation.levels import Level, root_of


class Change(NamedTuple):
    """One thing that a coercion did. Holds a former value: show `path` and `text` only."""

    path: ElementPath | None
    """None when it is not about one element."""
    text: str
    """In words, without values."""
    vr: str = ""
    """Of the former value; empty when no value of the data set was changed, only its encoding."""
    former: bytes | None = None
    """None: the element was absent."""
    is_nonconforming: bool = False
    """The former value broke its VR."""


class Draft:
    """A file, and how it was."""

    def __init__(self, file: LooseFile, limits: HeaderLimits, memory_bytes: int) -> None:
        self.file = file
        self.former: list[Element] = copied(file.elements)
        self._limits = limits
        self._memory_bytes = memory_bytes

    def composed(self) -> Composed:
        """The file as it is now. Raises `LimitExceeded`."""
        return compose(self.file, self._memory_bytes)

    def header(self) -> tuple[Composed, Header]:
        """The file as it is now, and its header. Raises what `read_header` raises."""
        composed = self.composed()
        return composed, read_header(composed, limits=self._limits)

    def root(self) -> Level:
        """The data set as it is now."""
        return root_of(self.header()[1])


Apply = Callable[[Draft, str], Sequence[Change]]


@dataclass(frozen=True, slots=True)
class Coercion:
    """One kind of fault and how it is mended."""

    name: str
    purpose: str
    """What it does, in a sentence."""
    apply: Apply
    """Takes the draft and what was given behind `=`; returns what it did, nothing when there was
    nothing to mend. Raises `InvalidRequest` for a parameter it does not know."""
    only_when_named: bool = False
    """It invents or loses something, so that somebody has to ask for it."""
    parameter: str = ""
    """What may be given behind `=`, in words; empty: nothing."""
