"""A bounded memory of elements already read: their bytes to their JSON text.

The instances of a series repeat nearly every element byte for byte. What an element's bytes mean
depends on a little context (`Context`), so each context has its own table. Elements that follow
one another in two headers are also remembered as one `Run`, which is found with one comparison.

Safe to use from several threads: tables are only added to with single dictionary operations, and
losing an entry costs time, never correctness. Entries are immutable once stored, except for the
two hints `is_fresh` and `runs`.
"""

import struct
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from hilum.dicom.charsets import DEFAULT_CHARSET, Charset
from hilum.dicom.elements import BulkElement, ValueProblem
from hilum.dicom.values import Surroundings

JsonValue = tuple[str, list[Any]]
"""VR and the elements of the JSON `Value` array. Shared between headers: do not change it."""

_ENTRY_OVERHEAD_BYTES: Final = 400
_CONTEXT_OVERHEAD_BYTES: Final = 2_000
_CREATOR_OVERHEAD_BYTES: Final = 200
_RUNS_PER_ENTRY: Final = 4
_HEADS: Final[Mapping[tuple[bool, bool], Callable[[bytes, int], tuple[Any, ...]]]] = {
    (True, True): struct.Struct("<HH0sI").unpack_from,
    (True, False): struct.Struct(">HH0sI").unpack_from,
    (False, True): struct.Struct("<HH2sH").unpack_from,
    (False, False): struct.Struct(">HH2sH").unpack_from,
}
"""Element heads by (implicit, little endian); PS3.5 tables 7.1-1 to 7.1-3."""


class Run:
    """Elements that followed a certain element before, as one piece."""

    __slots__ = ("after", "bulk", "count", "last_tag", "problems", "tail", "text", "values")

    def __init__(self, tail: bytes, entries: "list[Entry]", after: "Context") -> None:
        self.tail = tail
        self.last_tag = entries[-1].tag
        self.count = sum(entry.count for entry in entries)
        self.text = b",".join([entry.text for entry in entries if entry.text])
        self.after = after
        self.problems = tuple(problem for entry in entries for problem in entry.problems)
        self.values = {entry.tag: entry.value for entry in entries if entry.value is not None}
        bulk: list[BulkElement] = []
        start = 0
        for entry in entries:
            bulk += [
                BulkElement(element.path, element.vr, start + element.offset, element.length)
                for element in entry.bulk
            ]
            start += entry.size
        self.bulk = tuple(bulk)


class Entry:
    """One element, read. Paths and offsets in it count from the element itself."""

    __slots__ = (
        "after", "bulk", "count", "is_fresh", "problems", "runs", "size", "tag", "text", "value",
    )  # fmt: skip

    def __init__(self, tag: int, size: int, text: bytes) -> None:
        self.tag = tag
        self.size = size
        """Bytes of the whole element."""
        self.text = text
        """`"GGGGEEEE":{...}`; empty when the element has no place in the JSON."""
        self.count = 1
        """Elements in it, itself included."""
        self.problems: tuple[ValueProblem, ...] = ()
        self.bulk: tuple[BulkElement, ...] = ()
        self.value: JsonValue | None = None
        """Of a wanted tag at the top level."""
        self.after: Context | None = None
        """The context that follows, when the element changes it."""
        self.is_fresh = True
        """It was not met a second time yet."""
        self.runs: tuple[Run, ...] = ()
        """What followed it before, latest first."""

    def remember_run(self, run: Run) -> None:
        self.runs = (run, *self.runs[: _RUNS_PER_ENTRY - 1])


class ContextKey(NamedTuple):
    """Everything outside of an element that its JSON text depends on."""

    is_implicit: bool
    is_little_endian: bool
    charset: Charset
    creators: tuple[tuple[int, str], ...]
    """(group << 16 | block << 8, private creator) of the latest private group, ascending."""
    is_signed: bool | None
    """PixelRepresentation of the data set or of one around it; None when not seen."""
    has_single_entry_lut: bool
    wanted: frozenset[int]
    """Top-level tags whose values are kept; empty inside of items."""


class Context:
    """The state of reading a data set between two elements; equal states are one object."""

    __slots__ = (
        "_creators", "_item", "_memo", "is_current", "is_implicit", "is_little_endian", "key",
        "known", "surroundings", "unpack_head",
    )  # fmt: skip

    def __init__(self, memo: "Memo", key: ContextKey) -> None:
        self._memo = memo
        self.key = key
        self.known: dict[bytes, Entry] = {}
        self.is_current = True
        """False once the memo forgot: good to read with, but not to add to."""
        self.is_implicit = key.is_implicit
        self.is_little_endian = key.is_little_endian
        self.unpack_head = _HEADS[key.is_implicit, key.is_little_endian]
        """(buffer, index) -> group, element, VR of two bytes or nothing, length."""
        self.surroundings = Surroundings(key.charset, key.is_little_endian)
        self._creators = dict(key.creators)
        self._item: Context | None = None

    def creator_of(self, tag: int) -> str:
        """Return the private creator whose block `tag` lies in, or an empty text."""
        return self._creators.get(tag & 0xFFFFFF00, "")

    def with_charset(self, charset: Charset) -> "Context":
        return self._memo.context(self.key._replace(charset=charset))

    def with_creator(self, tag: int, creator: str) -> "Context":
        """Return the state in which `creator` has reserved a block; other groups are forgotten."""
        group = tag & 0xFFFF0000
        creators = {
            block: name for block, name in self._creators.items() if block & 0xFFFF0000 == group
        }
        creators[group | (tag & 0xFF) << 8] = creator
        return self._memo.context(self.key._replace(creators=tuple(sorted(creators.items()))))

    def with_sign(self, is_signed: bool | None) -> "Context":
        return self._memo.context(self.key._replace(is_signed=is_signed))

    def with_single_entry_lut(self) -> "Context":
        return self._memo.context(self.key._replace(has_single_entry_lut=True))

    def item(self) -> "Context":
        """Return the state at the start of an item of a sequence in this data set."""
        if self._item is None:
            key = self.key._replace(creators=(), has_single_entry_lut=False, wanted=frozenset())
            self._item = self._memo.context(key)
        return self._item

    def implicit(self, *, is_little_endian: bool) -> "Context":
        """Return the same state with implicit VR encoding (PS3.5 6.2.2)."""
        key = self.key._replace(is_implicit=True, is_little_endian=is_little_endian)
        return self._memo.context(key)

    def remember(self, raw: bytes, entry: Entry) -> None:
        if self._memo.admit(self, len(raw) + len(entry.text) + _ENTRY_OVERHEAD_BYTES):
            self.known[raw] = entry

    def remember_run(self, first: Entry, run: Run) -> None:
        size = len(run.tail) + len(run.text) + _ENTRY_OVERHEAD_BYTES
        if self._memo.admit(self, size):
            first.remember_run(run)


class Memo:
    """What was read lately, up to `capacity_bytes`; when full, it forgets all and starts anew.

    Forgetting costs one header at the pace of a header never seen, every few thousand headers.
    """

    def __init__(self, capacity_bytes: int = 32 * 1024 * 1024) -> None:
        self._capacity = capacity_bytes
        self._held = 0
        self._contexts: dict[ContextKey, Context] = {}

    @property
    def held_bytes(self) -> int:
        """About how much memory is in use."""
        return self._held

    def start(
        self, *, is_implicit: bool, is_little_endian: bool, wanted: frozenset[int]
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
            )
        )

    def context(self, key: ContextKey) -> Context:
        """Return the one context with this key."""
        context = self._contexts.get(key)
        if context is None:
            context = self._contexts.setdefault(key, Context(self, key))
            self._held += _CONTEXT_OVERHEAD_BYTES + len(key.creators) * _CREATOR_OVERHEAD_BYTES
        return context

    def admit(self, context: Context, size: int) -> bool:
        """Whether `size` more bytes may be stored in `context`; forgets everything when full."""
        if not context.is_current:
            return False
        self._held += size
        if self._held <= self._capacity:
            return True
        self.forget()
        return False

    def forget(self) -> None:
        """Forget everything."""
        contexts = self._contexts
        self._contexts = {}
        self._held = 0
        for context in list(contexts.values()):
            context.is_current = False
            context.known.clear()
