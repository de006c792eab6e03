"""Reconcile: prove that what a subscription was to be told is what its far side has.

Everything the feed has for it, up to its cursor, must be at the far side or among its dead letters;
first tellings of one key must be in the order of the feed. Memory: one bit for each entry and type,
and one number for each study.
"""

from collections import Counter
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from hilum.delivery.rendering import FEED_TYPES, Renderer
from hilum.delivery.wanting import Wanting
from hilum.domain.delivery import LetterOrigin, LetterState, Subscription
from hilum.domain.records import FeedEntry
from hilum.ports.delivery import DeliveryStore, LetterQuery
from hilum.ports.index import FeedReader
from hilum.ports.sinks import RemembersEvents

_PAGE: Final = 1000
_LISTED: Final = 1000


@dataclass(frozen=True, slots=True)
class Gap:
    """An event that is not where it should be."""

    problem: str
    """`missing`, or `out-of-order`."""
    sequence: int
    event_type: str
    event_id: str
    study: str


@dataclass(slots=True)
class Reconciled:
    """What was found of one subscription."""

    name: str
    cursor: int
    expected: int = 0
    told: int = 0
    """Different events of this feed that the far side has."""
    repeated: int = 0
    """Events it has more than once, as happens after a crash; receivers drop them by their id."""
    foreign: int = 0
    """Events that are not of this feed: of the one before a rebuild, or of another archive."""
    dead: int = 0
    """Events that are dead letters instead."""
    counts: Counter[str] = field(default_factory=Counter)
    gaps: list[Gap] = field(default_factory=list)
    """The first thousand."""

    @property
    def agrees(self) -> bool:
        return not self.counts

    def found(self, gap: Gap) -> None:
        self.counts[gap.problem] += 1
        if len(self.gaps) < _LISTED:
            self.gaps.append(gap)


class _Sequences:
    """Sequences by type, one bit each, counted from the first that matters."""

    def __init__(self, base: int) -> None:
        self._base = base
        self._bits: dict[str, bytearray] = {}

    def add(self, event_type: str, sequence: int) -> bool:
        """False when it was there before."""
        bits = self._bits.setdefault(event_type, bytearray())
        index, bit = divmod(sequence - self._base, 8)
        if index >= len(bits):
            bits.extend(bytes(index + 1 - len(bits) + (1 << 12)))
        if bits[index] >> bit & 1:
            return False
        bits[index] |= 1 << bit
        return True

    def has(self, event_type: str, sequence: int) -> bool:
        bits = self._bits.get(event_type, b"")
        index, bit = divmod(sequence - self._base, 8)
        return index < len(bits) and bool(bits[index] >> bit & 1)


class Reconcile:
    """The use case behind `hilum reconcile`; changes nothing and runs beside a server."""

    def __init__(self, feed: FeedReader, store: DeliveryStore, renderer: Renderer) -> None:
        self._feed = feed
        self._store = store
        self._renderer = renderer

    async def __call__(
        self, subscription: Subscription, log: RemembersEvents, *, after: int, from_now: bool
    ) -> Reconciled:
        """Compare entries above `after`; those from before a `from_now` subscription do not count.

        Raises `SinkUnavailable` when the far side cannot be read.
        """
        report = Reconciled(subscription.name, subscription.cursor)
        first = await self._feed.feed(after, 1)
        if not first or first[0].sequence > subscription.cursor:
            return report
        base = first[0].sequence
        types = [each for each in FEED_TYPES if subscription.filter.wants_type(each)]
        told = await self._told(log, types, base, report)
        dead = await self._dead(subscription, base)
        async for page in self._pages(after, subscription):
            for entry, names in page:
                if from_now and entry.time < subscription.created:
                    continue
                for event_type in names:
                    self._compare(report, entry, event_type, told, dead)
        return report

    def _compare(
        self,
        report: Reconciled,
        entry: FeedEntry,
        event_type: str,
        told: _Sequences,
        dead: _Sequences,
    ) -> None:
        report.expected += 1
        if told.has(event_type, entry.sequence):
            return
        if dead.has(event_type, entry.sequence):
            report.dead += 1
            return
        event_id = self._renderer.event_id(entry.sequence, event_type)
        report.found(Gap("missing", entry.sequence, event_type, event_id, entry.uids.study))

    async def _told(
        self, log: RemembersEvents, types: Collection[str], base: int, report: Reconciled
    ) -> _Sequences:
        told = _Sequences(base)
        last: dict[int, int] = {}
        async for event in log.told(types):
            if event.event_id != self._renderer.event_id(event.sequence, event.type):
                report.foreign += 1
                continue
            if event.sequence < base:
                continue
            if not told.add(event.type, event.sequence):
                report.repeated += 1
                continue
            report.told += 1
            # By topic the order holds only among the types that share one.
            name = hash((event.type, event.key))
            if event.sequence < last.get(name, 0):
                report.found(
                    Gap("out-of-order", event.sequence, event.type, event.event_id, event.key)
                )
            else:
                last[name] = event.sequence
        return told

    async def _dead(self, subscription: Subscription, base: int) -> _Sequences:
        """What is filed instead; what was sent again must be at the far side by now."""
        dead = _Sequences(base)
        query = LetterQuery(LetterOrigin.SUBSCRIPTION, subject=subscription.name)
        after = 0
        while page := await self._store.letters.list(query, after, _PAGE):
            after = page[-1].key
            for letter in page:
                if letter.sequence >= base and letter.state is not LetterState.REPLAYED:
                    dead.add(letter.event_type, letter.sequence)
        return dead

    async def _pages(
        self, after: int, subscription: Subscription
    ) -> AsyncIterator[Sequence[tuple[FeedEntry, Sequence[str]]]]:
        # Nobody knows any more whether what was deleted since passed a filter by modality.
        wanting = Wanting(subscription.filter, self._store, when_unknown=False)
        while page := await self._feed.feed(after, _PAGE):
            after = page[-1].sequence
            yield await wanting.of(
                [entry for entry in page if entry.sequence <= subscription.cursor]
            )
            if after >= subscription.cursor:
                return
