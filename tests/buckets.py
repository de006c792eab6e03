"""Buckets on the servers that stand for S3, Azure Blob Storage and Google Cloud Storage."""

from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from hilum.adapters.storage.remote.objects import RemoteObjects
from hilum.adapters.storage.remote.options import (
    Access,
    Location,
    RemoteLimits,
    S3Access,
)
from scripts.engines.s3 import make_bucket
from tests.engines import Endpoint, address

BUCKET = "hilum-tests"

PATIENCE = RemoteLimits(
    request_seconds=20,
    retries=3,
    retry_seconds=5,
    first_backoff_seconds=0.05,
    largest_backoff_seconds=0.5,
    operation_seconds=20,
    chunk_bytes=4096,
)
"""Ends soon, and reads in ranges so small that every test reads several."""


@dataclass(frozen=True)
class Bucket:
    """A prefix of its own in a bucket, and how to reach it."""

    location: Location
    access: Access
    environment: dict[str, str]

    def objects(self, limits: RemoteLimits = PATIENCE) -> RemoteObjects:
        return RemoteObjects(self.location, self.access, limits, environment=self.environment)

    def settings(self) -> dict[str, str]:
        """The same as environment of `hilum`."""
        assert isinstance(self.access, S3Access)
        return {
            "HILUM_STORAGE__URL": str(self.location),
            "HILUM_STORAGE__S3__ENDPOINT": self.access.endpoint,
            "HILUM_STORAGE__S3__REGION": self.access.region,
            "HILUM_STORAGE__S3__ACCESS_KEY_ID": self.access.access_key_id,
            "HILUM_STORAGE__S3__SECRET_ACCESS_KEY_FILE": str(self.access.secret_access_key_file),
        }


def an_s3_bucket(folder: Path, url: str | None = None) -> Bucket:
    """A prefix on the shared S3 server, or on that at `url`; the secret lies in `folder`."""
    url = url or address("s3")
    make_bucket(url, BUCKET)
    endpoint = Endpoint.of(url)
    secret = folder / f"secret-{uuid4().hex}"
    secret.write_text(endpoint.secret + "\n")
    access = S3Access(
        endpoint=endpoint.url,
        region="us-east-1",
        access_key_id=endpoint.key,
        secret_access_key_file=secret,
    )
    return Bucket(Location("s3", BUCKET, f"{uuid4().hex}/archive"), access, {})
