"""`Delivery`: every follower of the feed that this process runs."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

import structlog

from hilum.delivery.leasing import LeaseKeeper
from hilum.delivery.options import Declared, RelayOptions, StableOptions
from hilum.delivery.relay import Relay
from hilum.delivery.rendering import Locate, Renderer
from hilum.delivery.sending import Sending
from hilum.delivery.stable import STABLE_STUDIES, StableStudies
from hilum.delivery.surroundings import Surroundings, Wait, wait_for
from hilum.domain.delivery import NO_SINK, EventFilter
from hilum.domain.errors import SinkUnavailable
from hilum.foundation.bell import Bell
from hilum.foundation.clock import Clock
from hilum.ports.delivery import DeliveryStore
from hilum.ports.delivery_telemetry import DeliveryMeter
from hilum.ports.index import FeedReader, InstanceReader
from hilum.ports.sinks import EventSink

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class DeliveryOptions:
    """What runs, and how."""

    relay: RelayOptions = field(default_factory=RelayOptions)
    stable: StableOptions | None = field(default_factory=StableOptions)
    """None: no study is announced by this process but by a source's word."""
    drain_seconds: float = 5.0
    """At the end: how long what is in the feed may still be told."""
    demand_sinks: bool = False
    """A sink that cannot be reached at the start ends the start."""
    lease_seconds: float | None = None
    """None: there are no leases, neither to agree with others nor to show what is followed."""
    alone: bool = False
    """Nobody else has this database: leases only show what is followed, and stop nothing."""


@dataclass(frozen=True, slots=True)
class Engines:
    """What delivery works with."""

    feed: FeedReader
    instances: InstanceReader
    store: DeliveryStore
    fed: Bell
    locate: Locate


class Delivery:
    """Open it with `async with`. Leaving tells what is in the feed as long as sinks take it."""

    def __init__(
        self,
        engines: Engines,
        declared: Sequence[tuple[Declared, EventSink]],
        options: DeliveryOptions,
        *,
        holder: str,
        clock: Clock,
        meter: DeliveryMeter,
        wait: Wait = wait_for,
    ) -> None:
        self._engines = engines
        self._declared = declared
        self._options = options
        self._clock = clock
        self._meter = meter
        self._wait = wait
        self.nudged = Bell()
        """Ring it after a command, so that it is obeyed at once."""
        self._keeper: LeaseKeeper | None = None
        if options.lease_seconds is not None:
            names = [STABLE_STUDIES, *(each.name for each, _ in declared)]
            self._keeper = LeaseKeeper(
                engines.store.leases, names, holder, clock, engines.fed, options.lease_seconds
            )
        self._sendings: dict[str, Sending] = {}
        self._followers: list[Relay | StableStudies] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._keeping: asyncio.Task[None] | None = None

    @property
    def unavailable(self) -> Mapping[str, bool]:
        """By name of the subscription, whether its sink is down."""
        return {name: not sending.available for name, sending in self._sendings.items()}

    @property
    def _wanted(self) -> Sequence[Declared]:
        return [declared for declared, _ in self._declared]

    @property
    def alive(self) -> bool:
        """True while every follower runs."""
        return bool(self._tasks) and not any(task.done() for task in self._tasks)

    async def __aenter__(self) -> Self:
        """Connect the sinks and begin. Raises `SinkUnavailable` when a demanded one is out."""
        options, store = self._options, self._engines.store
        around = Surroundings(
            feed=self._engines.feed,
            store=store,
            fed=self._engines.fed,
            nudged=self.nudged,
            clock=self._clock,
            meter=self._meter,
            lease_left=self._lease_left,
            wait=self._wait,
        )
        renderer = Renderer(
            await self._engines.feed.feed_id(),
            self._engines.instances,
            self._engines.locate,
            options.relay.listed_instances,
        )
        try:
            for declared, sink in self._declared:
                sending = Sending(declared.name, sink, options.relay, around)
                self._sendings[declared.name] = sending
            # Before the first is declared, so that a start that fails leaves no rows behind.
            await asyncio.gather(
                *(self._open(declared, self._sendings[declared.name]) for declared in self._wanted)
            )
            for declared in self._wanted:
                await store.subscriptions.declare(
                    declared.name, declared.sink, declared.wanted, from_now=declared.from_now
                )
                sending = self._sendings[declared.name]
                relay = Relay(declared, sending, renderer, around, options.relay)
                self._followers.append(relay)
        except BaseException:
            await self._close_sinks()
            raise
        if options.stable is not None:
            await store.subscriptions.declare(
                STABLE_STUDIES, NO_SINK, EventFilter(), from_now=False
            )
            self._followers.append(StableStudies(around, options.stable))
        if self._keeper is not None:
            await self._keeper.renew()
            self._keeping = asyncio.create_task(self._keeper.run(), name="hilum-leases")
        self._tasks = [
            asyncio.create_task(each.run(), name="hilum-delivery") for each in self._followers
        ]
        return self

    def _lease_left(self, name: str) -> float:
        if self._keeper is None or self._options.alone:
            return math.inf
        return self._keeper.left(name)

    async def _open(self, declared: Declared, sending: Sending) -> None:
        try:
            await sending.open()
        except SinkUnavailable as error:
            if self._options.demand_sinks:
                message = f"{error} To start without it set delivery.demand_sinks to false."
                raise SinkUnavailable(message) from error
            sending.missed()
            _log.warning(
                "sink_unavailable",
                subscription=declared.name,
                sink=declared.sink,
                error=str(error),
                seconds=0.0,
            )

    async def __aexit__(self, *_exc: object) -> None:
        for each in self._followers:
            each.stop()
        self._engines.fed.ring()
        self.nudged.ring()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=self._options.drain_seconds)
            for task in late:
                task.cancel()
            if late:
                _log.warning("delivery_cut_short", followers=len(late))
            await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._keeping is not None and self._keeper is not None:
            self._keeping.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeping
            await self._keeper.release()
        await self._close_sinks()

    async def _close_sinks(self) -> None:
        for sending in self._sendings.values():
            await sending.close()
