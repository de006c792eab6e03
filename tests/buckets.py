"""Buckets on the servers that stand for S3, Azure Blob Storage and Google Cloud Storage."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from hilum.adapters.storage.remote.objects import RemoteObjects
from hilum.adapters.storage.remote.options import (
    Access,
    AzureAccess,
    GcsAccess,
    Location,
    RemoteLimits,
    S3Access,
)
from scripts.engines import azure, gcs, s3
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
    s3.make_bucket(url, BUCKET)
    endpoint = Endpoint.of(url)
    access = S3Access(
        endpoint=endpoint.url,
        region="us-east-1",
        access_key_id=endpoint.key,
        secret_access_key_file=_secret_file(folder, endpoint.secret),
    )
    return Bucket(Location("s3", BUCKET, _prefix()), access, {})


def an_azure_bucket(folder: Path) -> Bucket:
    """A prefix on the shared server that stands for Azure Blob Storage."""
    url = address("azure")
    azure.make_container(url, BUCKET)
    endpoint = Endpoint.of(url)
    access = AzureAccess(
        account=endpoint.key,
        endpoint=f"{endpoint.url}/{endpoint.key}",
        account_key_file=_secret_file(folder, endpoint.secret),
    )
    return Bucket(Location("az", BUCKET, _prefix()), access, {})


def a_gcs_bucket(_folder: Path) -> Bucket:
    """A prefix on the shared server that stands for Google Cloud Storage."""
    url = address("gcs")
    gcs.make_bucket(url, BUCKET)
    return Bucket(Location("gs", BUCKET, _prefix()), GcsAccess(url, anonymous=True), {})


BUCKETS: dict[str, Callable[[Path], Bucket]] = {
    "s3": an_s3_bucket,
    "azure": an_azure_bucket,
    "gcs": a_gcs_bucket,
}


def _prefix() -> str:
    return f"{uuid4().hex}/archive"


def _secret_file(folder: Path, secret: str) -> Path:
    file = folder / f"secret-{uuid4().hex}"
    file.write_text(f"{secret}\n")
    return file
