"""SIGKILL to Kafka, PostgreSQL, the S3 server and Hilum, again and again, while studies come in.

What was acknowledged is there, byte for byte, and whoever reads Kafka was told of all of it once
repeats are dropped by their id, without a gap, and in the order of the feed for each study.
"""

import hashlib
import json
import os
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pytest
import requests

from tests.acceptance.feeds import Entry, feed_at_rest
from tests.acceptance.outside_reader import (
    INSTANCES,
    METADATA,
    STUDIES,
    Told,
    make_topics,
    told,
)
from tests.acceptance.stubborn import Sent, StubbornSenders
from tests.buckets import an_s3_bucket
from tests.engines import Own, own
from tests.served import ServedHilum

ROUNDS = max(2, int(os.environ.get("CRASH_ROUNDS", "2")))
"""In each round each of the four is killed once; `make crash` makes the long run."""
_KEPT_BETWEEN_KILLS = 40
_TOPICS = {"created": (INSTANCES,), "study-stable": (STUDIES, METADATA)}
"""Where the reader finds what an entry of the feed is told as, by its kind."""
_SETTINGS = {
    "HILUM_DELIVERY__STABLE__QUIET_SECONDS": "1",
    "HILUM_DELIVERY__LONGEST_PAUSE_SECONDS": "1",
    "HILUM_DELIVERY__LEASE_SECONDS": "3",
    "HILUM_STORAGE__REMOTE__PART_BYTES": str(5 << 20),
    "HILUM_STORAGE__REMOTE__RETRY_SECONDS": "2",
    "HILUM_STORAGE__REMOTE__REQUEST_SECONDS": "10",
    "HILUM_STORAGE__REMOTE__OPERATION_SECONDS": "10",
}


class _Victim(Protocol):
    def kill(self) -> None: ...

    def start(self) -> object: ...


@dataclass(slots=True)
class _House:
    """A Hilum on engines of its own."""

    server: ServedHilum
    engines: dict[str, Own]
    killed: Counter[str] = field(default_factory=Counter)

    @property
    def victims(self) -> dict[str, _Victim]:
        return {**self.engines, "hilum": self.server}

    def kill(self, names: Sequence[str], seconds: float) -> None:
        """Take them away at once; give them back after a while, engines before what needs them."""
        for name in names:
            self.victims[name].kill()
            self.killed[name] += 1
        time.sleep(seconds)
        for name in sorted(names, key=list(self.victims).index):
            self.victims[name].start()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[_House]:
    with ExitStack() as stack:
        engines = {name: stack.enter_context(own(name)) for name in ("kafka", "postgres", "s3")}
        kafka = engines["kafka"].address
        make_topics(kafka)
        broker = {"url": f"kafka://{kafka}", "acknowledge_seconds": 3}
        server = ServedHilum(
            tmp_path,
            **an_s3_bucket(tmp_path, engines["s3"].address).settings(),
            **_SETTINGS,
            HILUM_DATABASE__URL=engines["postgres"].address,
            HILUM_SINKS=json.dumps({"broker": broker}),
            HILUM_DELIVERY__SUBSCRIPTIONS=json.dumps([{"name": "all", "sink": "broker"}]),
        )
        stack.callback(server.close)
        yield _House(server, engines)


@pytest.mark.slow
@pytest.mark.timeout(180 + 90 * ROUNDS)
def test_crashes_of_kafka_postgres_s3_and_hilum_lose_nothing_and_keep_the_order(
    house: _House,
) -> None:
    seed = random.SystemRandom().randrange(2**32)
    _say(seed=seed)
    chance = random.Random(seed)
    house.server.start()
    with StubbornSenders(house.server.url, chance) as senders:
        for number in range(ROUNDS):
            for names in _order(list(house.victims), chance, at_once=1 + number % 2):
                senders.wait_for_more(_KEPT_BETWEEN_KILLS)
                house.kill(names, chance.uniform(0.1, 2.0))
        senders.wait_for_more(_KEPT_BETWEEN_KILLS)
        senders.finish()

    entries = feed_at_rest(house.server)
    records = told(
        house.engines["kafka"].address, sum(len(_TOPICS[each["kind"]]) for each in entries)
    )
    _prove_kept(house.server, senders)
    first = _without_repeats(records)
    _prove_told(first, entries, senders.acknowledged)
    _prove_metadata(first, entries)
    assert house.server.stop() == 0
    assert all(each.pid for each in house.engines.values()), "an engine ended by itself"
    _prove_by_commands(house.server, len(senders.acknowledged), len(first), len(records))

    assert house.killed == dict.fromkeys(house.victims, ROUNDS)
    assert senders.repeats, "nothing was cut off: nothing was proved"
    _say(
        killed=house.killed,
        acknowledged_instances=len(senders.acknowledged),
        studies=len({sent.study for sent in senders.sent.values()}),
        answers=senders.answers,
        repeated_requests=senders.repeats,
        feed_entries=len(entries),
        events=len(first),
        repeated_events=len(records) - len(first),
    )


def _say(**figures: object) -> None:
    """For whoever runs it with `-s`, or looks at why it failed."""
    sys.stdout.write(f"{json.dumps(figures)}\n")


def _order(names: list[str], chance: random.Random, at_once: int) -> Iterator[Sequence[str]]:
    """All of them, some at a time."""
    chance.shuffle(names)
    for start in range(0, len(names), at_once):
        yield names[start : start + at_once]


def _prove_kept(server: ServedHilum, senders: StubbornSenders) -> None:
    """All that was acknowledged is given back byte for byte."""
    assert senders.acknowledged
    with requests.Session() as session:
        for sop_instance in senders.acknowledged:
            _prove_given(session, server, sop_instance, senders.sent[sop_instance])


def _prove_given(
    session: requests.Session, server: ServedHilum, sop_instance: str, sent: Sent
) -> None:
    answer = session.get(
        f"{server.url}/dicom-web/studies/{sent.study}/series/{sent.series}/instances/{sop_instance}",
        headers={"Accept": "application/dicom; transfer-syntax=*"},
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    assert hashlib.sha256(answer.content).digest() == sent.sha256


def _without_repeats(records: Sequence[Told]) -> list[Told]:
    """First tellings; a repeat says word for word what it repeats."""
    first: dict[str, Told] = {}
    for each in records:
        known = first.setdefault(each.event_id, each)
        assert (known.topic, known.partition) == (each.topic, each.partition)
        if each.topic != METADATA:  # it tells what is held now
            assert known.raw == each.raw
    return list(first.values())


def _prove_told(first: Sequence[Told], entries: Sequence[Entry], acknowledged: set[str]) -> None:
    """Of each study each topic has what the feed has, in its order: no gap, nothing else."""
    created = [each["sopInstanceUid"] for each in entries if each["kind"] == "created"]
    assert sorted(created) == sorted(acknowledged), "a repeat was more than a no-op"
    expected: dict[tuple[str, str], list[int]] = defaultdict(list)
    for entry in entries:
        for topic in _TOPICS[entry["kind"]]:
            expected[topic, entry["studyInstanceUid"]].append(entry["sequence"])
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    for each in first:
        found[each.topic, each.study].append(each.sequence)
    assert found == expected
    named = {each.body["sop_instance_uid"] for each in first if each.topic == INSTANCES}
    assert named == acknowledged


def _prove_metadata(first: Sequence[Told], entries: Sequence[Entry]) -> None:
    """What was announced last of a study is all of it, the late instances too."""
    held = Counter(each["studyInstanceUid"] for each in entries if each["kind"] == "created")
    revisions: dict[str, list[int]] = defaultdict(list)
    newest: dict[str, Told] = {}
    for each in first:
        if each.topic == METADATA:
            revisions[each.study].append(each.body["revision"])
            newest[each.study] = each
    assert {study: len(each.body["instances"]) for study, each in newest.items()} == held
    assert {study: each.body["number_of_instances"] for study, each in newest.items()} == held
    for numbers in revisions.values():
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert any(len(numbers) > 1 for numbers in revisions.values()), "nothing came late"


def _prove_by_commands(server: ServedHilum, instances: int, events: int, records: int) -> None:
    """`hilum` itself finds nothing to complain of."""
    checked = server.run("fsck", "--deep", "--json")
    report = json.loads(checked.stdout)
    assert report["clean"], report["found"]
    assert (report["versions"], report["objects"]) == (instances, instances)
    ran = server.run("reconcile", "--json")
    (compared,) = json.loads(ran.stdout)["subscriptions"]
    assert ran.returncode == 0, compared
    assert compared["agrees"]
    assert compared["expected"] == compared["told"] == events
    assert compared["repeated"] == records - events
    assert compared["dead"] == 0
    for bug in ("delivery_failed", "sink_failed", "ingest_failed", "Traceback"):
        assert bug not in server.log_text, bug
