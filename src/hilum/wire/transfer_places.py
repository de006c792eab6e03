"""Places of transfers as requests name them: an address apart from its credentials.

`azureblob` is that of the Azure DICOM service (section 11); `s3`, `gcs` and `folder` are ours.
"""

import re
from collections.abc import Mapping
from pathlib import PurePath
from types import MappingProxyType
from typing import Final
from urllib.parse import SplitResult, urlsplit

import orjson

from hilum.domain.errors import MalformedBody
from hilum.domain.transfers import PlaceKind, TransferPlace
from hilum.wire.azure_json import Fields
from hilum.wire.connection_strings import parse_connection_string

Secrets = Mapping[str, str]
_NO_SECRETS: Final[Secrets] = MappingProxyType({})
_BUCKET: Final = re.compile(r"[A-Za-z0-9$][A-Za-z0-9._-]{1,221}[A-Za-z0-9]", re.ASCII)
_PREFIX: Final = re.compile(r"(?!\.+(?:/|$))[^/\\\x00-\x1f]+(?:/(?!\.+(?:/|$))[^/\\\x00-\x1f]+)*")
# What clients of buckets read as we do: to them a backslash, say, ends the name of a host.
_URL: Final = re.compile(
    r"https?://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?(?:/[\w.~$-]*)*(?:\?[!-~]*)?",
    re.ASCII | re.IGNORECASE,
)
_LONGEST_PATH: Final = 4096
_LONGEST_PREFIX: Final = 1024
_REGION: Final = re.compile(r"[a-z0-9-]{0,40}", re.ASCII)
_EXAMPLE: Final = "https://account.blob.core.windows.net/container?sv=..."
_IDENTITY: Final = "useManagedIdentity"


def read_place(fields: Fields | None, what: str) -> tuple[TransferPlace, Secrets]:
    """The place of `what` (`source`, `destination`) and its secrets. Raises `MalformedBody`."""
    told = None if fields is None else fields.text("type")
    settings = None if fields is None else fields.object("settings")
    if told is None or settings is None:
        message = f"{what} should be an object with the members type and settings."
        raise MalformedBody(message)
    kind = next((each for each in PlaceKind if each.value == told.lower()), None)
    match kind:
        case PlaceKind.AZURE_BLOB:
            return _azure(settings, what)
        case PlaceKind.S3:
            return _s3(settings, what)
        case PlaceKind.GCS:
            return _gcs(settings, what)
        case PlaceKind.FOLDER:
            return _folder(settings, what), _NO_SECRETS
        case None:
            message = f"{what}.type should be one of {', '.join(PlaceKind)}."
            raise MalformedBody(message)


def _azure(settings: Fields, what: str) -> tuple[TransferPlace, Secrets]:
    uri, connection = settings.text("blobContainerUri"), settings.text("connectionString")
    name = settings.text("blobContainerName")
    identity = settings.flag(_IDENTITY) or False
    if (uri is None) == (connection is None) or (connection is None) != (name is None):
        message = (
            f"{what}.settings should have either blobContainerUri, or connectionString and "
            "blobContainerName."
        )
        raise MalformedBody(message)
    prefix = _prefix(settings, what)
    if uri is not None:
        url = _url(uri, f"{what}.settings.blobContainerUri")
        secrets: Secrets = {"sas": url.query} if url.query else _NO_SECRETS
    else:
        endpoint, secrets = parse_connection_string(connection or "")
        container = f"{endpoint}/{_bucket(name, f'{what}.settings.blobContainerName')}"
        url = _url(container, f"{what}.settings.connectionString")
    container = _container(url, what)
    _demand_one(secrets, identity, what, "a shared access signature")
    place = TransferPlace(PlaceKind.AZURE_BLOB, container, prefix, own_identity=identity)
    return place, secrets


def _container(url: SplitResult, what: str) -> str:
    """The account is in the name of Azure's own hosts, and in the path elsewhere."""
    parts = url.path.strip("/").split("/")
    if len(parts) != (1 if ".blob." in (url.hostname or "") else 2):
        message = f"{what}.settings should name a container, such as {_EXAMPLE}."
        raise MalformedBody(message)
    _bucket(parts[-1], f"The container of {what}.settings")
    return _without_query(url)


def _s3(settings: Fields, what: str) -> tuple[TransferPlace, Secrets]:
    identity = settings.flag(_IDENTITY) or False
    given = {
        "access_key_id": settings.text("accessKeyId"),
        "secret_access_key": settings.text("secretAccessKey"),
        "session_token": settings.text("sessionToken"),
    }
    secrets = {name: value for name, value in given.items() if value}
    if secrets and not {"access_key_id", "secret_access_key"} <= secrets.keys():
        message = f"{what}.settings: accessKeyId and secretAccessKey need each other."
        raise MalformedBody(message)
    _demand_one(secrets, identity, what, "accessKeyId and secretAccessKey")
    region = settings.text("region") or ""
    if _REGION.fullmatch(region) is None:
        message = f"{what}.settings.region should be the name of a region."
        raise MalformedBody(message)
    url = _bucket_url(settings, what, "s3")
    place = TransferPlace(PlaceKind.S3, url, _prefix(settings, what), region, identity)
    return place, secrets


def _gcs(settings: Fields, what: str) -> tuple[TransferPlace, Secrets]:
    identity = settings.flag(_IDENTITY) or False
    key = settings.raw("serviceAccountKey")
    secrets: dict[str, str] = {}
    if key is not None:
        secrets["service_account_key"] = key if isinstance(key, str) else _key_text(key)
    elif settings.flag("anonymous"):
        secrets["anonymous"] = "true"
    _demand_one(secrets, identity, what, "serviceAccountKey")
    url = _bucket_url(settings, what, "gs")
    place = TransferPlace(PlaceKind.GCS, url, _prefix(settings, what), own_identity=identity)
    return place, secrets


def _folder(settings: Fields, what: str) -> TransferPlace:
    path = settings.text("path") or ""
    if len(path) > _LONGEST_PATH:
        message = f"{what}.settings.path should be at most {_LONGEST_PATH} characters long."
        raise MalformedBody(message)
    if not PurePath(path).is_absolute() or ".." in PurePath(path).parts or "\0" in path:
        message = f"{what}.settings.path should be the absolute path of a folder of the server."
        raise MalformedBody(message)
    return TransferPlace(PlaceKind.FOLDER, str(PurePath(path)), _prefix(settings, what))


def _key_text(key: object) -> str:
    return orjson.dumps(key).decode()


def _demand_one(secrets: Secrets, identity: bool, what: str, credentials: str) -> None:
    if bool(secrets) == identity:
        message = f"{what}.settings should have either {credentials}, or {_IDENTITY} true."
        raise MalformedBody(message)


def _bucket_url(settings: Fields, what: str, scheme: str) -> str:
    bucket = _bucket(settings.text("bucket"), f"{what}.settings.bucket")
    endpoint = settings.text("endpoint")
    if endpoint is None:
        return f"{scheme}://{bucket}"
    name = f"{what}.settings.endpoint"
    url = _url(endpoint, name)
    if url.query:
        message = f"{name} should have no query."
        raise MalformedBody(message)
    return f"{_without_query(url)}/{bucket}"


def _bucket(name: str | None, what: str) -> str:
    if name is None or _BUCKET.fullmatch(name) is None:
        message = f"{what} should be the name of a bucket or container."
        raise MalformedBody(message)
    return name


def _prefix(settings: Fields, what: str) -> str:
    prefix = (settings.text("prefix") or "").strip("/")
    if len(prefix) > _LONGEST_PREFIX or (prefix and _PREFIX.fullmatch(prefix) is None):
        message = (
            f"{what}.settings.prefix should be names, parted by slashes, of at most "
            f"{_LONGEST_PREFIX} characters."
        )
        raise MalformedBody(message)
    return prefix


def _url(text: str, what: str) -> SplitResult:
    """An HTTP address without user and fragment, whose path has neither escapes nor steps up."""
    url = _split(text)
    if (
        _URL.fullmatch(text) is None
        or url is None
        or not url.hostname
        or url.fragment
        or {".", ".."} & set(url.path.split("/"))
    ):
        message = f"{what} should be an http or https URL without user, fragment and escapes."
        raise MalformedBody(message)
    return url


def _split(text: str) -> SplitResult | None:
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        return None
    return None if port == 0 else url


def _without_query(url: SplitResult) -> str:
    """In one way of writing, so that a list of allowed places can be compared with it."""
    host = (url.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    usual = {"http": 80, "https": 443}[url.scheme]
    port = "" if url.port in {None, usual} else f":{url.port}"
    return f"{url.scheme}://{host}{port}{url.path.rstrip('/')}"
