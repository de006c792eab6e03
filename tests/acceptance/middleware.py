"""What surrounds the middleware: an Orthanc, a PostgreSQL, a Kafka and a reader of its topics."""

import asyncio
import hashlib
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import psycopg

from tests.acceptance.topics import LETTERS, METADATA, Told, make_topics, read_topic
from tests.engines import Own, own
from tests.instances import an_instance
from tests.peers.orthanc import OrthancPeer, an_orthanc
from tests.served import ServedHilum

_SECONDS: Final = 90.0


@dataclass
class World:
    """The middleware and all it works with, each of them to be killed alone."""

    hilum: ServedHilum
    orthanc: OrthancPeer
    postgres: Own
    kafka: Own
    folder: Path

    def demand(self, profile: str) -> None:
        """Have instances validated so from the next start of the middleware."""
        (self.folder / "hilum.toml").write_text(f'[orthanc]\nvalidation_profile = "{profile}"\n')

    def send(self, study: str, number: int, *, first: int = 1, **elements: Any) -> None:
        """Store instances in Orthanc as a modality does, with storescu."""
        folder = self.folder / study
        folder.mkdir(exist_ok=True)
        files = []
        for at in range(first, first + number):
            path = folder / f"{at}.dcm"
            data = an_instance(
                20_000,
                StudyInstanceUID=study,
                SeriesInstanceUID=f"{study}.{at % 2 + 1}",
                SOPInstanceUID=f"{study}.{at % 2 + 1}.{at}",
                **elements,
            )
            path.write_bytes(data)
            files.append(path)
        self.send_files(files)

    def send_files(self, files: Sequence[Path]) -> None:
        sent = self.orthanc.send(files)
        assert sent.exit_code == 0, sent.output

    def source_id(self, study: str) -> str:
        """Orthanc's name of a study."""
        query = json.dumps({"Level": "Study", "Query": {"StudyInstanceUID": study}})
        url = f"{self.orthanc.url}/tools/find"
        with urllib.request.urlopen(url, query.encode(), timeout=30) as answer:
            (found,) = json.loads(answer.read())
        return str(found)

    def held_by_orthanc(self, study: str) -> dict[str, str]:
        """Digests of its instances, by SOP Instance UID."""
        digests = {}
        for each in self.orthanc.get(f"/studies/{self.source_id(study)}/instances"):
            url = f"{self.orthanc.url}/instances/{each['ID']}/file"
            with urllib.request.urlopen(url, timeout=30) as answer:
                digests[each["MainDicomTags"]["SOPInstanceUID"]] = _digest(answer.read())
        return digests

    def arrivals(self, **query: str) -> list[dict[str, Any]]:
        text = "&".join(f"{name}={value}" for name, value in query.items())
        answer: Any = self.hilum.get_json(f"/api/v1/ingestion/arrivals?limit=1000&{text}")
        found: list[dict[str, Any]] = answer["arrivals"]
        return found

    def arrival_of(self, study: str) -> dict[str, Any] | None:
        found = [each for each in self.arrivals() if each["study_instance_uid"] == study]
        return found[0] if found else None

    def state_of(self, study: str) -> str:
        arrival = self.arrival_of(study)
        return "" if arrival is None else str(arrival["state"])

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask PostgreSQL, past Hilum."""
        options = "-c search_path=hilum"
        with psycopg.connect(self.postgres.address, options=options) as connection:
            return connection.execute(sql, values).fetchall()

    def read(self, topic: str) -> list[Told]:
        """All that is in a topic at present, in the order of each partition."""
        return asyncio.run(read_topic(self.kafka.address, topic))

    def announced(self, *studies: str) -> list[Told]:
        """Wait until each of the studies was announced, and until nothing waits to be told."""
        wait_for(lambda: {each.key for each in self.read(METADATA)} >= set(studies))
        wait_for(self.all_told)
        return [each for each in self.read(METADATA) if each.key in studies]

    def letters(self, source_id: str) -> list[Told]:
        """The dead letters of a study, once there is one and nothing waits to be told."""

        def found() -> list[Told]:
            payload = {"orthanc_study_id": source_id}
            told = self.read(LETTERS)
            return [each for each in told if each.body["original_payload"] == payload]

        wait_for(lambda: bool(found()))
        wait_for(self.all_told)
        return found()

    def open_letters(self, source_id: str) -> list[dict[str, Any]]:
        """Dead letters of a study that nobody has dealt with, as operators see them."""
        query = "state=open&origin=ingestion&limit=1000"
        answer: Any = self.hilum.get_json(f"/api/v1/dead-letters?{query}")
        return [each for each in answer if each["eventId"] == source_id]

    def all_told(self) -> bool:
        answer: Any = self.hilum.get_json("/api/v1/subscriptions/middleware")
        return answer["behind"] == 0 and answer["attempts"] == 0

    def call(self, body: bytes, **headers: str) -> tuple[int, dict[str, Any]]:
        """The webhook: status and answer."""
        url = f"{self.hilum.url}/api/v1/ingestion/studies"
        request = urllib.request.Request(url, body, {"Content-Type": "application/json", **headers})
        return _answer(request)

    def ask(self, path: str) -> tuple[int, dict[str, Any]]:
        return _answer(urllib.request.Request(self.hilum.url + path))


def stored(told: Told) -> dict[str, str]:
    """Digests of what lies where an event says, by SOP Instance UID."""
    return {
        each["sop_instance_uid"]: _digest(_path(each["storage_path"]).read_bytes())
        for each in told.body["instances"]
    }


def wait_for(holds: Callable[[], bool], seconds: float = _SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.2)


@contextmanager
def a_world(folder: Path) -> Iterator[World]:
    """Everything private and started; the middleware knows it by its own variables."""
    with own("postgres") as postgres, own("kafka") as kafka, an_orthanc() as orthanc:
        asyncio.run(make_topics(kafka.address))
        hilum = ServedHilum(
            folder,
            role="middleware",
            ORTHANC_URL=orthanc.url,
            KAFKA_BOOTSTRAP_SERVERS=kafka.address,
            DATABASE_URL=postgres.address.replace("postgresql:", "postgresql+asyncpg:"),
            HILUM_ROLE="middleware",
            HILUM_STORAGE__RESERVE_BYTES="0",
            HILUM_ORTHANC__RETRY_SECONDS="0.2",
            HILUM_ORTHANC__MAXIMUM_RETRY_SECONDS="1",
            HILUM_ORTHANC__BEGUN_SECONDS="5",
            HILUM_DELIVERY__LONGEST_PAUSE_SECONDS="1",
        )
        world = World(hilum, orthanc, postgres, kafka, folder)
        world.demand("strict")
        with hilum:
            yield world


def _answer(request: urllib.request.Request) -> tuple[int, dict[str, Any]]:
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def _path(url: str) -> Path:
    return Path(unquote(urlsplit(url).path))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
