"""Each check passes for a server that is right and finds the one that is wrong in its way."""

import httpx
import pytest

from hilum.conformance.checks import Level, State
from hilum.conformance.running import Plan, Run, all_checks, run_checks
from hilum.conformance.server import Options, Server
from tests.unit.conformance_checks.faults import FAULTS
from tests.unit.conformance_checks.reference import ROOT, Reference


async def checked(server: Reference, *only: str, **options: int) -> Run:
    """Run checks against a server in memory."""
    transport = httpx.ASGITransport(app=server)
    async with Server(Options(ROOT, **options), transport) as client:
        return await run_checks(client, Plan(only=only))


async def test_a_server_that_does_everything_right_passes_every_check() -> None:
    run = await checked(Reference())

    others = [(one.check.id, one.found) for one in run.outcomes if one.state is not State.PASSED]
    assert others == []
    assert len(run.outcomes) >= 40


def test_every_check_has_a_server_that_is_wrong_in_its_way() -> None:
    assert sorted(FAULTS) == sorted(check.id for check in all_checks())


@pytest.mark.parametrize("identifier", sorted(FAULTS))
async def test_a_check_finds_its_fault(identifier: str) -> None:
    run = await checked(Reference(FAULTS[identifier]), identifier)

    [outcome] = run.outcomes
    expected = {
        Level.SHALL: {State.FAILED},
        Level.SHOULD: {State.WARNED},
        Level.MAY: {State.SKIPPED},
    }[outcome.check.level]
    if identifier == "match.fuzzy":  # how fuzzy is left to the server: only warned of
        expected = {State.WARNED}
    assert outcome.state in expected, (outcome.expected, outcome.found)
    assert outcome.found
    if outcome.state is not State.SKIPPED:
        assert outcome.expected
