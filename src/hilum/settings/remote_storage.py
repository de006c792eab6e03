"""Settings of object stores in a bucket: where they are, as whom to ask them, and how patiently."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from hilum.settings.types import ByteCount, Count, CountOrZero, Seconds, Section

_URL: Final = re.compile(
    r"(?P<scheme>s3|gs|az)://(?P<bucket>[A-Za-z0-9][A-Za-z0-9._-]{1,221}[A-Za-z0-9])"
    r"(?P<prefix>(/(?!\.+(/|$))[A-Za-z0-9._=-]+)*)/?"
)

_Scheme = Literal["s3", "gs", "az"]
_SCHEMES: Final[Mapping[str, _Scheme]] = {"s3": "s3", "gs": "gs", "az": "az"}


def _storage_url(value: str) -> str:
    if value and _URL.fullmatch(value) is None:
        message = (
            "should be s3://bucket/prefix, gs://bucket/prefix or az://container/prefix, without"
            " credentials; the prefix, which may be left out, of letters, digits and ._=-/"
        )
        raise ValueError(message)
    return value.rstrip("/")


def parse_storage_url(url: str) -> tuple[_Scheme, str, str]:
    """Scheme, bucket and prefix of a `storage.url` that is not empty."""
    match = _URL.fullmatch(url)
    if match is None:
        message = "not a storage.url"
        raise ValueError(message)
    scheme = _SCHEMES[match["scheme"]]
    return scheme, match["bucket"], match["prefix"].strip("/")


def _endpoint(value: str) -> str:
    url = urlsplit(value)
    if value and (
        url.scheme not in {"http", "https"} or not url.hostname or url.username or url.query
    ):
        message = "should be http://host:port or https://host, without credentials"
        raise ValueError(message)
    return value.rstrip("/")


StorageUrl = Annotated[str, AfterValidator(_storage_url)]
_Endpoint = Annotated[str, AfterValidator(_endpoint)]


class S3Settings(Section):
    """S3 and servers that speak like it.

    What is empty here is taken from the variables that AWS's own tools know (`AWS_ACCESS_KEY_ID`,
    `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT_URL`, `AWS_PROFILE`,
    `AWS_SHARED_CREDENTIALS_FILE`, `AWS_WEB_IDENTITY_TOKEN_FILE`), then from the role of the
    machine. Processes with other roles may thus have other credentials.
    """

    endpoint: _Endpoint = ""
    """Address of a server that is not Amazon's, such as `https://minio.example.org`. With `http://`
    nothing is encrypted on the way."""
    region: str = ""
    """Region of the bucket."""
    addressing: Literal["auto", "path", "host"] = "auto"
    """Where requests name the bucket: in the `path`, or before the `host` name. `auto`: in the path
    with `endpoint`, in the host name at Amazon."""
    access_key_id: str = ""
    """Name of the access key whose secret is in `secret_access_key_file`."""
    secret_access_key_file: Path | None = None
    """File that holds the secret of `access_key_id`; read again every few minutes."""
    credentials_file: Path | None = None
    """File in the format of `~/.aws/credentials`; read again every few minutes."""
    profile: str = ""
    """Section of that file; empty: AWS_PROFILE, or `default`."""
    checksum: Literal["sha256", "crc64nvme", "none"] = "sha256"
    """Checksum sent with every object and part: the server refuses what arrives damaged. `none` is
    for servers that do not know checksums."""
    encryption: Literal["", "AES256", "aws:kms", "aws:kms:dsse"] = ""
    """Encryption on the server's side; empty: as the bucket is set up."""
    encryption_key_id: str = ""
    """Key of that encryption."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if bool(self.access_key_id) != (self.secret_access_key_file is not None):
            message = "access_key_id and secret_access_key_file need each other"
            raise ValueError(message)
        if self.credentials_file is not None and self.secret_access_key_file is not None:
            message = "only one of credentials_file and secret_access_key_file can be used"
            raise ValueError(message)
        return self


class GcsSettings(Section):
    """Google Cloud Storage."""

    endpoint: _Endpoint = ""
    """Address of an emulator; empty: Google."""
    key_file: Path | None = None
    """Key of a service account (JSON). Empty: the file that GOOGLE_APPLICATION_CREDENTIALS names,
    then the account of the machine."""
    anonymous: bool = False
    """Send no credentials, for emulators."""


class AzureSettings(Section):
    """Azure Blob Storage.

    What is empty here is taken from variables such as `AZURE_STORAGE_ACCOUNT_NAME`,
    `AZURE_STORAGE_ACCOUNT_KEY`, `AZURE_CLIENT_ID`, then from the identity of the machine.
    """

    account: str = ""
    """Name of the storage account."""
    endpoint: _Endpoint = ""
    """Address of the account where it is not `https://ACCOUNT.blob.core.windows.net`."""
    account_key_file: Path | None = None
    """File that holds a key of the account; read again every few minutes."""
    sas_file: Path | None = None
    """File that holds a shared access signature; read again every few minutes."""

    @model_validator(mode="after")
    def _one_secret(self) -> Self:
        if self.account_key_file is not None and self.sas_file is not None:
            message = "only one of account_key_file and sas_file can be used"
            raise ValueError(message)
        return self


class RemoteStorageSettings(Section):
    """Objects in a bucket (`storage.url`)."""

    request_seconds: Seconds = 60.0
    """Longest time for one request, its body included."""
    connect_seconds: Seconds = 5.0
    """Longest wait for a connection."""
    retries: CountOrZero = 6
    """How often a request is repeated after an error that may pass."""
    retry_seconds: Seconds = 15.0
    """Nothing is repeated when the first attempt was longer ago."""
    first_backoff_seconds: Seconds = 0.1
    """First wait before a repetition; it doubles with each."""
    largest_backoff_seconds: Seconds = 3.0
    """Longest wait before a repetition."""
    operation_seconds: Seconds = 90.0
    """Longest time for keeping or reading, repetitions included; then the archive is unavailable.
    Large objects have more, by `bytes_per_second`."""
    bytes_per_second: ByteCount = 256 << 10
    """A transfer slower than this is given up when `operation_seconds` have passed as well."""
    uploads: Count = 32
    """Objects in memory that are sent at a time; further ones wait."""
    downloads: Count = 32
    """Reading requests at a time; further ones wait."""
    chunk_bytes: ByteCount = 4 << 20
    """Large objects are read in ranges of this size."""
    chunks_ahead: Annotated[int, Field(ge=1, le=16)] = 1
    """Ranges of one object that are read before the one in hand has been used."""
    part_bytes: Annotated[ByteCount, Field(ge=5 << 20, le=1 << 30)] = 8 << 20
    """Spooled instances above this size are sent in parts of it. A server takes 10,000 parts; of
    larger objects the parts are larger."""
    parts_at_once: Annotated[int, Field(ge=1, le=64)] = 4
    """Parts of one object that are sent, and are in memory, at a time."""
    large_uploads: Annotated[int, Field(ge=1, le=64)] = 4
    """Spooled instances that are sent at a time; further ones wait."""
    abandoned_seconds: Seconds = 86_400.0
    """What a dead process left below `incoming/` is removed at a start after this time."""
    verify: Literal["size", "bytes"] = "size"
    """How a put is proved beside the checksums of the server: by the size of what was sent in
    parts, or by reading every object back."""
    put_once: Literal["auto", "conditional", "check"] = "auto"
    """How an object is kept from replacing another. `conditional`: the server refuses it; `check`:
    it is asked before, for servers that cannot. `auto` tries servers that are not Amazon's."""
    ca_file: Path | None = None
    """Certificates (PEM) of authorities that are trusted beside those of the system."""
