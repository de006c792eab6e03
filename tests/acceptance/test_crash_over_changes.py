"""SIGKILL during PUT and DELETE: every instance is as before its last change, or as after it."""

import itertools
import os
import random
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

import pytest
import requests

from bench.instances import ROWS_33_KB, Instance, make_study
from tests.acceptance.crash import (
    ROUNDS,
    feed_of_instances,
    kill_under_load,
    prove_clean,
    visible_instances,
)
from tests.served import ServedHilum

_SENDERS = 4
_SHARED = 6
"""Instances of each sender in the study that all of them change."""
_OWN = 3
"""Instances in the study that a sender has for itself, and deletes as a whole."""
_JSON = {"Accept": "application/dicom+json", "Content-Type": "application/dicom"}
_ORIGINAL = {"Accept": "application/dicom; transfer-syntax=*"}

State = bytes | None
"""What is held of an instance; None when nothing is."""


@dataclass(slots=True)
class Owner:
    """One sender, and what it knows of the instances that nobody else touches."""

    shared: Sequence[Instance]
    own: Sequence[Instance]
    held: dict[str, State]
    """By SOP Instance UID, as acknowledged."""
    chance: random.Random
    under_way: dict[str, State] = field(default_factory=dict)
    """What the change without an answer makes of its instances."""
    acknowledged: int = 0

    def change(self, server: ServedHilum, begun: threading.Event) -> None:
        """Change one thing after the other until the server is gone."""
        with requests.Session() as session:
            for number in itertools.count():
                self.under_way.clear()
                begun.set()
                try:
                    self._one(session, server, number)
                except requests.RequestException:
                    return
                self.held.update(self.under_way)
                self.acknowledged += 1

    def _one(self, session: requests.Session, server: ServedHilum, number: int) -> None:
        root = f"{server.url}/v2/studies"
        if self.chance.random() < 0.05:
            self.under_way.update(dict.fromkeys((one.sop_instance for one in self.own), None))
            self._ask(session, "DELETE", f"{root}/{self.own[0].study}")
            return
        one = self.chance.choice([*self.shared, *self.own])
        if self.held[one.sop_instance] is not None and self.chance.random() < 0.3:
            self.under_way[one.sop_instance] = None
            path = f"{one.study}/series/{one.series}/instances/{one.sop_instance}"
            self._ask(session, "DELETE", f"{root}/{path}")
            return
        data = one.part10[:-8] + number.to_bytes(8, "little")
        self.under_way[one.sop_instance] = data
        self._ask(session, "PUT", root, data)

    def _ask(
        self, session: requests.Session, method: str, url: str, data: bytes | None = None
    ) -> None:
        """Again while the archive cannot: a client that was told so does not know what became."""
        while True:
            answer = session.request(method, url, data=data, headers=_JSON, timeout=60)
            if answer.status_code != HTTPStatus.SERVICE_UNAVAILABLE:
                break
            time.sleep(0.05)
        right = {"PUT": {200}, "DELETE": {204, 404}}[method]
        assert answer.status_code in right, f"{method}: {answer.status_code} {answer.text}"

    def settle(self, seen: Mapping[str, State], where: str) -> None:
        """Prove that what is seen is the state before the last change or after it, as a whole."""
        before = {uid: self.held[uid] for uid in self.under_way}
        now = {uid: seen[uid] for uid in self.under_way}
        assert now in (before, self.under_way), f"{where}: a change was made in part"
        self.held.update(now)
        self.under_way.clear()
        for uid, state in self.held.items():
            assert seen[uid] == state, f"{where}: {uid} is not what was acknowledged"


@pytest.mark.slow
@pytest.mark.timeout(60 + 60 * ROUNDS)
def test_a_crash_during_changes_leaves_each_instance_before_or_after_its_last_one(
    own_server: ServedHilum,
) -> None:
    seed = random.SystemRandom().randrange(2**32)
    chance = random.Random(seed)
    owners = _owners(chance)
    own_server.start()
    for number in range(ROUNDS):
        where = f"round {number}, seed {seed}"
        meanwhile = chance.choice([lambda: None, lambda: _kill_keeper(own_server.pid)])
        senders = [
            lambda begun, owner=owner: owner.change(own_server, begun)  # type: ignore[misc]
            for owner in owners
        ]
        kill_under_load(own_server, senders, chance.uniform(0.2, 3), meanwhile)
        own_server.start()
        _prove(own_server, owners, where)
    assert all(owner.acknowledged for owner in owners), "nothing was acknowledged or proved"


def _owners(chance: random.Random) -> Sequence[Owner]:
    shared = make_study(_SENDERS * _SHARED, ROWS_33_KB)
    owners: list[Owner] = []
    for start in range(0, len(shared), _SHARED):
        mine, own = shared[start : start + _SHARED], make_study(_OWN, ROWS_33_KB)
        held: dict[str, State] = dict.fromkeys((one.sop_instance for one in (*mine, *own)), None)
        owners.append(Owner(mine, own, held, random.Random(chance.random())))
    return owners


def _kill_keeper(server: int) -> None:
    """Kill the process that writes for the server, where there is one just now."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            status = (process / "stat").read_text().rpartition(")")[2].split()
            if int(status[1]) == server and b"keeper" in (process / "cmdline").read_bytes():
                os.kill(int(process.name), signal.SIGKILL)


def _prove(server: ServedHilum, owners: Sequence[Owner], where: str) -> None:
    seen: dict[str, State] = {}
    with requests.Session() as session:
        root = f"{server.url}/v2"
        for owner in owners:
            for one in (*owner.shared, *owner.own):
                path = f"/studies/{one.study}/series/{one.series}/instances/{one.sop_instance}"
                answer = session.get(root + path, headers=_ORIGINAL, timeout=30)
                assert answer.status_code in {200, 404}, f"{where}: {path}"
                seen[one.sop_instance] = answer.content if answer.ok else None
            owner.settle(seen, where)
        held = {uid for uid, state in seen.items() if state is not None}
        visible = visible_instances(session, f"{server.url}/dicom-web")
        assert visible == held, f"{where}: search and retrieve disagree"
    assert _told(server, where) == held, f"{where}: feed and archive disagree"
    prove_clean(server, where)


def _told(server: ServedHilum, where: str) -> set[str]:
    """What is held by the feed's account, which must make sense entry by entry."""
    held: set[str] = set()
    for uid, kind in feed_of_instances(server):
        assert (uid in held) == (kind != "created"), f"{where}: {kind} of {uid} out of order"
        if kind == "deleted":
            held.remove(uid)
        else:
            held.add(uid)
    return held
