"""Uploads in four processes: a gateway, a validator, a descriptor and a status service."""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import requests

from hilum.domain.submissions import SUBMISSION_SETTLED, SubmissionState
from tests.instances import an_instance
from tests.served import ServedHilum

ROLES = ("gateway", "validator", "descriptor", "status")
_UPLOADERS = 3
_STUDY = "1.2.826.0.1.3680043.10.1.77"
_ANSWER_SECONDS = 30.0
_MOST_UNDER_WAY = 30


class Roles:
    """Four processes on one data folder, each killed and started by its name."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.data = folder / "data"
        self._environment = environment
        self._folder = folder
        self.servers: dict[str, ServedHilum] = {}
        for role in ROLES:
            (folder / role).mkdir()
            self.servers[role] = ServedHilum(
                folder / role, role=role, data=self.data, **environment
            )

    def url(self, role: str) -> str:
        return self.servers[role].url

    def __enter__(self) -> Self:
        try:
            for server in self.servers.values():
                server.launch()
            for server in self.servers.values():
                server.wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for server in self.servers.values():
            server.close()

    def stop(self) -> Sequence[int]:
        """Ask all to end; their exit codes."""
        return [server.stop() for server in self.servers.values()]

    def whole(self) -> ServedHilum:
        """A server with everything in it, on what the roles left; to be opened and closed."""
        (self._folder / "whole").mkdir()
        return ServedHilum(self._folder / "whole", data=self.data, **self._environment)


@dataclass(slots=True)
class Uploads:
    """What was uploaded, and what was heard of it."""

    sent: set[str] = field(default_factory=set)
    """SOP Instance UIDs, from before their first request on."""
    acknowledged: dict[str, Sequence[str]] = field(default_factory=dict)
    """SOP Instance UIDs by study_id."""
    asked: dict[str, SubmissionState] = field(default_factory=dict)
    """The last state that was seen by asking."""
    heard: dict[str, SubmissionState] = field(default_factory=dict)
    """The last state that was seen by listening."""
    answers: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def unsettled(self) -> list[str]:
        with self.lock:
            return [
                each for each in self.acknowledged if self.asked.get(each) not in SUBMISSION_SETTLED
            ]


def note(seen: dict[str, SubmissionState], document: Mapping[str, Any]) -> None:
    """Note a state; it must not be earlier than the last one that the same client saw."""
    state = SubmissionState(document["status"])
    ranks = [SubmissionState(each["status"]).rank for each in document["history"]]
    assert ranks == sorted(set(ranks)), f"the history goes back: {document['history']}"
    before = seen.get(document["study_id"], state)
    assert state is before or state.rank > before.rank, f"back from {before} to {state}"
    seen[document["study_id"]] = state


class Clients:
    """Upload, ask and listen, from entering to leaving, whoever is away; `finish` says how it was.

    An upload whose answer was not heard is sent again, as another one.
    """

    def __init__(self, roles: Roles, chance: random.Random) -> None:
        self.uploads = Uploads()
        self._roles = roles
        self._chance = chance
        self._no_more = threading.Event()
        self._ended = threading.Event()
        self._pool = ThreadPoolExecutor(_UPLOADERS + 2)
        self._running: list[Future[None]] = []
        self._number = 0

    def __enter__(self) -> Self:
        self._running = [self._pool.submit(self._upload_all) for _ in range(_UPLOADERS)]
        self._running += [self._pool.submit(self._ask), self._pool.submit(self._listen)]
        return self

    def __exit__(self, *_: object) -> None:
        self._no_more.set()
        self._ended.set()
        self._pool.shutdown()

    def wait_for_more(self, count: int, seconds: float = 60.0) -> None:
        """Until so many more uploads are acknowledged."""
        wanted = len(self.uploads.acknowledged) + count
        until = time.monotonic() + seconds
        while len(self.uploads.acknowledged) < wanted:
            self._raise()
            assert time.monotonic() < until, f"nothing goes on: {self.uploads.answers}"
            time.sleep(0.02)

    def finish(self, seconds: float) -> None:
        """Upload no more, and return when all that was acknowledged is settled."""
        self._no_more.set()
        for each in self._running[:_UPLOADERS]:
            each.result(timeout=_ANSWER_SECONDS * 2)
        until = time.monotonic() + seconds
        while unsettled := self.uploads.unsettled:
            self._raise()
            left = {each: self.uploads.asked.get(each) for each in unsettled}
            assert time.monotonic() < until, f"not settled: {left}"
            time.sleep(0.05)
        self._ended.set()
        for each in self._running:
            each.result(timeout=_ANSWER_SECONDS * 2)

    def _raise(self) -> None:
        for each in self._running:
            if each.done():
                each.result()

    def _upload_all(self) -> None:
        with requests.Session() as session:
            while not self._no_more.is_set():
                if len(self.uploads.unsettled) >= _MOST_UNDER_WAY:  # a role starts anew
                    time.sleep(0.05)
                    continue
                files = self._files()
                while not self._upload(session, files) and not self._ended.is_set():
                    time.sleep(0.1)
                time.sleep(0.1)

    def _files(self) -> dict[str, bytes]:
        """One or a few files of one study, by SOP Instance UID."""
        with self.uploads.lock:
            self._number += 1
            study = f"{_STUDY}.{self._number}"
            uids = [f"{study}.1.{place}" for place in range(self._chance.choice((1, 1, 3)))]
            self.uploads.sent.update(uids)
        return {
            uid: an_instance(
                20_000, StudyInstanceUID=study, SeriesInstanceUID=f"{study}.1", SOPInstanceUID=uid
            )
            for uid in uids
        }

    def _upload(self, session: requests.Session, files: Mapping[str, bytes]) -> bool:
        parts = [("file", (f"{uid}.dcm", data)) for uid, data in files.items()]
        try:
            answer = session.post(
                f"{self._roles.url('gateway')}/upload", files=parts, timeout=_ANSWER_SECONDS
            )
        except requests.RequestException as error:
            self.uploads.answers[type(error).__name__] += 1
            return False
        self.uploads.answers[str(answer.status_code)] += 1
        if answer.status_code != 202:
            assert answer.status_code in {503, 507}, answer.text
            return False
        with self.uploads.lock:
            self.uploads.acknowledged[answer.json()["study_id"]] = tuple(files)
        return True

    def _ask(self) -> None:
        """Poll the status service for all that is not settled."""
        with requests.Session() as session:
            while not self._ended.is_set():
                for study_id in self.uploads.unsettled:
                    with suppress(requests.RequestException):
                        url = f"{self._roles.url('status')}/status/{study_id}"
                        answer = session.get(url, timeout=_ANSWER_SECONDS)
                        if answer.status_code == 200:
                            note(self.uploads.asked, answer.json())
                        else:
                            assert answer.status_code == 503, answer.text
                time.sleep(0.05)

    def _listen(self) -> None:
        """Listen to one upload after another at the gateway, to its end."""
        while not self._ended.is_set():
            for study_id in self.uploads.unsettled[-1:]:
                with suppress(requests.RequestException):
                    for document in listened(f"{self._roles.url('gateway')}/status/{study_id}"):
                        self.uploads.answers["heard"] += 1
                        note(self.uploads.heard, document)
            time.sleep(0.02)


def listened(url: str) -> Iterator[dict[str, Any]]:
    """The states that a stream tells, until it ends."""
    headers = {"Accept": "text/event-stream"}
    with requests.get(url, headers=headers, stream=True, timeout=_ANSWER_SECONDS) as answer:
        assert answer.status_code in {200, 503}, answer.text
        for line in answer.iter_lines():
            if answer.status_code == 200 and line.startswith(b"data:"):
                yield json.loads(line.removeprefix(b"data:"))
