"""What a file consists of while it is being mended."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from hilum.dicom.elements import ElementPath
from hilum.dicom.sources import Source

TEXT_VRS: Final = frozenset({"SH", "LO", "ST", "LT", "UT", "UC", "PN"})
"""Whose bytes mean what the specific character set says (PS3.5 6.1.2.3)."""


class Span(NamedTuple):
    """Bytes of the source that are not read."""

    offset: int
    length: int


Value = bytes | Span


class Form(NamedTuple):
    """How the elements of a level are written."""

    is_implicit: bool
    is_little_endian: bool


@dataclass(slots=True)
class Item:
    """One item of a sequence."""

    elements: "list[Element]"
    form: Form
    is_open: bool = False
    """Its length is undefined: a delimiter ends it."""


@dataclass(slots=True)
class Element:
    """One element; a sequence has items and no value."""

    tag: int
    vr: str
    """`UN` where nothing tells."""
    value: Value = b""
    items: list[Item] | None = None
    is_open: bool = False
    """Its length is undefined; the value of one that is no sequence holds fragments and their
    delimiter."""
    tail: bytes = b""
    """Added behind the value."""
    code: bytes = b""
    """The VR as it is written, when it is one we do not know; its length has 32 bits then."""
    missing: int = 0
    """Bytes that its length announces behind the end of the file."""

    @property
    def size(self) -> int:
        """Bytes of a value that is no sequence, without padding."""
        length = self.value.length if isinstance(self.value, Span) else len(self.value)
        return length + len(self.tail)


class Flaw(NamedTuple):
    """A place where lengths or delimiters contradict what is there, and how it was read."""

    path: ElementPath | None
    text: str


@dataclass(slots=True)
class LooseFile:
    """A file as a tree. What is changed in it is told to nobody: `hilum.submissions` does that."""

    source: Source
    """What spans point into: the file or, of a deflated one, what its data set inflates to."""
    opening: bytes
    """All that comes before the data set, as it came; written when `meta` is None."""
    preamble: bytes
    """128 bytes; empty when there are none."""
    former_meta: list[Element]
    """Elements of group 0002 as they came."""
    meta: list[Element] | None
    """What the file meta information is to be."""
    transfer_syntax_uid: str
    is_guessed: bool
    """The transfer syntax is told from the first element, not from the file."""
    is_deflated: bool
    form: Form
    """As it really is, whatever the transfer syntax says."""
    elements: list[Element]
    flaws: list[Flaw] = field(default_factory=list)

    def get(self, tag: int) -> Element | None:
        """A top-level element; the last one when it is there twice, as everywhere here."""
        return found(self.elements, tag)

    def text(self, tag: int) -> str:
        """The first value of a top-level element as text of the default repertoire."""
        return text_of(self.get(tag))

    def put(self, element: Element) -> None:
        """Put a top-level element in its place, instead of one of its tag."""
        put(self.elements, element)


def found(elements: list[Element], tag: int) -> Element | None:
    return next((each for each in reversed(elements) if each.tag == tag), None)


def by_tag(elements: list[Element]) -> dict[int, Element]:
    """All at once what `found` tells of one: for whoever asks for many."""
    return {each.tag: each for each in elements}


def text_of(element: Element | None) -> str:
    if element is None or not isinstance(element.value, bytes):
        return ""
    return element.value.split(b"\\")[0].decode("latin_1").strip(" \0")


def put(elements: list[Element], element: Element) -> None:
    """Put `element` where its tag belongs, instead of any of its tag."""
    elements[:] = [each for each in elements if each.tag != element.tag]
    place = next(
        (index for index, each in enumerate(elements) if each.tag > element.tag), len(elements)
    )
    elements.insert(place, element)


def walk(
    elements: list[Element], items: tuple[tuple[int, int], ...] = ()
) -> Iterator[tuple[ElementPath, Element]]:
    """Yield every element that is no sequence, in its order, with where it is."""
    for element in elements:
        if element.items is None:
            yield ElementPath(items, element.tag), element
            continue
        for index, item in enumerate(element.items):
            yield from walk(item.elements, (*items, (element.tag, index)))


def level_at(
    elements: list[Element], items: tuple[tuple[int, int], ...]
) -> tuple[list[Element], Form | None] | None:
    """The elements of an item, and how it is written; None when there is no such item."""
    form: Form | None = None
    for tag, index in items:
        sequence = found(elements, tag)
        if sequence is None or sequence.items is None or index >= len(sequence.items):
            return None
        item = sequence.items[index]
        elements, form = item.elements, item.form
    return elements, form


def copied(elements: list[Element]) -> list[Element]:
    """The same tree, to be kept while the other is changed; values are shared."""
    return [
        Element(
            each.tag,
            each.vr,
            each.value,
            None
            if each.items is None
            else [Item(copied(item.elements), item.form, item.is_open) for item in each.items],
            each.is_open,
            each.tail,
            each.code,
            each.missing,
        )
        for each in elements
    ]
