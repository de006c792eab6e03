"""A derived object is made once, and comes from the cache afterwards."""

import asyncio

import pytest

from hilum.catalogue.derivations import Derivations
from hilum.domain.identifiers import Version

SEVEN = Version(7)


class MemoryDerived:
    """A cache that keeps all."""

    def __init__(self) -> None:
        self.held: dict[tuple[Version, str], bytes] = {}

    async def get(self, version: Version, recipe: str) -> bytes | None:
        await asyncio.sleep(0)
        return self.held.get((version, recipe))

    async def put(self, version: Version, recipe: str, data: bytes) -> None:
        await asyncio.sleep(0)
        self.held[version, recipe] = data


class Painter:
    def __init__(self) -> None:
        self.painted = 0

    async def __call__(self) -> bytes:
        self.painted += 1
        await asyncio.sleep(0)
        return b"picture"


@pytest.mark.parametrize("store", [None, MemoryDerived()])
async def test_those_who_ask_together_get_what_was_made_once(store: MemoryDerived | None) -> None:
    derive, paint = Derivations(store), Painter()

    given = await asyncio.gather(*(derive(SEVEN, "jpeg", paint) for _ in range(4)))

    assert given == [b"picture"] * 4
    assert paint.painted == 1


async def test_what_was_made_before_comes_from_the_cache() -> None:
    store, paint = MemoryDerived(), Painter()
    await Derivations(store)(SEVEN, "jpeg", paint)

    assert await Derivations(store)(SEVEN, "jpeg", paint) == b"picture"
    assert paint.painted == 1


async def test_another_recipe_or_version_is_made_by_itself() -> None:
    derive, paint = Derivations(MemoryDerived()), Painter()

    await derive(SEVEN, "jpeg", paint)
    await derive(SEVEN, "png", paint)
    await derive(Version(8), "jpeg", paint)

    assert paint.painted == 3


async def test_what_could_not_be_made_is_not_kept() -> None:
    store = MemoryDerived()
    derive = Derivations(store)

    async def fail() -> bytes:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await derive(SEVEN, "jpeg", fail)
    assert store.held == {}
    assert await derive(SEVEN, "jpeg", Painter()) == b"picture"
