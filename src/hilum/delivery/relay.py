"""The relay of one subscription: from its cursor in the feed to its sink.

At least once, in the order of the feed. An outage of the sink is waited for without end; an event
that the sink will never take becomes a row, then a copy told in its place, and the next one goes.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import structlog

from hilum.delivery.letters import letter_of, unrendered
from hilum.delivery.options import Declared, RelayOptions
from hilum.delivery.place import Place, TurnEnded
from hilum.delivery.rendering import Renderer
from hilum.delivery.retelling import Retelling
from hilum.delivery.sending import Sending
from hilum.delivery.surroundings import Surroundings
from hilum.delivery.wanting import Wanting
from hilum.domain.delivery import DeadLetter
from hilum.domain.errors import HilumError
from hilum.domain.events import Event, Rejected
from hilum.domain.records import FeedEntry
from hilum.foundation.outage import Outage

_log = structlog.get_logger()


@dataclass(slots=True)
class _Batch:
    """What is sent at once; events of one entry are never parted."""

    events: list[Event]
    letters: list[DeadLetter]
    size_bytes: int = 0
    sequence: int = 0


class Relay:
    """Runs until `stop`; then tells what is in the feed, as long as its sink takes it."""

    def __init__(
        self,
        declared: Declared,
        sending: Sending,
        renderer: Renderer,
        around: Surroundings,
        options: RelayOptions,
    ) -> None:
        self._name = declared.name
        self._rest_seconds = declared.rest_seconds
        self._wanting = Wanting(declared.wanted, around.store)
        self._sending = sending
        self._renderer = renderer
        self._around = around
        self._options = options
        self._stopping = False
        self._removed = False
        self._outage = Outage(around.clock)
        self._place = Place(
            declared.name,
            around.store.subscriptions,
            around.clock,
            poll_seconds=options.poll_seconds,
            cursor_seconds=options.cursor_seconds,
            may_go_on=lambda: around.holds(declared.name),
        )
        self._retelling = Retelling(declared.name, around.store.letters, self._send, options)
        self._looked_at_letters = -1.0

    def stop(self) -> None:
        """Tell what is left, then end."""
        self._stopping = True
        self._sending.stop()

    async def run(self) -> None:
        """Follow the feed; cancelling ends it after the events that are under way."""
        try:
            while True:
                rung = self._around.fed.rung
                if await self._turn():
                    await self._rest()
                    continue
                if self._stopping:
                    return
                options, place = self._options, self._place
                seconds = options.poll_seconds
                if not place.is_saved:
                    seconds = min(seconds, options.cursor_seconds)
                await self._around.wait(self._around.fed, rung, seconds)
        finally:
            await self._close()

    async def _rest(self) -> None:
        if self._rest_seconds and not self._stopping:
            nudged = self._around.nudged
            await self._around.wait(nudged, nudged.rung, self._rest_seconds)

    async def _turn(self) -> bool:
        """One page; False when there is nothing to do now."""
        meter, name = self._around.meter, self._name
        try:
            if not self._around.holds(name):
                # A client may hold back what it could not send, and send it beside who took over.
                await self._sending.close()
                await self._place.give_up()
                meter.running(name, False)
                return False
            running = await self._place.take()
            self._removed = False
            meter.running(name, running)
            went_on = False
            if running:
                await self._look_at_letters()
                went_on = await self._page()
            else:
                self._sending.leave_alone()
        except TurnEnded:
            return False
        except LookupError:
            self._gone()
            return False
        except HilumError as error:
            if self._outage.met():
                _log.warning("delivery_waits", subscription=name, code=error.code)
            return False
        except Exception:  # noqa: BLE001 (a bug must not end the follower)
            _log.exception("delivery_failed", subscription=name)
            return False
        if (seconds := self._outage.over()) is not None:
            _log.info("delivery_goes_on", subscription=name, seconds=seconds)
        return went_on

    def _gone(self) -> None:
        """Somebody removed the row: there is nothing to follow until it is declared again."""
        if not self._removed:
            _log.warning("subscription_removed", subscription=self._name)
        self._removed = True
        self._place.leave()
        self._sending.leave_alone()
        self._around.meter.running(self._name, False)

    async def _page(self) -> bool:
        place, meter = self._place, self._around.meter
        page = await self._around.feed.feed(place.cursor, self._options.page_entries)
        if not page:
            if await self._sending.reach(place.look):
                place.moved_to(place.cursor)  # saved anew, the row says that the outage is over
            await place.save()
            meter.lag(self._name, 0, 0.0)
            return False
        age = (self._around.clock.now() - page[0].time).total_seconds()
        behind = page[-1].sequence - place.cursor
        if len(page) == self._options.page_entries:
            behind = await self._around.store.last_sequence() - place.cursor
        meter.lag(self._name, behind, age)
        async for batch in self._batches(page):
            await self._deliver(batch)
        place.moved_to(page[-1].sequence)
        await place.save()
        return True

    async def _batches(self, page: Sequence[FeedEntry]) -> AsyncIterator[_Batch]:
        """Render what is wanted of a page, a batch at a time, so that memory stays bounded."""
        batch = _Batch([], [])
        for entry, types in await self._wanting.of(page):
            if entry.kind.of_instance:
                made = [self._renderer.instance(entry)]
            else:
                made = await self._facts(entry, types, batch.letters)
            size = sum(len(event.body) for event in made)
            full = len(batch.events) + len(made) > self._options.batch_events
            if batch.events and (full or batch.size_bytes + size > self._options.batch_bytes):
                yield batch
                batch = _Batch([], [])
            batch.events += made
            batch.size_bytes += size
            batch.sequence = entry.sequence
        if batch.events or batch.letters:
            yield batch

    async def _facts(
        self, entry: FeedEntry, types: Sequence[str], letters: list[DeadLetter]
    ) -> list[Event]:
        made: list[Event] = []
        for event_type in types:
            try:
                made.append(await self._renderer.fact(entry, event_type))
            except (ValueError, KeyError, TypeError):
                event_id = self._renderer.event_id(entry.sequence, event_type)
                now = self._around.clock.now()
                letters.append(unrendered(self._name, entry, event_id, event_type, now))
        return made

    async def _deliver(self, batch: _Batch) -> None:
        rejected = await self._send(batch.events)
        now = self._around.clock.now()
        by_id = {event.event_id: event for event in batch.events}
        letters = batch.letters + [
            letter_of(self._name, by_id[why.event_id], why, now)
            for why in rejected
            if why.event_id in by_id
        ]
        sent = len(batch.events) - len(rejected)
        if not letters:
            self._place.moved_to(batch.sequence, sent)
            await self._place.save()
            return
        await self._place.reject(batch.sequence, sent, letters)
        for letter in letters:
            self._around.meter.rejected(self._name, letter.cause)
            _log.warning(
                "event_rejected",
                subscription=self._name,
                event_type=letter.event_type,
                event_id=letter.event_id,
                cause=letter.cause,
                correlation_id=letter.correlation_id,
            )
        await self._retelling.copies()

    async def _send(self, events: Sequence[Event]) -> Sequence[Rejected]:
        return await self._sending.send(events, self._place.look)

    async def _look_at_letters(self) -> None:
        if self._looked_at_letters != self._place.looked:
            self._looked_at_letters = self._place.looked
            await self._retelling.all()

    async def _close(self) -> None:
        try:
            await self._place.save(at_once=True)
        except (TurnEnded, HilumError):
            pass  # somebody else goes on from the cursor they have, or the next start repeats a few
        finally:
            self._around.meter.running(self._name, False)
            await self._sending.close()
