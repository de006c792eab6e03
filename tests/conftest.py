"""Rules for all tests."""

import logging
import os
import re
from collections.abc import Generator, Iterator

import pytest
import structlog

from tests import engines

_ENGINES = {"postgres", "postgresql", "redis", "rabbitmq", "kafka", "s3", "azure", "gcs"}


def pytest_configure(config: pytest.Config) -> None:
    """Workers of xdist inherit the name of the session that uses the shared engines."""
    if not hasattr(config, "workerinput"):
        os.environ[engines.SESSION] = str(os.getpid())


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the engines that this session started, unless another session uses them."""
    if not hasattr(config, "workerinput"):
        engines.release()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what talks to an engine of its own process, by the engine's name in the test's.

    Unit tests talk to nothing: `azure` or `s3` in their names is a profile or a URL.
    """
    for item in items:
        if item.nodeid.startswith("tests/unit/"):
            continue
        words = set(re.split(r"[^a-z0-9]+|_", f"{item.path.stem} {item.name}".lower()))
        if words & _ENGINES:
            item.add_marker(pytest.mark.engine)


@pytest.fixture(autouse=True)
def _nothing_logs_where_a_test_had_it_log() -> Iterator[None]:
    """Commands have the whole process log to a stream, which is closed with their test."""
    root = logging.getLogger()
    before = list(root.handlers)
    yield
    left = [each for each in root.handlers if each not in before and _is_ours(each)]
    for handler in left:
        root.removeHandler(handler)
    if left:
        structlog.reset_defaults()


def _is_ours(handler: logging.Handler) -> bool:
    return type(handler).__module__.startswith("hilum.")


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
