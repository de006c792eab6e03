"""What the remote object store is told; the settings below `storage` have the same names."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Scheme = Literal["s3", "gs", "az"]


@dataclass(frozen=True, slots=True)
class Location:
    """A bucket (Azure: container) and the prefix in it that belongs to one archive."""

    scheme: Scheme
    bucket: str
    prefix: str = ""

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")


@dataclass(frozen=True, slots=True)
class S3Access:
    """How to reach S3 and as whom; what is empty is taken from the environment."""

    endpoint: str = ""
    region: str = ""
    addressing: Literal["auto", "path", "host"] = "auto"
    access_key_id: str = ""
    secret_access_key_file: Path | None = None
    credentials_file: Path | None = None
    profile: str = ""
    checksum: Literal["sha256", "crc64nvme", "none"] = "sha256"
    encryption: str = ""
    encryption_key_id: str = ""
    secret_access_key: str = field(default="", repr=False)
    """In memory instead of in a file."""
    session_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class GcsAccess:
    """How to reach Google Cloud Storage and as whom."""

    endpoint: str = ""
    key_file: Path | None = None
    anonymous: bool = False
    key: str = field(default="", repr=False)
    """JSON in memory instead of in a file."""


@dataclass(frozen=True, slots=True)
class AzureAccess:
    """How to reach Azure Blob Storage and as whom."""

    account: str = ""
    endpoint: str = ""
    account_key_file: Path | None = None
    sas_file: Path | None = None
    account_key: str = field(default="", repr=False)
    """In memory instead of in a file."""
    sas: str = field(default="", repr=False)


Access = S3Access | GcsAccess | AzureAccess


@dataclass(frozen=True, slots=True)
class RemoteLimits:
    """Bounds on time, memory and requests."""

    request_seconds: float = 60.0
    connect_seconds: float = 5.0
    retries: int = 6
    retry_seconds: float = 15.0
    first_backoff_seconds: float = 0.1
    largest_backoff_seconds: float = 3.0
    operation_seconds: float = 90.0
    bytes_per_second: int = 256 << 10
    uploads: int = 32
    downloads: int = 32
    chunk_bytes: int = 4 << 20
    chunks_ahead: int = 1
    part_bytes: int = 8 << 20
    parts_at_once: int = 4
    large_uploads: int = 4
    abandoned_seconds: float = 86_400.0
    verify: Literal["size", "bytes"] = "size"
    put_once: Literal["auto", "conditional", "check"] = "auto"
    ca_file: Path | None = None
