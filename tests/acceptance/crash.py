"""What must hold after a kill, whichever door the instances came by."""

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import requests

from bench.instances import Instance
from tests.served import ServedHilum

ROUNDS = int(os.environ.get("CRASH_ROUNDS", "3"))
"""Three by default; `make crash` makes the long run of twenty."""
_SENDERS = 4
_KINDS_OF_INSTANCES = frozenset({"created", "updated", "deleted"})


@dataclass(slots=True)
class Told:
    """What was sent in all rounds, and what the server said it holds."""

    sent: dict[str, Instance] = field(default_factory=dict)
    """By SOP Instance UID."""
    acknowledged: set[str] = field(default_factory=set)


Sender = Callable[[ServedHilum, Told, threading.Event], None]
"""Sends until the server is gone; sets the event when the first instance is on its way."""
SameInstance = Callable[[bytes, bytes], bool]
"""Whether a retrieved file is the sent one."""


def crash_rounds(server: ServedHilum, sender: Sender, same: SameInstance) -> None:
    """Kill and restart the server under load, and prove after each restart that all is well."""
    seed = random.SystemRandom().randrange(2**32)
    chance = random.Random(seed)
    told = Told()
    server.start()
    for number in range(ROUNDS):
        senders = [partial(sender, server, told)] * _SENDERS
        kill_under_load(server, senders, chance.uniform(0.05, 1.5))
        server.start()
        _prove(server, told, same, f"round {number}, seed {seed}")
    assert told.acknowledged, "nothing was acknowledged before the kills: nothing was proved"
    assert len(told.acknowledged) < len(told.sent), "no kill cut anything off: nothing was proved"


def kill_under_load(
    server: ServedHilum,
    senders: Sequence[Callable[[threading.Event], None]],
    seconds: float,
    meanwhile: Callable[[], None] = lambda: None,
) -> None:
    """Kill the server so long after the first sending, half of it after `meanwhile`."""
    begun = threading.Event()
    threads = [threading.Thread(target=sender, args=(begun,)) for sender in senders]
    for thread in threads:
        thread.start()
    assert begun.wait(30)
    time.sleep(seconds / 2)
    meanwhile()
    time.sleep(seconds / 2)
    server.kill()
    for thread in threads:
        thread.join()


def _prove(server: ServedHilum, told: Told, same: SameInstance, where: str) -> None:
    root = f"{server.url}/dicom-web"
    with requests.Session() as session:
        visible = visible_instances(session, root)
        missing = told.acknowledged - visible
        assert not missing, f"{where}: {len(missing)} acknowledged instances are gone"
        for sop_instance in visible:
            sent = told.sent[sop_instance]
            path = f"/studies/{sent.study}/series/{sent.series}/instances/{sop_instance}"
            accept = {"Accept": "application/dicom; transfer-syntax=*"}
            answer = session.get(root + path, headers=accept, timeout=30)
            assert answer.status_code == 200, f"{where}: {path}"
            assert same(answer.content, sent.part10), f"{where}: {path} is not what was sent"
    feed = Counter(uid for uid, kind in feed_of_instances(server) if kind == "created")
    assert set(feed) == visible, f"{where}: feed and archive disagree"
    assert set(feed.values()) <= {1}, f"{where}: the feed has an instance more than once"
    prove_clean(server, where)


def prove_clean(server: ServedHilum, where: str) -> None:
    """Nothing is left of what was cut off, and objects, index and feed agree."""
    assert not _left_over(server.data), f"{where}: spool files were left"
    check = server.run("fsck", "--deep")
    assert check.returncode == 0, f"{where}: {check.stdout}\n{check.stderr}"


def visible_instances(session: requests.Session, root: str) -> set[str]:
    """Every SOP Instance UID that a search shows, page by page."""
    found: set[str] = set()
    while True:
        answer = session.get(
            f"{root}/instances?limit=1000&offset={len(found)}",
            headers={"Accept": "application/dicom+json"},
            timeout=60,
        )
        rows = answer.json() if answer.content else []
        if not rows:
            return found
        found.update(row["00080018"]["Value"][0] for row in rows)


def feed_of_instances(server: ServedHilum) -> list[tuple[str, str]]:
    """SOP Instance UID and kind of every entry about an instance, in order."""
    told: list[tuple[str, str]] = []
    after = 0
    while True:
        page = server.get_json(f"/api/v1/feed?after={after}&limit=1000")
        assert isinstance(page, list)
        if not page:
            return told
        told += [
            (entry["sopInstanceUid"], entry["kind"])
            for entry in page
            if entry["kind"] in _KINDS_OF_INSTANCES
        ]
        after = page[-1]["sequence"]


def _left_over(data: Path) -> list[Path]:
    """Files of arrivals in the spool and among what is being written; locks are no arrivals."""
    places = (data / "spool", data / "incoming")
    files = (path for place in places for path in place.rglob("*") if path.is_file())
    return [path for path in files if path.name not in {"lock", ".exclusive"}]
