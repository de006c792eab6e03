"""Making obstore's stores: the one place that knows what its options are called."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypedDict
from urllib.parse import urlsplit

from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, S3Store

from hilum.adapters.storage.remote.credentials import azure_provider, s3_provider
from hilum.adapters.storage.remote.options import (
    Access,
    AzureAccess,
    GcsAccess,
    Location,
    RemoteLimits,
    S3Access,
)
from hilum.domain.errors import ArchiveUnavailable

if TYPE_CHECKING:
    from obstore.store import AzureConfig, ClientConfig, GCSConfig, RetryConfig, S3Config

Store = S3Store | GCSStore | AzureStore

_ENDPOINTS: Final[Mapping[type[Access], tuple[str, ...]]] = {
    S3Access: ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    GcsAccess: ("GOOGLE_BASE_URL",),
    AzureAccess: ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
}
"""Variables of each cloud's own tools that name a server other than the cloud's."""
_OF_CREDENTIALS: Final = ("credential", "key", "service account", "pem file")
_NOBODY: Final = json.dumps(
    {"disable_oauth": True, "client_email": "", "private_key": "", "private_key_id": ""}
)


class _Alike(TypedDict):
    """What the three stores are told by the same names."""

    prefix: str | None
    client_options: "ClientConfig"
    retry_config: "RetryConfig"


@dataclass(frozen=True, slots=True)
class MadeStore:
    """A store, and whether it is one whose conditional puts are known to work."""

    store: Store
    conditional: bool | None
    """None: an S3 server that is not Amazon's, which has to be tried."""


def make_store(
    location: Location,
    access: Access,
    limits: RemoteLimits,
    environment: Mapping[str, str],
    *,
    retries: bool = True,
) -> MadeStore:
    """Make a store without connecting. Raises `ArchiveUnavailable` for what cannot work."""
    bucket = location.bucket
    endpoint = access.endpoint or _first(environment, _ENDPOINTS[type(access)])
    try:
        alike: _Alike = {
            "prefix": location.prefix or None,
            "client_options": _client(endpoint, limits),
            "retry_config": _retry(limits, retries=retries),
        }
        match access:
            case S3Access():
                known = None if endpoint else True
                return MadeStore(_s3(bucket, endpoint, access, environment, alike), known)
            case GcsAccess():
                return MadeStore(_gcs(bucket, endpoint, access, environment, alike), True)
            case AzureAccess():
                return MadeStore(_azure(bucket, endpoint, access, alike), True)
    except (BaseError, ValueError, TypeError) as error:
        message = f"The object store {location} cannot be set up: {_why(error)}."
        raise ArchiveUnavailable(message) from None  # the client's text may hold a secret


def _s3(
    bucket: str, endpoint: str, access: S3Access, environment: Mapping[str, str], alike: _Alike
) -> S3Store:
    by_host = access.addressing == "host" or (access.addressing == "auto" and not endpoint)
    config: S3Config = {"disable_bulk_delete": True, "virtual_hosted_style_request": by_host}
    if endpoint:
        config["endpoint"] = _with_bucket(endpoint, bucket) if by_host else endpoint
    if access.region:
        config["region"] = access.region
    if access.checksum != "none":
        config["checksum_algorithm"] = access.checksum
    if access.encryption:
        config["server_side_encryption"] = access.encryption
    if access.encryption_key_id:
        config["sse_kms_key_id"] = access.encryption_key_id
    provider = s3_provider(access, environment)
    if provider is not None:
        provider()  # a file that cannot be read is told at start
    return S3Store(bucket, config=config, credential_provider=provider, **alike)


def _gcs(
    bucket: str, endpoint: str, access: GcsAccess, environment: Mapping[str, str], alike: _Alike
) -> GCSStore:
    config: GCSConfig = {}
    if endpoint:
        config["base_url"] = endpoint
    named = environment.get("GOOGLE_APPLICATION_CREDENTIALS")
    key_file = access.key_file or (Path(named) if named else None)
    if access.key:
        config["service_account_key"] = access.key
    elif access.anonymous:
        config["service_account_key"] = _NOBODY  # skip_signature still asks who it is to write
    elif key_file is not None:
        _demand_key_file(key_file)
        config["application_credentials"] = str(key_file)
    return GCSStore(bucket, config=config, **alike)


def _azure(bucket: str, endpoint: str, access: AzureAccess, alike: _Alike) -> AzureStore:
    config: AzureConfig = {}
    if access.account:
        config["account_name"] = access.account
    if endpoint:
        config["endpoint"] = endpoint
    provider = azure_provider(access)
    if provider is not None:
        provider()
    return AzureStore(bucket, config=config, credential_provider=provider, **alike)


def _client(endpoint: str, limits: RemoteLimits) -> "ClientConfig":
    options: ClientConfig = {
        "timeout": timedelta(seconds=limits.request_seconds),
        "connect_timeout": timedelta(seconds=limits.connect_seconds),
        "allow_http": urlsplit(endpoint).scheme == "http",
        "default_content_type": "application/dicom",
    }
    if limits.ca_file is not None:
        try:
            options["root_certificate"] = limits.ca_file.read_bytes()
        except OSError as error:
            message = f"The file {limits.ca_file} (ca_file) cannot be read: {error.strerror}."
            raise ArchiveUnavailable(message) from error
    return options


def _retry(limits: RemoteLimits, *, retries: bool) -> "RetryConfig":
    return {
        "max_retries": limits.retries if retries else 0,
        "retry_timeout": timedelta(seconds=limits.retry_seconds),
        "backoff": {
            "init_backoff": timedelta(seconds=limits.first_backoff_seconds),
            "max_backoff": timedelta(seconds=limits.largest_backoff_seconds),
            "base": 2,
        },
    }


def _with_bucket(endpoint: str, bucket: str) -> str:
    url = urlsplit(endpoint)
    return url._replace(netloc=f"{bucket}.{url.netloc}").geturl()


def _first(environment: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((environment[name] for name in names if environment.get(name)), "")


def _demand_key_file(path: Path) -> None:
    """Say what is wrong with a Google key file before the client says it less clearly."""
    try:
        kind = json.loads(path.read_text(encoding="utf-8")).get("type")
    except OSError as error:
        message = f"The Google key file {path} cannot be read: {error.strerror}."
        raise ArchiveUnavailable(message) from error
    except (ValueError, AttributeError):
        kind = None
    if kind is None:
        message = (
            f"The Google key file {path} is no key: it should be the JSON that Google gives for"
            " a service account."
        )
        raise ArchiveUnavailable(message)


def _why(error: Exception) -> str:
    text = str(error)
    if "Account must be specified" in text:
        return "set storage.azure.account (or AZURE_STORAGE_ACCOUNT_NAME)"
    if "certificate" in text.lower():
        return "storage.remote.ca_file holds no certificate in PEM format"
    if any(word in text.lower() for word in _OF_CREDENTIALS):
        return "its credentials cannot be used"
    return "check storage.url and the settings of its credentials and endpoint"
