"""Delivery over the archive's database, to the sinks that the settings name."""

import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hilum.adapters.storage.layout import place
from hilum.bootstrap.archive import Archive
from hilum.bootstrap.bus import is_in_process
from hilum.bootstrap.index_place import on_server
from hilum.bootstrap.sinks import make_sink
from hilum.delivery.operating import Operating
from hilum.delivery.options import Declared, RelayOptions, StableOptions
from hilum.delivery.publishing import BUS_SUBSCRIPTION, BusSink, published
from hilum.delivery.rendering import DEAD_LETTER, FEED_TYPES
from hilum.delivery.service import Delivery, DeliveryOptions, Engines
from hilum.delivery.traced import TracedSink
from hilum.domain.delivery import EventFilter
from hilum.domain.identifiers import ObjectKey, PartitionKey
from hilum.foundation.clock import Clock
from hilum.ports.bus import Bus
from hilum.ports.delivery import Quiet
from hilum.ports.delivery_telemetry import DeliveryMeter
from hilum.ports.readiness import NotReady
from hilum.ports.sinks import EventSink
from hilum.ports.tracing import Tracing
from hilum.settings import Settings, SettingsRejected
from hilum.settings.delivery import SubscriptionSettings

_TYPES: Final = (*FEED_TYPES, DEAD_LETTER)
_SHOWN_SECONDS: Final = 60.0
"""Length of leases that only show what is followed; renewing one is a transaction."""
_NO_BELL_SECONDS: Final = 0.05
"""How often followers look where processes share a file that tells nobody of a change."""


def make_delivery(
    settings: Settings,
    archive: Archive,
    clock: Clock,
    meter: DeliveryMeter,
    tracing: Tracing | None = None,
    *,
    bus: Bus | None = None,
    divided: bool = False,
    more: Sequence[tuple[Declared, EventSink]] = (),
) -> Delivery:
    """What follows the feed of `archive`; open it with `async with`.

    `bus` is where submissions are published; None: nowhere. `more`: followers of our own.
    `divided`: other processes serve other roles from the same data folder. Raises
    `SettingsRejected` when a subscription names a sink that cannot be made.
    """
    index = archive.index
    engines = Engines(index, index, index.delivery, index.fed, locator(settings))
    holder = f"{socket.gethostname()}:{os.getpid()}"
    followers = [*declared(settings, tracing), *more]
    if bus is not None:
        wanted = published(beyond_the_process=not is_in_process(settings))
        followers.append((Declared(BUS_SUBSCRIPTION, BUS_SUBSCRIPTION, wanted), BusSink(bus)))
    shared = divided or on_server(settings)
    return Delivery(
        engines,
        followers,
        delivery_options(
            settings, shared=shared, poll_seconds=poll_seconds(settings, divided=divided)
        ),
        holder=holder,
        clock=clock,
        meter=meter,
    )


def poll_seconds(settings: Settings, *, divided: bool) -> float:
    """How often to look for what other processes did; see `make_delivery`."""
    chosen = settings.delivery.poll_seconds
    return min(chosen, _NO_BELL_SECONDS) if divided and not on_server(settings) else chosen


def operating(archive: Archive, delivery: Delivery) -> Operating:
    """Commands to the followers of this process, obeyed at once."""
    index = archive.index
    return Operating(index.delivery, index.arrivals, index.fed, delivery.nudged)


def declared(
    settings: Settings, tracing: Tracing | None = None
) -> list[tuple[Declared, EventSink]]:
    """Each subscription of the settings, with a sink of its own."""
    problems = [
        f"delivery.subscriptions.{each.name}: there is no sink {each.sink!r}; name one of `sinks`."
        for each in settings.delivery.subscriptions
        if each.sink not in settings.sinks
    ]
    problems += [
        f"delivery.subscriptions.{each.name}: {text!r} is no type of event; there are "
        f"{', '.join(_TYPES)}."
        for each in settings.delivery.subscriptions
        for text in each.types
        if not any(EventFilter(types=(text,)).wants_type(known) for known in _TYPES)
    ]
    if problems:
        raise SettingsRejected(problems)
    return [
        (_declared(each), _traced(each.sink, make_sink(each.sink, settings), tracing))
        for each in settings.delivery.subscriptions
    ]


def _traced(name: str, sink: EventSink, tracing: Tracing | None) -> EventSink:
    return sink if tracing is None else TracedSink(name, sink, tracing)


def _declared(each: SubscriptionSettings) -> Declared:
    wanted = EventFilter(
        types=each.types,
        partitions=tuple(PartitionKey(number) for number in each.partitions),
        modalities=each.modalities,
        sources=each.sources,
    )
    return Declared(each.name, each.sink, wanted, from_now=each.start == "now")


def quiet(settings: Settings) -> Quiet:
    """When a study counts as stable."""
    stable = settings.delivery.stable
    return Quiet(
        stable.quiet_seconds,
        tuple(sorted(stable.quiet_by_modality.items())),
        stable.source_seconds,
    )


def delivery_options(settings: Settings, *, shared: bool, poll_seconds: float) -> DeliveryOptions:
    """`shared`: other processes may have the same database open."""
    chosen = settings.delivery
    stable = None
    if chosen.stable.enabled:
        stable = StableOptions(
            quiet=quiet(settings),
            page_entries=chosen.page_entries,
            poll_seconds=poll_seconds,
            note_seconds=chosen.stable.note_seconds,
            announced_at_once=chosen.stable.at_once,
        )
    return DeliveryOptions(
        relay=RelayOptions(
            page_entries=chosen.page_entries,
            batch_events=chosen.batch_events,
            batch_bytes=chosen.batch_bytes,
            poll_seconds=poll_seconds,
            cursor_seconds=chosen.cursor_seconds,
            first_pause_seconds=chosen.first_pause_seconds,
            longest_pause_seconds=chosen.longest_pause_seconds,
            attempts=chosen.attempts,
            copy_letters=chosen.copy_dead_letters,
            copy_bytes=chosen.copy_bytes,
            listed_instances=chosen.listed_instances,
        ),
        stable=stable,
        drain_seconds=chosen.drain_seconds,
        demand_sinks=chosen.demand_sinks,
        lease_seconds=chosen.lease_seconds if shared else _SHOWN_SECONDS,
        alone=not shared,
    )


def locator(settings: Settings) -> Callable[[ObjectKey], str]:
    """The URL of an object in the chosen store."""
    url = settings.storage.url
    root = url or (Path(settings.data_dir).absolute() / "objects").as_uri()

    def locate(key: ObjectKey) -> str:
        folders, name = place(key)
        return "/".join((root, *folders, name))

    return locate


@dataclass(frozen=True, slots=True)
class DeliveryCheck:
    """What readiness says of delivery: a sink that is down is waited for, and shows."""

    delivery: Delivery
    name: str = "delivery"

    async def __call__(self) -> str:
        if not self.delivery.alive:
            message = "A follower of the feed has ended: see the log, and restart the server."
            raise NotReady(message)
        down = sorted(name for name, is_down in self.delivery.unavailable.items() if is_down)
        if down:
            return f"Waits for the sinks of: {', '.join(down)}. Nothing is lost meanwhile."
        return f"{len(self.delivery.unavailable)} subscriptions follow the feed."
