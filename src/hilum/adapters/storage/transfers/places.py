"""Opening buckets and containers that a request names, with the credentials it came with.

Credentials of the machine are used only where the place says so: whoever may name a place must not
get them sent there otherwise. Needs the extra `objects`.
"""

import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from hilum.adapters.storage.remote.options import (
    Access,
    AzureAccess,
    GcsAccess,
    Location,
    RemoteLimits,
    S3Access,
)
from hilum.adapters.storage.remote.stores import make_store
from hilum.adapters.storage.transfers.bucket import BucketPlace
from hilum.domain.errors import ArchiveUnavailable
from hilum.domain.transfers import PlaceKind, PlaceUnusable, TransferPlace


def open_bucket(
    place: TransferPlace, secrets: Mapping[str, str], limits: RemoteLimits
) -> BucketPlace:
    """Make a client without connecting. Raises `PlaceUnusable` for what cannot work."""
    if not place.own_identity and not secrets:
        message = f"The credentials for {place} are known no more: ask for it again."
        raise PlaceUnusable(message)
    location, access = _parts(place, secrets)
    environment = os.environ if place.own_identity else {}
    try:
        made = make_store(location, access, limits, environment)
    except ArchiveUnavailable:
        message = f"{place} cannot be used: check its address and the credentials."
        raise PlaceUnusable(message) from None
    return BucketPlace(made.store, place, limits)


def _parts(place: TransferPlace, secrets: Mapping[str, str]) -> tuple[Location, Access]:
    endpoint, _, bucket = place.url.rpartition("/")
    match place.kind:
        case PlaceKind.AZURE_BLOB:
            return Location("az", bucket, place.prefix), AzureAccess(
                account=_account(endpoint),
                endpoint=endpoint,
                account_key=secrets.get("account_key", ""),
                sas=secrets.get("sas", ""),
            )
        case PlaceKind.S3:
            return Location("s3", bucket, place.prefix), S3Access(
                endpoint="" if endpoint == "s3:/" else endpoint,
                region=place.region,
                access_key_id=secrets.get("access_key_id", ""),
                secret_access_key=secrets.get("secret_access_key", ""),
                session_token=secrets.get("session_token", ""),
            )
        case _:
            return Location("gs", bucket, place.prefix), GcsAccess(
                endpoint="" if endpoint == "gs:/" else endpoint,
                anonymous="anonymous" in secrets,
                key=secrets.get("service_account_key", ""),
            )


def _account(endpoint: str) -> str:
    """The first label of Azure's own hosts; of others, such as emulators, the path."""
    url = urlsplit(endpoint)
    host = url.hostname or ""
    return host.partition(".")[0] if ".blob." in host else url.path.strip("/")
