"""Every sink over its real engine."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from tests.contract.sinks.far_sides import (
    FarFile,
    FarKafka,
    FarRabbit,
    FarRedisChannel,
    FarRedisStream,
    FarSide,
    FarWebhook,
)
from tests.engines import Own, address, own

BROKERS = {
    "kafka": ("kafka", FarKafka),
    "rabbitmq": ("rabbitmq", FarRabbit),
    "redis-stream": ("redis", FarRedisStream),
    "redis-channel": ("redis", FarRedisChannel),
}
NAMES = (*BROKERS, "webhook", "webhook-structured", "file")


def _local(name: str, folder: Path) -> FarSide:
    if name == "file":
        return FarFile(folder)
    return FarWebhook("structured" if name.endswith("structured") else "binary")


@pytest.fixture(params=NAMES)
async def far(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[FarSide]:
    """The far side, its engine shared with other tests."""
    name = request.param
    if name in BROKERS:
        engine, kind = BROKERS[name]
        far: FarSide = kind(address(engine))
    else:
        far = _local(name, tmp_path)
    await far.begin()
    yield far
    await far.end()


@pytest.fixture(scope="module")
def private(request: pytest.FixtureRequest) -> Iterator[Own | None]:
    """An engine to kill, one for all tests of a module that have it in common."""
    name = request.param
    block: AbstractContextManager[Own | None] = own(name) if name else nullcontext()
    with block as engine:
        yield engine


def killable(names: tuple[str, ...] = NAMES) -> pytest.MarkDecorator:
    """Parametrize by far side, with a private engine below those that have one."""
    engines = {name: BROKERS[name][0] if name in BROKERS else "" for name in names}
    return pytest.mark.parametrize(
        ("private", "frail"),
        [
            pytest.param(engine, name, id=name, marks=pytest.mark.xdist_group(f"sinks-{engine}"))
            for name, engine in engines.items()
        ],
        indirect=True,
    )


@pytest.fixture
async def frail(
    request: pytest.FixtureRequest, private: Own | None, tmp_path: Path
) -> AsyncIterator[FarSide]:
    """The far side over an engine that the test may kill."""
    name = request.param
    if private is None:
        far: FarSide = _local(name, tmp_path)
    else:
        private.start()
        far = BROKERS[name][1](private.address, private)
    await far.begin()
    yield far
    await far.end()
