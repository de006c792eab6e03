"""A bounded memory of elements already read: their bytes to their JSON text.

The instances of a series repeat nearly every element byte for byte. What an element's bytes mean
depends on a little context (`Context`), so each context has its own table. Elements that followed
one another before are also remembered as one `Run`, which is found with one comparison.

Safe to use from several threads: tables are only added to with single dictionary operations, and
losing an entry costs time, never correctness. What is stored is never changed.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson

from hilum.dicom.bulk_marks import without_marks
from hilum.dicom.charsets import DEFAULT_CHARSET, Charset
from hilum.dicom.elements import BulkElement, ValueProblem
from hilum.dicom.shapes import EXPLICIT_SHAPES, IMPLICIT_SHAPES, NO_SHAPES, Shape
from hilum.dicom.values import surroundings_of
from hilum.dicom.vr import BULK_VRS

JsonValue = tuple[str, list[Any]]
"""VR and the elements of the JSON `Value` array. May be shared between headers: only to be read."""

ENTRY_OVERHEAD_BYTES: Final = 300
"""What Python takes for one remembered element, besides its bytes and its text."""
_CONTEXT_OVERHEAD_BYTES: Final = 2_000
_CREATOR_OVERHEAD_BYTES: Final = 200
_RUNS_PER_ELEMENT: Final = 4
_NONE_WANTED: Final[frozenset[int]] = frozenset()


class Form(NamedTuple):
    """How element heads are written (PS3.5 tables 7.1-1 to 7.1-3)."""

    unpack_head: Callable[[bytes, int], tuple[Any, ...]]
    """(buffer, index) -> group, element, VR of two bytes or nothing, length."""
    shapes: Mapping[bytes, Shape]
    """What is common to elements with the same first bytes."""
    unpack_key: Callable[[bytes, int], tuple[Any, ...]]
    """(buffer, index) -> key of `shapes`, length; right for elements that have a shape."""


_FORMS: Final = {
    (True, True): Form(
        struct.Struct("<HH0sI").unpack_from, IMPLICIT_SHAPES, struct.Struct("<4sI").unpack_from
    ),
    (True, False): Form(
        struct.Struct(">HH0sI").unpack_from, NO_SHAPES, struct.Struct(">4sI").unpack_from
    ),
    (False, True): Form(
        struct.Struct("<HH2sH").unpack_from, EXPLICIT_SHAPES, struct.Struct("<6sH").unpack_from
    ),
    (False, False): Form(
        struct.Struct(">HH2sH").unpack_from, NO_SHAPES, struct.Struct(">6sH").unpack_from
    ),
}
"""By (implicit, little endian)."""


class Entry:
    """One element, read, that is more than a text. Paths and offsets count from the element."""

    __slots__ = ("after", "bulk", "count", "problems", "size", "tag", "text")

    def __init__(self, tag: int, size: int, text: bytes) -> None:
        self.tag = tag
        self.size = size
        """Bytes of the whole element."""
        self.text = text
        """`"GGGGEEEE":{...}` or a mark; empty when the element has no place in the JSON."""
        self.count = 1
        """Elements in it, itself included."""
        self.problems: tuple[ValueProblem, ...] = ()
        self.bulk: tuple[BulkElement, ...] = ()
        self.after: Context | None = None
        """The context that follows, when the element changes it."""


Found = bytes | Entry
"""What is known of an element: its JSON text when that is all there is to say of it."""


class Run:
    """Elements that followed a certain element before, as one piece."""

    __slots__ = ("after", "bulk", "count", "last_tag", "problems", "tail", "text", "values")

    def __init__(
        self, tail: bytes, elements: "Sequence[tuple[int, Found]]", last_tag: int, after: "Context"
    ) -> None:
        """Make the run of `elements`, each with where it starts in `tail`."""
        texts = [found if isinstance(found, bytes) else found.text for _, found in elements]
        entries = [(start, found) for start, found in elements if isinstance(found, Entry)]
        self.tail = tail
        self.last_tag = last_tag
        self.text = b",".join(filter(None, texts))
        self.after = after
        self.count = len(elements) + sum(entry.count - 1 for _, entry in entries)
        self.problems = tuple(problem for _, entry in entries for problem in entry.problems)
        self.bulk = tuple(
            BulkElement(element.path, element.vr, start + element.offset, element.length)
            for start, entry in entries
            for element in entry.bulk
        )
        wanted = after.key.wanted
        self.values = values_of([text for text in texts if text and tag_of(text) in wanted])


def tag_of(text: bytes) -> int:
    """Return the tag of an attribute's JSON text."""
    return int(text[1:9], 16)


def values_of(texts: Sequence[bytes]) -> dict[int, JsonValue]:
    """Return VR and values of attributes, given their JSON texts, by tag; without bulk data."""
    attributes = orjson.loads(without_marks(b"{%b}" % b",".join(texts)))
    return {
        int(tag, 16): (attribute["vr"], attribute.get("Value", []))
        for tag, attribute in attributes.items()
        if attribute["vr"] not in BULK_VRS
    }


class ContextKey(NamedTuple):
    """Everything outside of an element that its JSON text depends on."""

    is_implicit: bool
    is_little_endian: bool
    charset: Charset
    creators: tuple[tuple[int, str], ...]
    """(group << 16 | block << 8, private creator) of the latest private group, as they came."""
    is_signed: bool | None
    """PixelRepresentation of the data set or of one around it; None when not seen."""
    has_single_entry_lut: bool
    wanted: frozenset[int]
    """Top-level tags whose values are kept; empty inside of items."""
    inline_bytes: int | None = None
    """`HeaderLimits.inline_bytes`."""


class Context:
    """The state of reading a data set between two elements; equal states are one object."""

    __slots__ = (
        "_item", "_memo", "form", "is_implicit", "is_little_endian", "key", "known",
        "runs", "surroundings",
    )  # fmt: skip

    def __init__(self, memo: "Memo", key: ContextKey) -> None:
        self._memo = memo
        self.key = key
        self.known: dict[bytes, Found] = {}
        """Elements by their bytes."""
        self.runs: dict[bytes, tuple[Run, ...]] = {}
        """What followed an element of the top level before, by its bytes, latest first."""
        self.is_implicit = key.is_implicit
        self.is_little_endian = key.is_little_endian
        self.form = _FORMS[key.is_implicit, key.is_little_endian]
        self.surroundings = surroundings_of(key.charset, key.is_little_endian)
        self._item: Context | None = None

    def creator_of(self, tag: int) -> str:
        """Return the private creator whose block `tag` lies in, or an empty text."""
        return dict(self.key.creators).get(tag & 0xFFFFFF00, "")

    def with_charset(self, charset: Charset) -> "Context":
        return self._memo.context(self.key._replace(charset=charset))

    def with_creator(self, tag: int, creator: str) -> "Context":
        """Return the state in which `creator` has reserved a block; other groups are forgotten."""
        block = (tag & 0xFFFF0000) | (tag & 0xFF) << 8
        creators = tuple(
            known
            for known in self.key.creators
            if known[0] & 0xFFFF0000 == tag & 0xFFFF0000 and known[0] != block
        )
        return self._memo.context(self.key._replace(creators=(*creators, (block, creator))))

    def with_sign(self, is_signed: bool | None) -> "Context":
        return self._memo.context(self.key._replace(is_signed=is_signed))

    def with_single_entry_lut(self) -> "Context":
        return self._memo.context(self.key._replace(has_single_entry_lut=True))

    def item(self) -> "Context":
        """Return the state at the start of an item of a sequence in this data set."""
        if self._item is None:
            key = self.key._replace(creators=(), has_single_entry_lut=False, wanted=_NONE_WANTED)
            self._item = self._memo.context(key)
        return self._item

    def implicit(self, *, is_little_endian: bool) -> "Context":
        """Return the same state with implicit VR encoding (PS3.5 6.2.2)."""
        key = self.key._replace(is_implicit=True, is_little_endian=is_little_endian)
        return self._memo.context(key)

    def remember_run(self, first: bytes, run: Run) -> None:
        """Remember that `run` followed the element `first`."""
        self.runs[first] = (run, *self.runs.get(first, ())[: _RUNS_PER_ELEMENT - 1])


class Memo:
    """What was read lately, up to `capacity_bytes`; when full, it forgets all and starts anew.

    Forgetting costs one header at the pace of a header never seen, every few thousand headers.
    """

    def __init__(self, capacity_bytes: int = 32 * 1024 * 1024) -> None:
        self._capacity = capacity_bytes
        self._held = 0
        self._contexts: dict[ContextKey, Context] = {}

    @property
    def room_bytes(self) -> int:
        """How much one header may add, to be told to `charge` when it has."""
        return self._capacity - self._held

    def charge(self, size: int) -> None:
        """Count `size` bytes that were stored in contexts; forget everything when full."""
        self._held += size
        if self._held >= self._capacity:
            self.forget()

    def start(
        self,
        *,
        is_implicit: bool,
        is_little_endian: bool,
        wanted: frozenset[int],
        inline_bytes: int | None = None,
    ) -> Context:
        """Return the state at the start of a data set."""
        return self.context(
            ContextKey(
                is_implicit=is_implicit,
                is_little_endian=is_little_endian,
                charset=DEFAULT_CHARSET,
                creators=(),
                is_signed=None,
                has_single_entry_lut=False,
                wanted=wanted,
                inline_bytes=inline_bytes,
            )
        )

    def context(self, key: ContextKey) -> Context:
        """Return the one context with this key."""
        context = self._contexts.get(key)
        if context is None:
            context = self._contexts.setdefault(key, Context(self, key))
            size = _CONTEXT_OVERHEAD_BYTES + len(key.creators) * _CREATOR_OVERHEAD_BYTES
            self.charge(size)
        return context

    def forget(self) -> None:
        """Forget everything. Headers that are being read go on with what they had."""
        contexts = self._contexts
        self._contexts = {}
        self._held = 0
        for context in list(contexts.values()):
            context.known.clear()
            context.runs.clear()
