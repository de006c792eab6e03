"""Places of transfers as requests name them."""

from typing import Any

import pytest

from hilum.domain.errors import MalformedBody
from hilum.domain.transfers import PlaceKind, TransferPlace, place_of_document
from hilum.wire.azure_json import Fields
from hilum.wire.connection_strings import parse_connection_string
from hilum.wire.transfer_places import Secrets, read_place

SAS = "sv=2022-11-02&sig=a%2Bb%3D"


def _read(kind: str, **settings: Any) -> tuple[TransferPlace, Secrets]:
    return read_place(Fields({"type": kind, "settings": settings}), "destination")


@pytest.mark.parametrize(
    ("kind", "settings", "place", "secrets"),
    [
        (
            "AzureBlob",
            {"blobContainerUri": f"https://Account.blob.core.windows.net:443/con/?{SAS}"},
            TransferPlace(PlaceKind.AZURE_BLOB, "https://account.blob.core.windows.net/con"),
            {"sas": SAS},
        ),
        (
            "azureblob",
            {"BlobContainerUri": "http://127.0.0.1:10000/account/con", "useManagedIdentity": True},
            TransferPlace(
                PlaceKind.AZURE_BLOB, "http://127.0.0.1:10000/account/con", own_identity=True
            ),
            {},
        ),
        (
            "azureblob",
            {
                "connectionString": "DefaultEndpointsProtocol=https;AccountName=acc;"
                "AccountKey=a2V5==;EndpointSuffix=core.windows.net",
                "blobContainerName": "con",
                "prefix": "/a/b/",
            },
            TransferPlace(PlaceKind.AZURE_BLOB, "https://acc.blob.core.windows.net/con", "a/b"),
            {"account_key": "a2V5=="},
        ),
        (
            "s3",
            {"bucket": "bucket", "region": "eu-1", "accessKeyId": "k", "secretAccessKey": "s"},
            TransferPlace(PlaceKind.S3, "s3://bucket", region="eu-1"),
            {"access_key_id": "k", "secret_access_key": "s"},
        ),
        (
            "s3",
            {"bucket": "bucket", "endpoint": "http://[::1]:9000/", "useManagedIdentity": True},
            TransferPlace(PlaceKind.S3, "http://[::1]:9000/bucket", own_identity=True),
            {},
        ),
        (
            "gcs",
            {"bucket": "bucket", "serviceAccountKey": {"type": "service_account"}},
            TransferPlace(PlaceKind.GCS, "gs://bucket"),
            {"service_account_key": '{"type":"service_account"}'},
        ),
        ("folder", {"path": "/a/b"}, TransferPlace(PlaceKind.FOLDER, "/a/b"), {}),
    ],
)
def test_an_address_is_read_apart_from_its_credentials(
    kind: str, settings: dict[str, Any], place: TransferPlace, secrets: Secrets
) -> None:
    assert _read(kind, **settings) == (place, secrets)
    assert place_of_document(place.document()) == place


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("azureblob", {"blobContainerUri": "https://account.blob.core.windows.net/?sig=x"}),
        ("azureblob", {"blobContainerUri": "https://account.blob.core.windows.net/a/b?sig=x"}),
        ("azureblob", {"blobContainerUri": "https://u:p@account.blob.core.windows.net/con?sig=x"}),
        ("azureblob", {"blobContainerUri": "ftp://account.blob.core.windows.net/con?sig=x"}),
        ("azureblob", {"blobContainerUri": "https://account.blob.core.windows.net/%2e%2e?sig=x"}),
        ("azureblob", {"blobContainerUri": "https://host:port/a/con?sig=x"}),
        ("azureblob", {"connectionString": "AccountName=a", "blobContainerName": "con"}),
        ("azureblob", {"connectionString": "AccountKey=a", "blobContainerName": "con"}),
        ("azureblob", {"blobContainerUri": 1}),
        # Clients of buckets take a backslash for a slash, and one number for an address.
        ("azureblob", {"blobContainerUri": r"https://2130706433\.blob.core.windows.net/con?sig=x"}),
        ("azureblob", {"blobContainerUri": "https://a b.blob.core.windows.net/con?sig=x"}),
        ("azureblob", {"blobContainerUri": "https://evil\u3002.blob.core.windows.net/con?sig=x"}),
        ("azureblob", {"blobContainerUri": "https://a.blob.core.windows.net/con?sig=x\n"}),
        ("azureblob", {"blobContainerUri": "https://a.blob.core.windows.net/con?sig=x#y"}),
        ("s3", {"bucket": "bucket"}),
        ("s3", {"bucket": "../etc", "useManagedIdentity": True}),
        ("s3", {"bucket": "bucket", "accessKeyId": "a"}),
        ("s3", {"bucket": "bucket", "useManagedIdentity": True, "region": "x.evil.org/"}),
        ("s3", {"bucket": "bucket", "useManagedIdentity": True, "endpoint": "http://h/?a=b"}),
        ("s3", {"bucket": "bucket", "useManagedIdentity": True, "prefix": "a/../b"}),
        ("s3", {"bucket": "bucket", "useManagedIdentity": True, "endpoint": r"http://h/a\..\b"}),
        ("s3", {"bucket": "bucket", "useManagedIdentity": True, "prefix": "a/" * 1024}),
        ("gcs", {"bucket": "bucket"}),
        ("folder", {"path": "relative"}),
        ("folder", {"path": "/a" * 4096}),
        ("folder", {"path": "/a/../b"}),
        ("folder", {}),
        ("ftp", {}),
    ],
)
def test_what_names_no_place_is_refused(kind: str, settings: dict[str, Any]) -> None:
    with pytest.raises(MalformedBody, match=r"destination|connection string|settings"):
        _read(kind, **settings)


@pytest.mark.parametrize(
    ("text", "endpoint", "secrets"),
    [
        (
            "UseDevelopmentStorage=true",
            "http://127.0.0.1:10000/devstoreaccount1",
            {"account_key"},
        ),
        (
            "BlobEndpoint=https://acc.blob.core.windows.net/;SharedAccessSignature=?sv=1&sig=x%3D;",
            "https://acc.blob.core.windows.net",
            {"sas"},
        ),
        ("accountname=acc;accountkey=eA==", "https://acc.blob.core.windows.net", {"account_key"}),
    ],
)
def test_connection_strings_name_an_address_and_a_secret(
    text: str, endpoint: str, secrets: set[str]
) -> None:
    found, given = parse_connection_string(text)

    assert (found, set(given)) == (endpoint, secrets)
    assert not any(value.startswith("?") for value in given.values())
