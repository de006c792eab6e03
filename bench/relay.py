"""From the feed to Kafka: events a second, acks=all and idempotent, on SQLite and on PostgreSQL.

    python -m bench.relay [--events 50000] [--rounds N] [--studies-of 100] [--folder DIR]

A feed is filled once on each database; in each round the relay that `hilum serve` runs, with the
settings as they are by default, tells all of it to new topics of a real broker with its data on the
real disk. The time runs from its start, connecting included, until the broker has acknowledged the
last event. Then a consumer reads the topic: exit code 1 when an event is missing, repeated or out
of the order of the feed within its study. Databases and broker share the machine.
"""

import argparse
import asyncio
import contextlib
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import orjson
import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from bench.database_engines import database
from bench.fill_index import fill_url
from hilum.bootstrap.archive import open_archive
from hilum.bootstrap.delivery import make_delivery
from hilum.foundation.clock import SystemClock
from hilum.ports.delivery_telemetry import NoDeliveryMeter
from hilum.settings import Settings, load_settings
from tests.engines import own

_TYPE = "hilum.instance.created.v1"
_PARTITIONS = 8
_PATIENCE_SECONDS = 600.0
_WANTED = 5000


class _Counted(NoDeliveryMeter):
    """Tells when the sink has acknowledged so many events."""

    def __init__(self, wanted: int) -> None:
        self._left = wanted
        self.all = asyncio.Event()

    def sent(self, subscription: str, events: int, seconds: float) -> None:  # noqa: ARG002
        self._left -= events
        if self._left <= 0:
            self.all.set()


def _settings(folder: Path, url: str, broker: str, topic: str) -> Settings:
    """As of a server, with one subscription that begins anew because its name is new."""
    sink = {"url": f"kafka://{broker}", "topics": {"hilum.instance.*": topic}}
    subscription = {"name": topic, "sink": "broker", "types": [_TYPE]}
    return load_settings(
        environment={
            "HILUM_DATA_DIR": str(folder),
            "HILUM_DATABASE__URL": url,
            "HILUM_SINKS": orjson.dumps({"broker": sink}).decode(),
            "HILUM_DELIVERY__SUBSCRIPTIONS": orjson.dumps([subscription]).decode(),
            "HILUM_DELIVERY__STABLE__ENABLED": "false",
        }
    )


async def relay(settings: Settings, events: int) -> tuple[float, float]:
    """Tell the whole feed; the seconds it took, and those of the processor for our part of it."""
    meter = _Counted(events)
    async with open_archive(settings) as archive:
        delivery = make_delivery(settings, archive, SystemClock(), meter)
        began, cpu = time.perf_counter(), time.process_time()
        async with delivery:
            await asyncio.wait_for(meter.all.wait(), _PATIENCE_SECONDS)
            return time.perf_counter() - began, time.process_time() - cpu


async def make_topic(broker: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, _PARTITIONS, 1)])
    finally:
        await admin.close()


async def read_topic(broker: str, topic: str) -> list[tuple[str, int]]:
    """Study and sequence of every record, each partition in its order."""
    consumer = AIOKafkaConsumer(bootstrap_servers=broker, auto_offset_reset="earliest")
    await consumer.start()
    found: list[tuple[str, int]] = []
    try:
        parts = [TopicPartition(topic, number) for number in range(_PARTITIONS)]
        consumer.assign(parts)
        ends = await consumer.end_offsets(parts)
        await consumer.seek_to_beginning(*parts)
        while any([await consumer.position(part) < ends[part] for part in parts]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found += [
                    (record.key.decode(), orjson.loads(record.value)["sequence"])
                    for record in records
                ]
    finally:
        await consumer.stop()
    return found


def shortcomings(found: Sequence[tuple[str, int]], events: int) -> list[str]:
    """What is not as promised, in words; empty when all was told once and in order."""
    last: dict[str, int] = {}
    disordered = 0
    for study, sequence in found:
        disordered += sequence < last.get(study, 0)
        last[study] = sequence
    different = len(set(found))
    problems = {
        "events are missing": events - different,
        "events are there more than once": len(found) - different,
        "events are out of the order of the feed": disordered,
    }
    return [f"{number} {text}" for text, number in problems.items() if number]


def compare(options: argparse.Namespace, folder: Path, broker: str, server: str) -> int:
    """All rounds; the exit code."""
    rates: dict[str, list[float]] = {}
    problems: list[str] = []
    with contextlib.ExitStack() as stack:
        urls = {"SQLite": "", "PostgreSQL": stack.enter_context(database(server))}
        for name, url in urls.items():
            data = folder / name
            data.mkdir()
            filled = url or f"sqlite:///{data / 'index.sqlite'}"
            fill_url(filled, options.events, per_study=options.studies_of)
        for number, (name, url) in product(range(options.rounds), urls.items()):
            topic = f"relay-{name.lower()}-{number}"
            asyncio.run(make_topic(broker, topic))
            settings = _settings(folder / name, url, broker, topic)
            seconds, cpu = uvloop.run(relay(settings, options.events))
            rate, each = options.events / seconds, 1e6 * cpu / options.events
            rates.setdefault(name, []).append(rate)
            print(f"  {name:<10} {rate:7.0f} events/s  cpu of ours {each:5.0f} us", flush=True)
            found = asyncio.run(read_topic(broker, topic))
            problems += [f"{topic}: {each}" for each in shortcomings(found, options.events)]
    print(f"\n{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for name, rated in rates.items():
        median = statistics.median(rated)
        print(f"  {name:<10} median {median:7.0f} events/s of {len(rated)} (wanted: {_WANTED:,})")
    for problem in problems:
        print(f"NOT AS PROMISED: {problem}")
    if not problems:
        print(f"Each topic holds all {options.events:,} events once, each study in its order.")
    return 1 if problems else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.relay", description=__doc__)
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--studies-of", type=int, default=100, help="instances in each study")
    parser.add_argument("--folder", type=Path, help="a folder on the disk to be measured")
    options = parser.parse_args()
    with (
        own("kafka") as kafka,
        own("postgres") as postgres,
        tempfile.TemporaryDirectory(dir=options.folder) as folder,
    ):
        return compare(options, Path(folder), kafka.address, postgres.address)


if __name__ == "__main__":
    raise SystemExit(main())
