"""Gateway, validator, descriptor and status service as four processes, each killed while it works.

What was acknowledged is archived, once; no state that anybody saw was followed by an earlier one.
"""

import json
import os
import random
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from hilum.domain.submissions import SubmissionState
from tests.acceptance.feeds import feed
from tests.acceptance.roles import ROLES, Clients, Roles, Uploads
from tests.contract.index.engines import postgres_database
from tests.engines import address

ROUNDS = int(os.environ.get("CRASH_ROUNDS", "1"))
"""In each round each role is killed once; `make crash` makes the long run."""
_MORE_BETWEEN_KILLS = 5
_SETTLED_WITHIN_SECONDS = 120.0
_SETTINGS = {
    "HILUM_UPLOAD__DEPTH": "",
    "HILUM_BUS__LEASE_SECONDS": "6",
    "HILUM_BUS__PARTITIONS": "2",
    "HILUM_DELIVERY__LEASE_SECONDS": "3",
    "HILUM_DELIVERY__LONGEST_PAUSE_SECONDS": "1",
    "HILUM_SUBMISSIONS__PATIENCE_SECONDS": "15",
    "HILUM_LOGGING__REQUESTS": "false",
}
_CHANNELS = ("uploads", "validation", "archive")


def _bus(engine: str) -> dict[str, str]:
    where = address(engine)
    url = f"kafka://{where}" if engine == "kafka" else where
    return {"HILUM_BUS__URL": url, "HILUM_BUS__NAME": f"t{uuid.uuid4().hex[:12]}"}


@contextmanager
def _database(kind: str) -> Iterator[dict[str, str]]:
    if kind == "sqlite":
        yield {}
        return
    with postgres_database() as url:
        yield {"HILUM_DATABASE__URL": url}


@contextmanager
def _simple_subscriber(prefix: str) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """Somebody who knows the three channels and the flat members, and nothing of us."""
    heard: list[tuple[str, dict[str, Any]]] = []
    client = redis.Redis.from_url(address("redis"))
    channels = client.pubsub(ignore_subscribe_messages=True)
    channels.subscribe(*(f"{prefix}{name}" for name in _CHANNELS))
    over = threading.Event()

    def listen() -> None:
        while not over.is_set():
            message = channels.get_message(timeout=0.1)
            if message is not None:
                channel = message["channel"].decode().removeprefix(prefix)
                heard.append((channel, json.loads(message["data"])))

    listening = threading.Thread(target=listen)
    listening.start()
    try:
        yield heard
    finally:
        over.set()
        listening.join()
        channels.close()
        client.close()


def _channel_sink(prefix: str) -> dict[str, str]:
    topics = {
        "study.uploaded": f"{prefix}uploads",
        "study.validat*": f"{prefix}validation",
        "study.archived": f"{prefix}archive",
    }
    sink = {"url": address("redis"), "deliver": "channel", "topics": topics}
    follower = {"sink": "channels", "types": list(topics)}
    return {
        "HILUM_SINKS": json.dumps({"channels": sink}),
        "HILUM_DELIVERY__SUBSCRIPTIONS": json.dumps({"channels": follower}),
    }


@pytest.mark.slow
@pytest.mark.engine
@pytest.mark.timeout(480 + 240 * ROUNDS)
@pytest.mark.parametrize(
    ("engine", "database"),
    [("redis", "sqlite"), ("rabbitmq", "postgres"), ("kafka", "sqlite")],
    ids=["redis", "rabbitmq", "kafka"],
)
def test_whoever_is_killed_every_upload_is_archived_once_and_no_state_goes_back(
    engine: str, database: str, tmp_path: Path
) -> None:
    prefix = f"t{uuid.uuid4().hex[:8]}-"
    environment = {**_SETTINGS, **_bus(engine), **_channel_sink(prefix)}
    seed = random.SystemRandom().randrange(2**32)
    _say(seed=seed)
    chance = random.Random(seed)
    with (
        _database(database) as in_database,
        _simple_subscriber(prefix) as heard,
        Roles(tmp_path, {**environment, **in_database}) as roles,
    ):
        with Clients(roles, chance) as clients:
            under_way = _killed(roles, clients, chance)
            clients.wait_for_more(_MORE_BETWEEN_KILLS)
            clients.finish(_SETTLED_WITHIN_SECONDS)
        assert roles.stop() == [0, 0, 0, 0]
        created = _created(roles)
    uploads = clients.uploads
    _say(under_way=under_way, uploads=len(uploads.acknowledged), answers=uploads.answers)
    assert set(uploads.asked.values()) == {SubmissionState.ARCHIVED}
    assert uploads.heard, "nobody listened"
    assert any(under_way.values()), "nobody was killed at work: nothing was proved"
    _prove_kept_once(uploads, created)
    _prove_told(uploads, heard)


def _killed(roles: Roles, clients: Clients, chance: random.Random) -> Counter[str]:
    """Kill each role, and start it again after a while; how much was under way then."""
    under_way: Counter[str] = Counter()
    for _ in range(ROUNDS):
        for role in chance.sample(ROLES, len(ROLES)):
            clients.wait_for_more(_MORE_BETWEEN_KILLS)
            time.sleep(chance.uniform(0.0, 0.2))
            under_way[role] += len(clients.uploads.unsettled)
            roles.servers[role].kill()
            time.sleep(chance.uniform(0.1, 1.0))
            roles.servers[role].start()
    return under_way


def _created(roles: Roles) -> Counter[str]:
    """How often each instance was made, in the words of a server with everything in it."""
    with roles.whole() as server:
        entries = feed(server)
    return Counter(each["sopInstanceUid"] for each in entries if each["kind"] == "created")


def _prove_kept_once(uploads: Uploads, created: Mapping[str, int]) -> None:
    """An upload whose answer was lost was sent again: what it brought is held once, too."""
    acknowledged = {uid for uids in uploads.acknowledged.values() for uid in uids}
    assert acknowledged <= created.keys() <= uploads.sent
    assert set(created.values()) == {1}


def _prove_told(uploads: Uploads, heard: list[tuple[str, dict[str, Any]]]) -> None:
    """A channel keeps nothing, but its listener was there all the time: repeats apart, all came."""
    for channel, event in zip(
        _CHANNELS, ("study.uploaded", "study.validated", "study.archived"), strict=True
    ):
        told = {body["study_id"] for name, body in heard if name == channel}
        assert uploads.acknowledged.keys() <= told
        assert {body["event"] for name, body in heard if name == channel} == {event}
    first = next(body for name, body in heard if name == "uploads")
    assert {"study_id", "file_path", "original_filename", "file_size"} <= first.keys()


def _say(**figures: object) -> None:
    """For whoever runs it with `-s`, or looks at why it failed."""
    sys.stdout.write(f"{json.dumps(figures)}\n")
