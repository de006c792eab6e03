"""Uploads that are answered later: how long until archived, and whether all of them are.

    python -m bench.uploads [--idle N] [--uploads N] [--files N] [--folder DIR]

All roles run in one `hilum serve`. Idle: one CT of 525 KB at a time, from the 202 to the event
that says `archived`, as a listener of server-sent events hears it. Loaded: uploads of several
files at once; afterwards what is held is counted by QIDO-RS and on the disk.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import httpx
import orjson

from bench.instances import Instance, make_study
from bench.systems import System, hilum

SETTLED: Final = {"archived", "validation_failed", "failed"}
_PAUSE_SECONDS: Final = 0.1
_FILE_SECONDS: Final = 300.0


async def upload(client: httpx.AsyncClient, instances: Sequence[Instance]) -> tuple[str, float]:
    """Send one form; return the submission and when the 202 was there."""
    files = [
        ("file", (f"{number}.dcm", each.part10, "application/dicom"))
        for number, each in enumerate(instances)
    ]
    answer = await client.post("/upload", files=files)
    assert answer.status_code == 202, answer.text
    return answer.json()["study_id"], time.perf_counter()


async def settled(client: httpx.AsyncClient, study_id: str) -> tuple[str, float]:
    """Listen until nothing happens any more; return the state and when it was heard."""
    state = ""
    async with client.stream("GET", f"/status/{study_id}/events") as answer:
        async for line in answer.aiter_lines():
            if line.startswith("data:"):
                state = orjson.loads(line[5:])["status"]
                if state in SETTLED:
                    break
    return state, time.perf_counter()


async def idle(client: httpx.AsyncClient, count: int) -> Sequence[float]:
    """Milliseconds from 202 to archived, one upload after another."""
    took = []
    for instance in (each for _ in range(count) for each in make_study(1, 512)):
        study_id, accepted = await upload(client, [instance])
        state, heard = await settled(client, study_id)
        assert state == "archived", state
        took.append(1000 * (heard - accepted))
        await asyncio.sleep(_PAUSE_SECONDS)
    return took


async def loaded(client: httpx.AsyncClient, uploads: int, files: int, rows: int) -> float:
    """Send all at once; return the seconds until the last is archived, none lost, none twice."""
    studies = [make_study(files, rows) for _ in range(uploads)]

    async def one(instances: Sequence[Instance]) -> None:
        study_id, _ = await upload(client, instances)
        state, _ = await settled(client, study_id)
        assert state == "archived", state

    began = time.perf_counter()
    await asyncio.gather(*(one(each) for each in studies))
    seconds = time.perf_counter() - began
    for instances in studies:
        path = f"/dicom-web/studies/{instances[0].study}/instances"
        found = (await client.get(path, params={"limit": 200})).json()
        held = sorted(each["00080018"]["Value"][0] for each in found)
        assert held == sorted(each.sop_instance for each in instances)
    return seconds


def objects_in(system: System) -> int:
    """How many objects lie on the disk."""
    return sum(1 for _ in (system.folder / "data" / "objects").rglob("*.dcm"))


async def measure(system: System, options: argparse.Namespace) -> None:
    limits = httpx.Limits(max_connections=None)
    url = f"http://127.0.0.1:{system.port}"
    async with httpx.AsyncClient(base_url=url, timeout=_FILE_SECONDS, limits=limits) as client:
        await idle(client, 5)
        took = sorted(await idle(client, options.idle))
        p95 = took[int(0.95 * (len(took) - 1))]
        print(
            f"idle, {options.idle} uploads of one CT of 525 KB, 202 to archived: "
            f"p50 {statistics.median(took):.1f} ms, p95 {p95:.1f} ms, most {took[-1]:.1f} ms"
        )
        before = objects_in(system)
        seconds = await loaded(client, options.uploads, options.files, options.rows)
        wanted = options.uploads * options.files
        came = objects_in(system) - before
        assert came == wanted, (came, wanted)
        print(
            f"{options.uploads} uploads at once of {options.files} files "
            f"({options.rows} x {options.rows}): {seconds:.1f} s, {wanted / seconds:.0f} files/s, "
            f"{came} of {wanted} objects held, none twice"
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.uploads", description=__doc__)
    parser.add_argument("--idle", type=int, default=100)
    parser.add_argument("--uploads", type=int, default=100)
    parser.add_argument("--files", type=int, default=20)
    parser.add_argument("--rows", type=int, default=128)
    parser.add_argument("--folder", type=Path, help="where the server keeps its data")
    options = parser.parse_args()
    with hilum(options.folder) as system:
        asyncio.run(measure(system, options))


if __name__ == "__main__":
    main()
