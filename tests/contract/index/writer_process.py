"""A process of its own that commits batches: python -m ... URL STUDY BATCHES SIZE.

Writes the number of each batch once its commit returned, so that a test knows what was
acknowledged before it kills the process.
"""

import asyncio
import sys

from hilum.adapters.database.sql_index import SqlIndex
from tests.contract.index.kept import a_kept, uids


async def write(url: str, study: int, batches: int, size: int) -> None:
    async with SqlIndex(url, busy_seconds=30) as index:
        for number in range(batches):
            versions = await index.reserve_versions(size)
            batch = [
                a_kept(
                    uids(study, number % 3, number * size + at), version=version,
                    PatientName=f"Doe^J{number}", PatientID=f"P{number % 5}", Modality="CT",
                )
                for at, version in enumerate(versions)
            ]  # fmt: skip
            await index.commit(batch)
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(write(sys.argv[1], *map(int, sys.argv[2:])))
