"""Fixtures of the bus contract."""

from collections.abc import Iterator

import pytest

from tests.contract.bus.brokers import BROKERS, ENGINES, Broker, bus_url
from tests.engines import Own, address, own


@pytest.fixture(params=ENGINES)
def broker(request: pytest.FixtureRequest) -> Broker:
    """Each engine in turn."""
    engine: str = request.param
    url = "memory://" if engine == "memory" else bus_url(engine, address(engine))
    return Broker(engine, url)


@pytest.fixture(params=BROKERS)
def far(request: pytest.FixtureRequest) -> Broker:
    """Each engine that several processes can share."""
    engine: str = request.param
    return Broker(engine, bus_url(engine, address(engine)))


@pytest.fixture(params=BROKERS)
def engine(request: pytest.FixtureRequest) -> Iterator[tuple[Own, Broker]]:
    """An engine of one's own, to be killed."""
    with own(request.param) as mine:
        yield mine, Broker(request.param, bus_url(request.param, mine.address))
