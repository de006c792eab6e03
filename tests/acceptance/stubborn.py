"""Senders that repeat a request until they hear that all of it is kept, and note what they hear.

Several studies are on their way at once, a few instances of one and then of another; the last ones
of each study come late. Now and then a request that was answered is sent again.
"""

import hashlib
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self

import requests

from bench.client import BOUNDARY, stow_bodies
from bench.instances import ROWS_33_KB, Instance, make_study

_SENDERS = 4
_STUDIES_AT_ONCE = 6
_STUDY = 24
_LATE = 4
_LATE_BY_SECONDS = (2.0, 5.0)
_PER_REQUEST = 4
_ROWS_OF_A_LARGE_ONE = 2048
"""Squared, of two bytes: sent to a bucket in two parts."""
_STUDIES_PER_LARGE_ONE = 8
_SENT_AGAIN = 0.1
_PAUSE_SECONDS = 0.05
_ANSWER_SECONDS = 60.0
_HEADERS = {
    "Accept": "application/dicom+json",
    "Content-Type": f'multipart/related; type="application/dicom"; boundary={BOUNDARY}',
}


@dataclass(frozen=True, slots=True)
class Sent:
    """An instance on its way: where it is to be found, and the digest of what is to be there."""

    study: str
    series: str
    sha256: bytes


@dataclass(slots=True)
class _Pending:
    """What is left to be sent of a study."""

    instances: list[Instance]
    due: float = 0.0
    """Nothing of it is sent before (monotonic)."""


class StubbornSenders:
    """Send from entering to leaving; `finish` sends what is left and raises what went wrong."""

    def __init__(self, url: str, chance: random.Random) -> None:
        self.sent: dict[str, Sent] = {}
        """By SOP Instance UID, from before its first request on."""
        self.acknowledged: set[str] = set()
        """SOP Instance UIDs that an answer said are kept."""
        self.answers: Counter[str] = Counter()
        """Statuses of answers, and names of errors where there was none."""
        self.repeats = 0
        """Requests beyond the first with the same body."""
        self._url = f"{url}/dicom-web/studies"
        self._chance = chance
        self._lock = threading.Lock()
        self._pending: list[_Pending] = []
        self._begun = 0
        self._no_more = threading.Event()
        self._dropped = threading.Event()
        self._pool = ThreadPoolExecutor(_SENDERS)
        self._running: list[Future[None]] = []

    def __enter__(self) -> Self:
        self._running = [self._pool.submit(self._send_all) for _ in range(_SENDERS)]
        return self

    def __exit__(self, *_: object) -> None:
        self._dropped.set()
        self._pool.shutdown()

    def wait_for_more(self, count: int, seconds: float = 60.0) -> None:
        """Until so many more are acknowledged."""
        wanted = len(self.acknowledged) + count
        deadline = time.monotonic() + seconds
        while len(self.acknowledged) < wanted:
            self._raise()
            assert time.monotonic() < deadline, f"nothing is taken any more: {self.answers}"
            time.sleep(0.02)

    def finish(self) -> None:
        """Begin no new study, and return when all is acknowledged."""
        self._no_more.set()
        for each in self._running:
            each.result(timeout=120)
        assert self.acknowledged == set(self.sent)

    def _raise(self) -> None:
        for each in self._running:
            if each.done():
                each.result()

    def _send_all(self) -> None:
        with requests.Session() as session:
            while not self._dropped.is_set():
                instances = self._next()
                if instances is None:
                    return
                if instances:
                    self._send(session, instances)
                time.sleep(_PAUSE_SECONDS)

    def _next(self) -> Sequence[Instance] | None:
        """A few instances of one study; none when all that is left is late, None at the end."""
        with self._lock:
            ending = self._no_more.is_set()
            now = time.monotonic()
            ready = [each for each in self._pending if ending or each.due <= now]
            while not ending and len(ready) < _STUDIES_AT_ONCE:
                ready.append(self._begin())
            if not ready:
                return None
            study = self._chance.choice(ready)
            count = self._chance.randint(1, _PER_REQUEST)
            left = len(study.instances)
            if left > _LATE >= left - count:
                count = left - _LATE
                study.due = now + self._chance.uniform(*_LATE_BY_SECONDS)
            taken, study.instances = study.instances[:count], study.instances[count:]
            if not study.instances:
                self._pending.remove(study)
            for one in taken:
                digest = hashlib.sha256(one.part10).digest()
                self.sent[one.sop_instance] = Sent(one.study, one.series, digest)
            return taken

    def _begin(self) -> _Pending:
        self._begun += 1
        is_large = self._begun % _STUDIES_PER_LARGE_ONE == 0
        made = make_study(1, _ROWS_OF_A_LARGE_ONE) if is_large else make_study(_STUDY, ROWS_33_KB)
        study = _Pending(made)
        self._pending.append(study)
        return study

    def _send(self, session: requests.Session, instances: Sequence[Instance]) -> None:
        (body,) = stow_bodies(instances, len(instances))
        wanted = {one.sop_instance for one in instances}
        while not self._post(session, body, wanted):
            if self._dropped.is_set():
                return
            time.sleep(4 * _PAUSE_SECONDS)
            self._count_repeat()
        if self._chance.random() < _SENT_AGAIN:
            self._count_repeat()
            self._post(session, body, wanted)

    def _count_repeat(self) -> None:
        with self._lock:
            self.repeats += 1

    def _post(self, session: requests.Session, body: bytes, wanted: set[str]) -> bool:
        """Send once and note what is heard; True when all of it is kept."""
        try:
            answer = session.post(self._url, data=body, headers=_HEADERS, timeout=_ANSWER_SECONDS)
        except requests.RequestException as error:
            self._heard(type(error).__name__)
            return False
        kept = _kept(answer)
        self._heard(str(answer.status_code), kept)
        assert answer.status_code in {200, 202, 409, 503}, answer.text[:2000]
        assert kept <= wanted
        assert kept == wanted or answer.status_code != 200
        return kept == wanted

    def _heard(self, what: str, kept: Collection[str] = ()) -> None:
        with self._lock:
            self.answers[what] += 1
            self.acknowledged.update(kept)


def _kept(answer: requests.Response) -> set[str]:
    """What the answer says is kept: its Referenced SOP Sequence (PS3.18 annex I)."""
    if "dicom+json" not in answer.headers.get("Content-Type", ""):
        return set()
    items = json.loads(answer.content).get("00081199", {}).get("Value", [])
    return {item["00081155"]["Value"][0] for item in items}
