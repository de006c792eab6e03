"""A server that speaks Google Cloud Storage: fake-gcs-server over a folder, built by Go."""

import http.client
import json
from pathlib import Path
from urllib.parse import urlsplit

from scripts.engines.building import go_install
from scripts.engines.engine import Engine, ask
from scripts.engines.place import Place, ServicesError, cache_folder
from scripts.engines.process import Launch


class Gcs(Engine):
    name = "gcs"
    title = "Google Cloud Storage (fake-gcs-server)"
    version = "v1.56.1"

    @property
    def _program(self) -> Path:
        return cache_folder() / f"fake-gcs-server-{self.version}"

    def missing(self) -> list[str]:
        return [] if self._program.exists() else [self._program.name]

    def fetch(self) -> None:
        go_install("github.com/fsouza/fake-gcs-server", self.version, self._program)

    def prepare(self, place: Place) -> None:
        place.data.mkdir(exist_ok=True)

    def launch(self, place: Place) -> Launch:
        host = f"127.0.0.1:{place.port}"
        return Launch(
            [
                *(self._program, "-scheme", "http", "-host", "127.0.0.1", "-port", str(place.port)),
                *("-backend", "filesystem", "-filesystem-root", place.data),
                *("-public-host", host, "-external-url", f"http://{host}", "-log-level", "warn"),
            ]
        )

    def answers(self, place: Place) -> bool:
        question = b"GET /storage/v1/b?project=p HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n"
        return b" 200 " in ask(place.port, question)[:16]

    def address(self, place: Place) -> str:
        return f"http://127.0.0.1:{place.port}"


def make_bucket(address: str, bucket: str) -> None:
    """Create a bucket; one that is there already stays."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=30)
    try:
        connection.request("POST", "/storage/v1/b?project=tests", json.dumps({"name": bucket}))
        answer = connection.getresponse()
        said = answer.read()
    finally:
        connection.close()
    if answer.status not in (200, 409):
        raise ServicesError(f"no bucket {bucket}: {answer.status} {said.decode(errors='replace')}")
