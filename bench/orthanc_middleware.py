"""The Orthanc middleware under load: a real Orthanc, a real Hilum, a real sink read from outside.

    python -m bench.orthanc_middleware [--studies 1000] [--rate 50] [--instances 1]
        [--sink file|kafka] [--database sqlite|postgres]

Small studies are stored in Orthanc at `--rate` a second. A Lua script in Orthanc notes the moment
of each stable event and then runs deploy/orthanc/hilum.lua; a reader of the sink notes when the
event of a study is there. Told are the latencies between the two, and whether every study is
stored and announced exactly once: that is looked up, not assumed (exit code 1 when it is not so).
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from bench.metadata_readers import METADATA, FileReader, KafkaReader
from scripts.engines.orthanc import Orthanc
from tests.engines import own
from tests.instances import an_instance
from tests.ports import free_port

_LUA = Path(__file__).parents[1] / "deploy" / "orthanc" / "hilum.lua"
_ROOT = "1.2.826.0.1.3680043.10.5"


def shortcomings(
    wanted: Collection[str], stored: Collection[str], announced: Sequence[str]
) -> list[str]:
    """What is not as promised, in words; empty when every study is there and was told once."""
    counts = Counter(announced)
    found = {
        "studies are not stored": len(set(wanted) - set(stored)),
        "studies were not announced": len(set(wanted) - set(counts)),
        "studies were announced more than once": sum(n > 1 for n in counts.values()),
        "studies are stored that nobody sent": len(set(stored) - set(wanted)),
        "studies were announced that nobody sent": len(set(counts) - set(wanted)),
    }
    return [f"{number} {text}" for text, number in found.items() if number]


def _lua(folder: Path, port: int) -> Path:
    script = folder / "hilum.lua"
    text = _LUA.read_text().replace("http://127.0.0.1:8080", f"http://127.0.0.1:{port}")
    (folder / "stable").mkdir()
    script.write_text(
        f"{text}\nlocal tell = OnStableStudy\n"
        "function OnStableStudy(id, tags, metadata)\n"
        f"   local file = io.open('{folder}/stable/' .. tags['StudyInstanceUID'], 'w')\n"
        "   if file then file:close() end\n   tell(id, tags, metadata)\nend\n"
    )
    return script


@asynccontextmanager
async def _hilum(
    folder: Path, port: int, orthanc: str, sink: str, database: str
) -> AsyncIterator[None]:
    environment = {
        **os.environ,
        "HILUM_STORAGE__RESERVE_BYTES": "0",
        "HILUM_LOGGING__REQUESTS": "false",
        "HILUM_ORTHANC__SOURCES": json.dumps({"main": {"url": orthanc}}),
        "HILUM_SINKS": json.dumps({"out": {"url": sink}}),
        "HILUM_DELIVERY__SUBSCRIPTIONS": json.dumps(
            [{"name": "out", "sink": "out", "types": [METADATA]}]
        ),
    }
    if database:
        environment["HILUM_DATABASE__URL"] = database
    command = [sys.executable, "-m", "hilum", "serve", "--data", str(folder / "data")]
    command += ["--port", str(port), "--dimse-port", "0"]
    with (folder / "hilum.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: ASYNC220 - starts at once
            command, stdout=log, stderr=log, env=environment
        )
        try:
            async with httpx.AsyncClient() as client:
                for _ in range(600):
                    try:
                        if (await client.get(f"http://127.0.0.1:{port}/ready")).status_code == 200:
                            break
                    except httpx.TransportError:
                        await asyncio.sleep(0.1)
            yield
        finally:
            process.terminate()
            process.wait(60)


async def _send(orthanc: str, studies: Sequence[str], instances: int, rate: float) -> float:
    """Store the studies at `rate` a second; return the seconds it took."""
    began = time.perf_counter()
    async with httpx.AsyncClient(
        base_url=orthanc, timeout=60, limits=httpx.Limits(max_connections=16, keepalive_expiry=0.8)
    ) as client:

        async def store(study: str) -> None:
            for number in range(instances):
                data = an_instance(
                    8000,
                    StudyInstanceUID=study,
                    SeriesInstanceUID=f"{study}.1",
                    SOPInstanceUID=f"{study}.1.{number + 1}",
                    PatientID=study[-12:],
                )
                await _post(client, data)

        sending: list[asyncio.Task[None]] = []
        for number, study in enumerate(studies):
            await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
            sending.append(asyncio.create_task(store(study)))
        await asyncio.gather(*sending)
    return time.perf_counter() - began


async def _post(client: httpx.AsyncClient, data: bytes) -> None:
    """Store an instance; again when Orthanc closed a connection that rested for a second."""
    for attempts_left in (2, 1, 0):
        try:
            (await client.post("/instances", content=data)).raise_for_status()
        except httpx.TransportError:
            if not attempts_left:
                raise
        else:
            return


async def _stored(port: int) -> list[str]:
    found: list[str] = []
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        while True:
            answer = await client.get(
                "/dicom-web/studies",
                params={"limit": 500, "offset": len(found)},
                headers={"Accept": "application/dicom+json"},
            )
            page: list[dict[str, Any]] = answer.json() if answer.status_code == 200 else []
            if not page:
                return found
            found += [study["0020000D"]["Value"][0] for study in page]


async def measure(options: argparse.Namespace) -> int:
    """Run once and tell; the exit code."""
    studies = [f"{_ROOT}.{number}" for number in range(1, options.studies + 1)]
    port = free_port()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hilum-bench-")))
        reader: FileReader | KafkaReader = FileReader(folder)
        if options.sink == "kafka":
            reader = KafkaReader(stack.enter_context(own("kafka")).address)
        database = ""
        if options.database == "postgres":
            database = stack.enter_context(own("postgres")).address
        engine = Orthanc({"StableAge": 1, "Plugins": [], "LuaScripts": [str(_lua(folder, port))]})
        orthanc = stack.enter_context(own(engine)).address
        async with _hilum(folder, port, orthanc, reader.url, database):
            reading = asyncio.create_task(reader.run())
            seconds = await _send(orthanc, studies, options.instances, options.rate)
            deadline = time.monotonic() + options.patience
            while len({study for study, _ in reader.seen}) < len(studies):
                if time.monotonic() > deadline or reading.done():
                    break
                await asyncio.sleep(0.1)
            await asyncio.sleep(3)  # a second event of a study would come now
            reading.cancel()
            stored = await _stored(port)
            stable = {path.name: path.stat().st_mtime for path in (folder / "stable").iterdir()}
    problems = shortcomings(studies, stored, [study for study, _ in reader.seen])
    latencies = sorted(
        1000 * (when - stable[study]) for study, when in reader.seen if study in stable
    )
    if latencies:
        cuts = (
            statistics.quantiles(latencies, n=100, method="inclusive")
            if len(latencies) > 1
            else latencies * 99
        )
        print(
            f"{len(studies)} studies of {options.instances} instances, sent at "
            f"{len(studies) / seconds:.1f}/s (asked for {options.rate:g}/s), sink {options.sink}, "
            f"database {options.database}: "
            f"stable event to sink p50 {cuts[49]:.0f} ms, p95 {cuts[94]:.0f} ms, "
            f"p99 {cuts[98]:.0f} ms, largest {latencies[-1]:.0f} ms"
        )
    for problem in problems:
        print(f"NOT AS PROMISED: {problem}")
    if not problems:
        print("Every study is stored and was announced exactly once.")
    return 1 if problems else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--instances", type=int, default=1)
    parser.add_argument("--rate", type=float, default=50.0)
    parser.add_argument("--sink", choices=("file", "kafka"), default="file")
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--patience", type=float, default=120.0)
    return asyncio.run(measure(parser.parse_args()))


if __name__ == "__main__":
    raise SystemExit(main())
