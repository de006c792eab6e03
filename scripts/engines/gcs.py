"""A server that speaks Google Cloud Storage: the S3 server, behind a translator of ours."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.engines.engine import Engine, ask, make
from scripts.engines.place import Place
from scripts.engines.process import Launch
from scripts.engines.s3 import S3

_SCRIPT = """
"$@" &
exec "$HILUM_PYTHON" "$HILUM_FRONT" "$HILUM_PORT" "$HILUM_BACKEND"
"""


class Gcs(Engine):
    name = "gcs"
    title = "Google Cloud Storage (versitygw, translated)"
    port_names = ("port", "behind")

    def __init__(self) -> None:
        """Stand before a server of its own."""
        self._behind = S3()

    def missing(self) -> Sequence[str]:
        return self._behind.missing()

    def fetch(self) -> None:
        self._behind.fetch()

    def prepare(self, place: Place) -> None:
        self._behind.prepare(place)

    def launch(self, place: Place) -> Launch:
        ports = place.ports
        behind = self._behind.launch(place, ports["behind"])
        front = {
            "HILUM_PYTHON": sys.executable,
            "HILUM_FRONT": str(Path(__file__).with_name("gcs_front.py")),
            "HILUM_PORT": str(ports["port"]),
            "HILUM_BACKEND": self._behind.url(ports["behind"]),
        }
        command = ["/bin/sh", "-c", _SCRIPT, "sh", *behind.command]
        return Launch(command, {**behind.environment, **front})

    def answers(self, place: Place) -> bool:
        # Refused by the server behind, which thereby shows that both are there.
        question = b"GET /none/none HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n"
        return b" 404 " in ask(place.port, question)[:16]

    def address(self, place: Place) -> str:
        return f"http://127.0.0.1:{place.port}"


def make_bucket(address: str, bucket: str) -> None:
    """Create a bucket; one that is there already stays."""
    make(address, "POST", "/storage/v1/b?project=tests", json.dumps({"name": bucket}))
