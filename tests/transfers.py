"""Places of transfers for tests: requests for them, and what lies there, read by other means."""

import base64
import datetime as dt
import hmac
import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import obstore
from obstore.store import AzureStore, GCSStore, S3Store

from scripts.engines import azure, gcs, s3
from tests.engines import Endpoint, address

CONTAINER = "hilum-transfers"
_VERSION = "2021-08-06"


@dataclass(frozen=True)
class ToPlace:
    """A source or destination of a request, and a client of its own for what lies there."""

    told: dict[str, Any]
    url: str
    """What the setting transfers.places has to name."""
    store: AzureStore | S3Store | GCSStore

    def files(self) -> dict[str, bytes]:
        """Everything below the prefix."""
        listed = [each for page in obstore.list(self.store) for each in page]
        return {each["path"]: self.get(each["path"]) for each in listed}

    def get(self, name: str) -> bytes:
        return obstore.get(self.store, name).bytes().to_bytes()

    def put(self, name: str, data: bytes) -> None:
        obstore.put(self.store, name, data)


def an_azure_place(prefix: str, *, by_sas: bool = False) -> ToPlace:
    """A container on the server that stands for Azure Blob Storage."""
    url = address("azure")
    azure.make_container(url, CONTAINER)
    endpoint = Endpoint.of(url)
    base = f"{endpoint.url}/{endpoint.key}"
    settings = {
        "connectionString": f"BlobEndpoint={base};AccountName={endpoint.key};"
        f"AccountKey={endpoint.secret}",
        "blobContainerName": CONTAINER,
    }
    if by_sas:
        settings = {"blobContainerUri": f"{base}/{CONTAINER}?{a_sas(endpoint, 'racwl')}"}
    store = AzureStore(
        CONTAINER,
        prefix=prefix or None,
        config={
            "account_name": endpoint.key,
            "account_key": endpoint.secret,
            "endpoint": base,
        },
        client_options={"allow_http": True},
    )
    told = {"type": "azureblob", "settings": {**settings, "prefix": prefix}}
    return ToPlace(told, base, store)


def a_sas(endpoint: Endpoint, permissions: str, hours: int = 1) -> str:
    """A shared access signature of the container, after Azure's "Create a service SAS"."""
    expiry = (dt.datetime.now(dt.UTC) + dt.timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")
    resource = f"/blob/{endpoint.key}/{CONTAINER}"
    parts = [permissions, "", expiry, resource, "", "", "", _VERSION, "c", *[""] * 7]
    key = base64.b64decode(endpoint.secret)
    signature = base64.b64encode(hmac.digest(key, "\n".join(parts).encode(), "sha256")).decode()
    told = {"sv": _VERSION, "se": expiry, "sr": "c", "sp": permissions, "sig": signature}
    return urlencode(told, quote_via=quote)


def an_s3_place(prefix: str) -> ToPlace:
    url = address("s3")
    s3.make_bucket(url, CONTAINER)
    endpoint = Endpoint.of(url)
    settings = {
        "bucket": CONTAINER,
        "endpoint": endpoint.url,
        "region": "us-east-1",
        "accessKeyId": endpoint.key,
        "secretAccessKey": endpoint.secret,
        "prefix": prefix,
    }
    store = S3Store(
        CONTAINER,
        prefix=prefix,
        config={
            "endpoint": endpoint.url,
            "region": "us-east-1",
            "access_key_id": endpoint.key,
            "secret_access_key": endpoint.secret,
            "virtual_hosted_style_request": False,
        },
        client_options={"allow_http": True},
    )
    return ToPlace({"type": "s3", "settings": settings}, f"{endpoint.url}/{CONTAINER}", store)


def a_gcs_place(prefix: str) -> ToPlace:
    url = address("gcs")
    gcs.make_bucket(url, CONTAINER)
    settings = {"bucket": CONTAINER, "endpoint": url, "anonymous": True, "prefix": prefix}
    nobody = {
        "disable_oauth": True,
        "client_email": "",
        "private_key": "",
        "private_key_id": "",
    }
    store = GCSStore(
        CONTAINER,
        prefix=prefix,
        config={"base_url": url, "service_account_key": json.dumps(nobody)},
        client_options={"allow_http": True},
    )
    return ToPlace({"type": "gcs", "settings": settings}, f"{url}/{CONTAINER}", store)


def ended(client: httpx.Client, href: str, seconds: float = 30) -> dict[str, Any]:
    """The operation, as soon as it has ended."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        answer = client.get(href)
        if answer.status_code == 200:
            told: dict[str, Any] = answer.json()
            return told
        assert answer.status_code == 202, answer.text
        time.sleep(0.02)
    raise AssertionError(answer.text)
