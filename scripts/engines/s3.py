"""An S3 server: versitygw over a folder, built by Go."""

import datetime as dt
import hashlib
import hmac
import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from scripts.engines.building import go_install
from scripts.engines.engine import Engine, ask, make
from scripts.engines.place import Place, cache_folder
from scripts.engines.process import Launch

KEY, SECRET = "hilum-tests", "not-a-secret"


class S3(Engine):
    name = "s3"
    title = "S3 server (versitygw)"
    version = "v1.8.0"

    @property
    def _program(self) -> Path:
        return cache_folder() / f"versitygw-{self.version}"

    def missing(self) -> list[str]:
        return [] if self._program.exists() else [self._program.name]

    def fetch(self) -> None:
        go_install("github.com/versity/versitygw/cmd/versitygw", self.version, self._program)

    def prepare(self, place: Place) -> None:
        # What it knows of objects lies beside them: not every file system keeps attributes.
        for name in ("buckets", "attributes"):
            (place.data / name).mkdir(parents=True, exist_ok=True)

    def launch(self, place: Place, port: int | None = None) -> Launch:
        listen = f"127.0.0.1:{port or place.port}"
        return Launch(
            [
                *(self._program, "--quiet", "--keep-alive", "--port", listen),
                *("posix", *_beside(place.data), place.data / "buckets"),
            ],
            {"ROOT_ACCESS_KEY": KEY, "ROOT_SECRET_KEY": SECRET},
        )

    def answers(self, place: Place) -> bool:
        # Without a signature it refuses, as it should; that it does shows that it serves.
        return ask(place.port, b"GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n").startswith(
            b"HTTP/1.1 4"
        )

    def address(self, place: Place) -> str:
        return self.url(place.port)

    @staticmethod
    def url(port: int) -> str:
        """Address of one that listens on a port."""
        return f"http://{KEY}:{SECRET}@127.0.0.1:{port}"


def make_bucket(address: str, bucket: str) -> None:
    """Create a bucket on the server that `address` names; one that is there already stays."""
    path = f"/{bucket}"
    headers = signed(address, "PUT", path, "", hashlib.sha256(b"").hexdigest())
    make(address, "PUT", path, headers=headers)


def _beside(folder: Path) -> list[str | Path]:
    """Where the server is to keep what it knows of objects, if not in attributes of their files.

    Beside them it may take a name for taken whose folder another request removed meanwhile.
    """
    if not hasattr(os, "setxattr"):
        return ["--sidecar", folder / "attributes"]
    try:
        os.setxattr(folder, "user.hilum", b"1")
    except OSError:
        return ["--sidecar", folder / "attributes"]
    return []


def signed(
    address: str,
    method: str,
    path: str,
    query: str,
    payload: str = "UNSIGNED-PAYLOAD",
    more: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Headers that let a request in (AWS Signature Version 4); path and query are encoded.

    Headers in `more` are signed, too.
    """
    parts = urlsplit(address)
    now = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%SZ")
    headers = {
        "host": f"{parts.hostname}:{parts.port}",
        "x-amz-content-sha256": payload,
        "x-amz-date": now,
        **(more or {}),
    }
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    request = f"{method}\n{path}\n{query}\n{lines}\n{names}\n{payload}"
    scope = f"{now[:8]}/us-east-1/s3/aws4_request"
    key = f"AWS4{parts.password}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    digest = hashlib.sha256(request.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{digest}"
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    credential = f"Credential={parts.username}/{scope},SignedHeaders={names}"
    headers["authorization"] = f"AWS4-HMAC-SHA256 {credential},Signature={signature}"
    return headers
