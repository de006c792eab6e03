"""Fixtures of the bus contract."""

import pytest

from tests.contract.bus.brokers import BROKERS, ENGINES, Broker, bus_url
from tests.engines import address


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
