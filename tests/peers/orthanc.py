"""Orthancs of one's own: with a short StableAge, to be fed, killed, restarted and emptied."""

import json
import shutil
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.engines.orthanc import Orthanc
from tests.engines import Own, own
from tests.peers.dcmtk import Report, storescu


@dataclass
class OrthancPeer:
    """A running Orthanc, seen from outside."""

    own: Own

    @property
    def url(self) -> str:
        return self.own.address

    @property
    def dicom_port(self) -> int:
        return self.own.ports["dicom"]

    def send(self, files: Sequence[Path]) -> Report:
        """C-STORE, as a modality does."""
        return storescu(self.dicom_port, files, called="ORTHANC")

    def post(self, data: bytes) -> dict[str, Any]:
        """Store one instance; return what Orthanc calls it."""
        answer: dict[str, Any] = self._ask("/instances", data)
        return answer

    def get(self, path: str) -> Any:
        return self._ask(path)

    def delete(self, path: str) -> None:
        self._ask(path, method="DELETE")

    def wait_until_stable(self, study: str, seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while not self.get(f"/studies/{study}")["IsStable"]:
            assert time.monotonic() < deadline, "the study did not become stable"
            time.sleep(0.1)

    def restart(self) -> None:
        """End it in order and start it again, with its data and ports."""
        self.own.stop()
        self.own.start()

    def restart_at_once(self) -> None:
        """Kill it, so that it forgets what it had only in memory, and start it again."""
        self.own.restart()

    def empty(self) -> None:
        """Another database under the same address."""
        self.own.stop()
        for folder in ("storage", "index"):
            shutil.rmtree(self.own.place.data / folder)
        self.own.start()

    def file_of(self, instance: str) -> Path:
        """Where it keeps the bytes of an instance."""
        info = self.get(f"/instances/{instance}/attachments/dicom/info")
        uuid = info["Uuid"]
        return self.own.place.data / "storage" / uuid[:2] / uuid[2:4] / uuid

    def _ask(self, path: str, data: bytes | None = None, method: str | None = None) -> Any:
        request = urllib.request.Request(self.url + path, data=data, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")


@contextmanager
def an_orthanc(**settings: object) -> Iterator[OrthancPeer]:
    """Run one until the block ends; `settings` are Orthanc's own."""
    with own(Orthanc({"StableAge": 1, "Plugins": [], **settings})) as mine:
        yield OrthancPeer(mine)
