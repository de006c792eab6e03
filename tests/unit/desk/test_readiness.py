import asyncio
import json
from dataclasses import dataclass, field

import pytest

from hilum.desk.readiness import IndexCheck, Readiness
from hilum.domain.errors import ArchiveUnavailable, HilumError
from hilum.domain.identifiers import Version
from hilum.ports.readiness import NotReady
from tests.phi import recorded_logs
from tests.unit.access.twins import HeldClock


@dataclass
class Switch:
    """A component that a test turns off and on."""

    name: str = "switch"
    fault: Exception | None = None
    tries: int = 0
    hold: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.hold.set()

    async def __call__(self) -> str:
        self.tries += 1
        await self.hold.wait()
        if self.fault is not None:
            raise self.fault
        return "Fine."


async def test_ready_means_every_component_works() -> None:
    broken = Switch("broken", NotReady("The disk is on fire."))
    readiness = Readiness([Switch("good"), broken], HeldClock())

    report = await readiness.report()

    assert not report.ready
    assert [component.ready for component in report.components] == [True, False]
    assert report.components[1].description == "The disk is on fire."


async def test_a_fault_of_the_archive_is_told_in_its_own_words() -> None:
    class LockedIndex:
        async def ping(self) -> Version:
            raise ArchiveUnavailable("The database is locked.")

    report = await Readiness([IndexCheck(LockedIndex())], HeldClock()).report()

    assert report.components[0].description == "The database is locked."


async def test_a_check_that_is_broken_itself_tells_nothing_private() -> None:
    with recorded_logs() as stream:
        report = await Readiness([Switch(fault=ValueError("secret"))], HeldClock()).report()

    assert not report.ready
    assert "secret" not in report.components[0].description + stream.getvalue()
    assert "readiness_check_failed" in stream.getvalue()


async def test_a_component_that_does_not_answer_is_not_ready() -> None:
    silent = Switch()
    silent.hold.clear()

    report = await Readiness([silent], HeldClock(), timeout_seconds=0.05).report()

    assert "No answer" in report.components[0].description


async def test_an_answer_is_reused_for_a_moment_and_then_tried_again() -> None:
    switch, clock = Switch(), HeldClock()
    readiness = Readiness([switch], clock, reuse_seconds=1)

    assert (await readiness.report()).ready
    switch.fault = NotReady("gone")
    assert (await readiness.report()).ready
    clock.advance(1)

    assert not (await readiness.report()).ready
    assert switch.tries == 2


async def test_callers_at_one_time_share_one_try() -> None:
    switch = Switch()
    switch.hold.clear()
    readiness = Readiness([switch], HeldClock())

    callers = [asyncio.create_task(readiness.report()) for _ in range(20)]
    await asyncio.sleep(0)
    switch.hold.set()
    reports = await asyncio.gather(*callers)

    assert switch.tries == 1
    assert all(report.ready for report in reports)


async def test_a_caller_that_goes_away_does_not_spoil_the_answer_of_others() -> None:
    switch = Switch()
    switch.hold.clear()
    readiness = Readiness([switch], HeldClock())
    impatient = asyncio.create_task(readiness.report())
    patient = asyncio.create_task(readiness.report())
    await asyncio.sleep(0)

    impatient.cancel()
    switch.hold.set()

    assert (await patient).ready
    with pytest.raises(asyncio.CancelledError):
        await impatient


@pytest.mark.parametrize("fault", [NotReady("gone"), HilumError("gone")])
async def test_a_change_is_logged_once_and_not_at_each_look(fault: Exception) -> None:
    switch, clock = Switch(fault=fault), HeldClock()
    readiness = Readiness([switch], clock)

    with recorded_logs() as stream:
        for step in range(6):
            switch.fault = fault if step < 3 else None
            await readiness.report()
            clock.advance(2)

    events = [json.loads(line)["event"] for line in stream.getvalue().splitlines()]
    assert events == ["component_not_ready", "component_recovered"]
