"""Keeps instances until it is killed: `python -m tests.integration.ingest.keeping ROOT SEED`.

Prints SOP Instance UID, version and SHA-256 of every instance whose outcome says it is held.
"""

import asyncio
import hashlib
import itertools
import random
import sys
from pathlib import Path

from hilum.domain.instances import Arrival, InMemory, OnConflict, Spooled, StorePolicy
from hilum.domain.origins import Door, Origin
from tests.instances import STUDY, an_instance
from tests.integration.ingest.archives import Archive, an_archive


async def _keep(archive: Archive, number: int, source: random.Random) -> None:
    name = number if source.random() < 0.8 else source.randrange(number + 1)
    data = an_instance(
        source.randrange(1, 60_000),
        SOPInstanceUID=f"{STUDY}.9.{name}",
        SeriesInstanceUID=f"{STUDY}.9",
        PatientID=f"P{number}",
    )
    policy = StorePolicy("standard", on_conflict=OnConflict.NEW_VERSION)
    origin = Origin(Door.STOW, f"number-{number}")
    if number % 3:
        outcome = await archive.ingest(Arrival(InMemory(data), origin, policy))
    else:
        async with archive.spool.create() as file:
            await file.write(data)
            spooled = Spooled(file.path, await file.finish())
            outcome = await archive.ingest(Arrival(spooled, origin, policy))
    assert outcome.held, outcome
    digest = hashlib.sha256(data).hexdigest()
    sys.stdout.write(f"{outcome.sop_instance_uid} {outcome.version} {digest}\n")
    sys.stdout.flush()


async def main(root: Path, seed: int) -> None:
    source = random.Random(seed)
    numbers = itertools.count(seed * 100_000)

    async with an_archive(root) as archive:

        async def door() -> None:
            while True:
                await _keep(archive, next(numbers), source)

        await asyncio.gather(*(door() for _ in range(8)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
