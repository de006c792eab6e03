"""Rules for all tests."""

import os
from collections.abc import Generator

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a peer that is missing is a failure: nobody would see that its tests were skipped."""
    report = yield
    if not os.environ.get("CI") or not report.skipped or hasattr(report, "wasxfail"):
        return report
    for_a_peer = item.get_closest_marker("peer") is not None
    if for_a_peer or "run scripts/services install" in str(report.longrepr):
        report.outcome = "failed"
        report.longrepr = f"Skipped, which CI does not allow for tests of peers: {report.longrepr}"
    return report
