"""Is the archive able to work: every component is really tried, not assumed."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from hilum.domain.errors import HilumError
from hilum.foundation.clock import Clock
from hilum.ports.index import IndexHealth
from hilum.ports.readiness import Check, NotReady

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Component:
    """What a check found."""

    name: str
    ready: bool
    description: str


@dataclass(frozen=True, slots=True)
class Report:
    """All components at one time."""

    components: Sequence[Component]

    @property
    def ready(self) -> bool:
        return all(component.ready for component in self.components)


@dataclass(frozen=True, slots=True)
class IndexCheck:
    """Writes to the database and reads back: a read-only or locked one shows."""

    index: IndexHealth
    name: str = "database"

    async def __call__(self) -> str:
        await self.index.ping()
        return "Writes and reads."


class Readiness:
    """Runs the checks side by side; the answer is reused for a moment."""

    def __init__(
        self,
        checks: Sequence[Check],
        clock: Clock,
        *,
        reuse_seconds: float = 1.0,
        timeout_seconds: float = 5.0,
    ) -> None:
        self._checks = tuple(checks)
        self._clock = clock
        self._reuse_seconds = reuse_seconds
        self._timeout_seconds = timeout_seconds
        self._running: asyncio.Task[Report] | None = None
        self._last: tuple[float, Report] | None = None

    async def report(self) -> Report:
        """The state now, or at most `reuse_seconds` ago. Callers at one time share one run."""
        if self._last is not None:
            at, report = self._last
            if self._clock.monotonic() - at < self._reuse_seconds:
                return report
        if self._running is None:
            self._running = asyncio.create_task(self._run())
            self._running.add_done_callback(self._finished)
        return await asyncio.shield(self._running)

    def _finished(self, _task: asyncio.Task[Report]) -> None:
        self._running = None

    async def _run(self) -> Report:
        components = await asyncio.gather(*(self._component(check) for check in self._checks))
        report = Report(components)
        self._tell_changes(report)
        self._last = (self._clock.monotonic(), report)
        return report

    async def _component(self, check: Check) -> Component:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return Component(check.name, ready=True, description=await check())
        except TimeoutError:
            text = f"No answer within {self._timeout_seconds:g} s."
        except (NotReady, HilumError) as error:
            text = str(error)
        except Exception as error:
            log.exception("readiness_check_failed", component=check.name)
            text = f"The check itself failed ({type(error).__name__})."
        return Component(check.name, ready=False, description=text)

    def _tell_changes(self, report: Report) -> None:
        before = {each.name: each.ready for each in self._last[1].components} if self._last else {}
        for component in report.components:
            if component.ready == before.get(component.name, True):
                continue
            if component.ready:
                log.info("component_recovered", component=component.name)
            else:
                log.warning(
                    "component_not_ready",
                    component=component.name,
                    description=component.description,
                )
