"""`hilum cache` tells what the cache holds, and empties it."""

import asyncio
from pathlib import Path

from hilum.adapters.storage.derived.layout import archive_folder
from hilum.adapters.storage.derived.store import DerivedCache, DerivedOptions
from hilum.domain.identifiers import Version
from hilum.foundation.clock import SystemClock
from hilum.ports.derived_telemetry import SilentDerivedMeter
from tests.integration.cli.conftest import Hilum


def fill(folder: Path, objects: int) -> None:
    async def put() -> None:
        options = DerivedOptions()
        async with DerivedCache(
            folder, "feed", options, SystemClock(), SilentDerivedMeter()
        ) as cache:
            await cache.swept.wait()
            for number in range(objects):
                await cache.put(Version(number), "jpeg", b"x" * 5000)
            await cache.forget(Version(0))

    asyncio.run(put())


def test_it_tells_objects_and_bytes_and_clears_them(hilum: Hilum) -> None:
    fill(hilum.data / "derived", 4)

    shown = hilum("cache", "show", "--json")
    told = hilum("cache", "show")
    cleared = hilum("cache", "clear")

    assert shown.code == told.code == cleared.code == 0
    assert (shown.json["objects"], shown.json["bytes"]) == (3, 3 * 8192)
    assert shown.json["maximumBytes"] == 4 << 30
    assert told.out.startswith("3 derived objects, ")
    assert cleared.out.startswith("3 derived objects removed")
    assert hilum("cache", "show", "--json").json["objects"] == 0
    assert not (hilum.data / "derived" / archive_folder("feed")).exists()


def test_where_there_is_no_cache_there_is_nothing(hilum: Hilum) -> None:
    assert hilum("cache", "show", "--json").json["objects"] == 0
    assert hilum("cache", "clear").code == 0


def test_what_is_not_of_a_cache_stays(hilum: Hilum) -> None:
    fill(hilum.data / "derived", 2)
    mine = hilum.data / "derived" / "mine.txt"
    mine.write_text("precious")

    hilum("cache", "clear")

    assert mine.read_text() == "precious"
