"""The checks of `hilum doctor` that ask other programs: the bus, sinks, Orthancs."""

import asyncio
from collections.abc import Iterator

from hilum.bootstrap.peers import Finding, ask_peers
from hilum.cli.check import Check
from hilum.settings import Settings


def peer_checks(settings: Settings) -> Iterator[Check]:
    """One check for each that the settings name; passwords are in none of them."""
    for found in asyncio.run(_findings(settings)):
        yield Check(found.subject, "ok" if found.well else "wrong", found.text, found.remedy)


async def _findings(settings: Settings) -> list[Finding]:
    return [found async for found in ask_peers(settings)]
