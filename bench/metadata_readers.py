"""Readers of `dicom.metadata.v1` that note when they saw the event of a study."""

import asyncio
import json
import time
from pathlib import Path

METADATA = "dicom.metadata.v1"


class FileReader:
    """Reads the JSON lines that Hilum writes, as they come."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "events.jsonl"
        self.url = f"file://{self._path}"
        self.seen: list[tuple[str, float]] = []

    async def run(self) -> None:
        while not self._path.exists():  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(0.01)
        rest = ""
        with self._path.open(encoding="utf-8") as file:
            while True:
                rest += file.read()
                *lines, rest = rest.split("\n")
                now = time.time()
                for line in lines:
                    event = json.loads(line)
                    if event["type"] == METADATA:
                        self.seen.append((event["key"], now))
                await asyncio.sleep(0.005)


class KafkaReader:
    """An independent consumer of the topic."""

    def __init__(self, server: str) -> None:
        self._server = server
        self.url = f"kafka://{server}"
        self.seen: list[tuple[str, float]] = []

    async def run(self) -> None:
        from aiokafka import AIOKafkaConsumer  # noqa: PLC0415 - only with --sink kafka

        consumer = AIOKafkaConsumer(
            METADATA, bootstrap_servers=self._server, auto_offset_reset="earliest"
        )
        await consumer.start()
        try:
            async for record in consumer:
                body = json.loads(record.value)
                self.seen.append((body["study_instance_uid"], time.time()))
        finally:
            await consumer.stop()
