"""Bulk update of many studies while readers poll them: python -m bench.updates.

    python -m bench.updates [--studies 50] [--instances 100] [--readers 2] [--folder DIR]

Tells how long the update takes, and of every answer that readers had whether it mixed old and new
values: inside one instance (which must never be), or among the instances of one study.
"""

import argparse
import io
import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pydicom
import requests

from bench import systems
from bench.client import stow, stow_bodies
from bench.instances import ROWS_33_KB, make_study

CHANGES: Final[Mapping[str, Any]] = {
    "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Updated^Person"}]},
    "00100020": {"vr": "LO", "Value": ["UPDATED"]},
    "00080050": {"vr": "SH", "Value": ["UPDATED-1"]},
}
NEW: Final = ("Updated^Person", "UPDATED", "UPDATED-1")
_KEYWORDS: Final = ("PatientName", "PatientID", "AccessionNumber")
_TAGS: Final = ("00100010", "00100020", "00080050")
_JSON: Final = {"Accept": "application/dicom+json"}
_FILES: Final = {"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'}

Values = tuple[str, ...]


@dataclass(slots=True)
class Watched:
    """What readers saw."""

    answers: int = 0
    instances: int = 0
    strange: list[str] = field(default_factory=list)
    """Instances with values that are neither all old nor all new."""
    mixed: list[str] = field(default_factory=list)
    """Answers about a study of which some instances were old and some new."""
    seen: set[Values] = field(default_factory=set)


class Reader(threading.Thread):
    """Asks for metadata, files and search results of studies, again and again."""

    def __init__(self, url: str, studies: Sequence[str], old: Mapping[str, Values]) -> None:
        super().__init__(daemon=True)
        self._root = f"{url}/v2"
        self._studies = studies
        self._old = old
        self._ended = threading.Event()
        self.watched = Watched()

    def run(self) -> None:
        with requests.Session() as session:
            while not self._ended.is_set():
                for study in self._studies:
                    if self._ended.is_set():
                        return
                    for ask in (of_metadata, of_files, of_search):
                        self._note(study, ask.__name__, list(ask(session, self._root, study)))

    def end(self) -> Watched:
        """Stop reading; what was seen."""
        self._ended.set()
        self.join(60)
        return self.watched

    def _note(self, study: str, how: str, told: Sequence[Values]) -> None:
        watched = self.watched
        watched.answers += 1
        watched.instances += len(told)
        watched.seen.update(told)
        if strange := set(told) - {NEW, self._old[study]}:
            watched.strange.append(f"{how} of {study}: {strange}")
        if len(set(told)) != 1:
            watched.mixed.append(f"{how} of {study}: {len(told)} instances")


def of_metadata(session: requests.Session, root: str, study: str) -> Iterator[Values]:
    """What each instance says in the metadata of a study."""
    answer = session.get(f"{root}/studies/{study}/metadata", headers=_JSON, timeout=60)
    answer.raise_for_status()
    yield from map(_of_json, answer.json())


def of_search(session: requests.Session, root: str, study: str) -> Iterator[Values]:
    """What a search says of each instance of a study."""
    fields = "&".join(f"includefield={tag}" for tag in _TAGS)
    path = f"{root}/studies/{study}/instances?limit=200&{fields}"
    answer = session.get(path, headers=_JSON, timeout=60)
    answer.raise_for_status()
    yield from map(_of_json, answer.json())


def of_files(session: requests.Session, root: str, study: str) -> Iterator[Values]:
    """What each file of a study says."""
    answer = session.get(f"{root}/studies/{study}", headers=_FILES, timeout=60)
    answer.raise_for_status()
    boundary = answer.headers["content-type"].partition("boundary=")[2].strip('"')
    for part in answer.content.split(f"--{boundary}".encode())[1:-1]:
        file = io.BytesIO(part.partition(b"\r\n\r\n")[2])
        dataset = pydicom.dcmread(file, specific_tags=list(_KEYWORDS), stop_before_pixels=True)
        yield tuple(str(dataset.get(keyword, "")) for keyword in _KEYWORDS)


def _of_json(told: Mapping[str, Any]) -> Values:
    values = (told.get(tag, {}).get("Value", [""])[0] for tag in _TAGS)
    return tuple(each["Alphabetic"] if isinstance(each, dict) else each for each in values)


def old_values(url: str, studies: Sequence[str]) -> Mapping[str, Values]:
    """What each study says now; all its instances must say the same."""
    with requests.Session() as session:
        told = {study: set(of_metadata(session, f"{url}/v2", study)) for study in studies}
    return {study: next(iter(values)) for study, values in told.items() if len(values) == 1}


def begin(url: str, studies: Sequence[str]) -> str:
    """Ask for the update; where to look at it."""
    body = json.dumps({"studyInstanceUids": list(studies), "changeDataset": CHANGES})
    headers = {"Content-Type": "application/json"}
    answer = requests.post(f"{url}/v2/studies/$bulkUpdate", body, headers=headers, timeout=60)
    answer.raise_for_status()
    return str(answer.json()["href"])


def await_end(href: str, seconds: float = 600) -> Mapping[str, Any]:
    """Wait until the operation has ended; how it did."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = requests.get(href, timeout=60)
        if answer.status_code == 200:
            told: Mapping[str, Any] = answer.json()
            return told
        time.sleep(0.1)
    raise SystemExit("the update did not end")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.updates", description=__doc__)
    parser.add_argument("--studies", type=int, default=50)
    parser.add_argument("--instances", type=int, default=100)
    parser.add_argument("--readers", type=int, default=2)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    made = [make_study(options.instances, ROWS_33_KB) for _ in range(options.studies)]
    studies = [study[0].study for study in made]
    with systems.hilum(options.folder) as system:
        for study in made:
            stow(system, stow_bodies(study, 20), 2)
        url = f"http://127.0.0.1:{system.port}"
        old = old_values(url, studies)
        readers = [Reader(url, studies, old) for _ in range(options.readers)]
        for reader in readers:
            reader.start()
        began = time.perf_counter()
        told = await_end(begin(url, studies))
        seconds = time.perf_counter() - began
        watched = [reader.end() for reader in readers]
    number = options.studies * options.instances
    print(f"{told['status']}: {told['results']}")
    print(f"{number} instances in {seconds:.1f} s, {number / seconds:.0f}/s, while")
    print(f"{sum(each.answers for each in watched)} answers were read:")
    print(f"{sum(len(each.strange) for each in watched)} mixed versions of one instance,")
    print(f"{sum(len(each.mixed) for each in watched)} mixed versions of one study")
    if any(each.strange for each in watched):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
