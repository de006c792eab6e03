"""A served Hilum as the middleware of one scripted Orthanc."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from hilum.bootstrap.serving import Serving, serve
from hilum.domain.arrivals import SETTLED, ArrivalRecord
from hilum.settings import load_settings
from tests.peers.scripted_orthanc import ScriptedOrthanc, scripted_orthanc
from tests.unit.inbound.orthanc.doors import until

METADATA, LETTERS = "dicom.metadata.v1", "dicom.metadata.dlq"


@dataclass
class Middleware:
    """A served Hilum with one scripted Orthanc, telling its events into a file."""

    serving: Serving
    client: httpx.AsyncClient
    peer: ScriptedOrthanc
    folder: Path

    async def call(self, study: str, **headers: str) -> httpx.Response:
        return await self.client.post(
            "/api/v1/ingestion/studies", json={"ID": study}, headers=headers
        )

    async def settled(self, study: str) -> ArrivalRecord:
        arrivals = self.serving.archive.index.arrivals

        async def holds() -> bool:
            found = await arrivals.arrivals(source_id=study)
            return bool(found) and found[0].state in SETTLED

        await until(holds)
        return (await arrivals.arrivals(source_id=study))[0]

    def events(self, kind: str) -> list[dict[str, Any]]:
        path = self.folder / "events.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [event for event in map(json.loads, lines) if event["type"] == kind]

    async def told(self, kind: str, number: int) -> list[dict[str, Any]]:
        async def holds() -> bool:
            return len(self.events(kind)) >= number

        await until(holds)
        await asyncio.sleep(0.3)
        return self.events(kind)


@asynccontextmanager
async def a_middleware(tmp_path: Path, **more: Any) -> AsyncIterator[Middleware]:
    """`more` are settings by dotted name, with `__` for the dot."""
    async with scripted_orthanc() as peer:
        chosen = {
            "data_dir": tmp_path / "data",
            "http.port": 0,
            "dimse.port": 0,
            "storage.reserve_bytes": 0,
            "orthanc.sources": {"main": {"url": peer.url, "poll_seconds": 0.1}},
            "orthanc.retry_seconds": 0.05,
            "orthanc.maximum_retry_seconds": 0.2,
            "orthanc.look_seconds": 0.1,
            "sinks": {"out": {"url": f"file://{tmp_path}/events.jsonl"}},
            "delivery.subscriptions": [{"name": "out", "sink": "out"}],
        } | {name.replace("__", "."): value for name, value in more.items()}
        async with (
            serve(load_settings(chosen, environment={})) as serving,
            httpx.AsyncClient(base_url=serving.http.url, timeout=20) as client,
        ):
            yield Middleware(serving, client, peer, tmp_path)
