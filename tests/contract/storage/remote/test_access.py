"""Who the client is at the store: from settings, files and the environment."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from hilum.adapters.storage.remote.credentials import azure_provider, s3_provider
from hilum.adapters.storage.remote.options import (
    Access,
    AzureAccess,
    GcsAccess,
    Location,
    RemoteLimits,
    S3Access,
)
from hilum.adapters.storage.remote.stores import make_store
from hilum.domain.errors import ArchiveUnavailable
from hilum.domain.instances import InMemory
from tests.buckets import a_gcs_bucket
from tests.contract.storage.keys import a_key

_S3, _GS, _AZ = Location("s3", "bucket"), Location("gs", "bucket"), Location("az", "container")


def _made(location: Location, access: Access, **environment: str) -> object:
    return make_store(location, access, RemoteLimits(), environment).store


def test_a_secret_in_a_file_is_read_again_when_it_was_rotated(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("first\n")
    provider = s3_provider(S3Access(access_key_id="AKIA", secret_access_key_file=secret), {})
    assert provider is not None

    before = provider()
    secret.write_text("second\n")
    after = provider()

    assert (before["secret_access_key"], after["secret_access_key"]) == ("first", "second")
    assert after["access_key_id"] == "AKIA"
    assert after["expires_at"] is not None


@pytest.mark.parametrize("named_by", ["setting", "environment"])
def test_a_credentials_file_has_profiles(tmp_path: Path, named_by: str) -> None:
    file = tmp_path / "credentials"
    file.write_text(
        "[default]\naws_access_key_id = A\naws_secret_access_key = a\n"
        "[archive]\naws_access_key_id = B\naws_secret_access_key = b%c\naws_session_token = t\n"
    )
    access, environment = S3Access(), {"AWS_SHARED_CREDENTIALS_FILE": str(file)}
    if named_by == "setting":
        access, environment = S3Access(credentials_file=file), {}

    usual = s3_provider(access, environment)
    archive = s3_provider(access, environment | {"AWS_PROFILE": "archive"})

    assert usual is not None
    assert archive is not None
    assert usual()["access_key_id"] == "A"
    assert archive()["secret_access_key"] == "b%c"
    assert archive()["token"] == "t"


def test_a_key_in_the_environment_is_left_to_the_client(tmp_path: Path) -> None:
    environment = {"AWS_ACCESS_KEY_ID": "A", "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none")}

    assert s3_provider(S3Access(), environment) is None
    assert s3_provider(S3Access(), {}) is None


def test_azure_takes_a_key_or_a_signature_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("?sv=2021&sig=abc\n")

    signature, key = (
        azure_provider(AzureAccess(sas_file=file)),
        azure_provider(AzureAccess(account_key_file=file)),
    )

    assert signature is not None
    assert key is not None
    assert dict(signature())["sas_token"] == "sv=2021&sig=abc"
    assert dict(key())["access_key"] == "?sv=2021&sig=abc"


@pytest.mark.parametrize("text", ["", "two\nlines\n", None])
def test_a_secret_file_that_holds_no_secret_stops_the_start(
    tmp_path: Path, text: str | None
) -> None:
    file = tmp_path / "secret"
    if text is not None:
        file.write_text(text)

    with pytest.raises(ArchiveUnavailable, match="secret") as error:
        _made(_S3, S3Access(access_key_id="AKIA", secret_access_key_file=file))

    assert "lines" not in str(error.value)


def test_a_credentials_file_without_the_profile_stops_the_start(tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    file.write_text("[default]\naws_access_key_id = A\naws_secret_access_key = hunter22\n")

    for profile in ("absent", "default\n"):
        with pytest.raises(ArchiveUnavailable, match="profile") as error:
            _made(_S3, S3Access(credentials_file=file, profile=profile))
        assert "hunter22" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "words"), [(None, "cannot be read"), ("{}", "is no key"), ("hunter22", "is no key")]
)
@pytest.mark.parametrize("named_by", ["setting", "environment"])
def test_a_google_key_file_that_is_none_stops_the_start(
    tmp_path: Path, text: str | None, words: str, named_by: str
) -> None:
    file = tmp_path / "key.json"
    if text is not None:
        file.write_text(text)
    environment = {"GOOGLE_APPLICATION_CREDENTIALS": str(file)}
    access = GcsAccess(key_file=file) if named_by == "setting" else GcsAccess()

    with pytest.raises(ArchiveUnavailable, match=words) as error:
        _made(_GS, access, **({} if named_by == "setting" else environment))

    assert "hunter22" not in str(error.value)


async def test_the_google_key_file_of_the_environment_is_used_gcs(tmp_path: Path) -> None:
    """The server asks nobody; without the file the client would ask Google for a token."""
    bucket = a_gcs_bucket(tmp_path)
    file = tmp_path / "key.json"
    key = {"client_email": "e", "private_key": _private_key(), "private_key_id": "i"}
    file.write_text(json.dumps({"type": "service_account", "disable_oauth": True, **key}))
    named = replace(
        bucket,
        access=replace(bucket.access, anonymous=False),
        environment={"GOOGLE_APPLICATION_CREDENTIALS": str(file)},
    )

    async with named.objects() as objects:
        await objects.put_once(a_key(), InMemory(b"as whom the file says"))
        held = await objects.read(a_key(), 0, 100)

    assert held == b"as whom the file says"


def _private_key() -> str:
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.PKCS8
    return made.private_bytes(
        serialization.Encoding.PEM, form, serialization.NoEncryption()
    ).decode()


def test_a_google_key_file_whose_key_is_none_stops_the_start(tmp_path: Path) -> None:
    file = tmp_path / "key.json"
    key = {"client_email": "e", "private_key": "hunter22", "private_key_id": "i"}
    file.write_text(json.dumps({"type": "service_account", **key}))

    with pytest.raises(ArchiveUnavailable, match="credentials cannot be used") as error:
        _made(_GS, GcsAccess(), GOOGLE_APPLICATION_CREDENTIALS=str(file))

    assert "hunter22" not in str(error.value)


def test_azure_asks_for_its_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)

    with pytest.raises(ArchiveUnavailable, match=r"storage\.azure\.account"):
        _made(_AZ, AzureAccess())


def test_an_authority_that_is_no_certificate_stops_the_start(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    limits = RemoteLimits(ca_file=file)

    with pytest.raises(ArchiveUnavailable, match="cannot be read"):
        make_store(_S3, S3Access(), limits, {})


@pytest.mark.parametrize(
    ("access", "environment", "endpoint", "by_host"),
    [
        (S3Access(), {}, None, True),
        (S3Access(addressing="path"), {}, None, False),
        (S3Access(endpoint="http://s3:9000"), {}, "http://s3:9000", False),
        (S3Access(), {"AWS_ENDPOINT_URL": "http://s3:9000"}, "http://s3:9000", False),
        (
            S3Access(endpoint="https://s3.example.org", addressing="host"),
            {},
            "https://bucket.s3.example.org",
            True,
        ),
    ],
)
def test_requests_name_the_bucket_in_the_path_or_the_host(
    access: S3Access, environment: dict[str, str], endpoint: str | None, *, by_host: bool
) -> None:
    store = make_store(_S3, access, RemoteLimits(), environment).store

    config = {str(key): str(value) for key, value in dict(store.config).items()}
    assert config.get("endpoint", config.get("aws_endpoint")) == endpoint
    assert by_host is any("virtual" in key and value == "true" for key, value in config.items())


def test_only_an_http_endpoint_allows_http() -> None:
    for endpoint, allowed in (("http://s3:9000", True), ("https://s3.example.org", False)):
        store = make_store(_S3, S3Access(endpoint=endpoint), RemoteLimits(), {}).store

        options = {str(key): str(value) for key, value in dict(store.client_options or {}).items()}
        assert options["allow_http"].lower() == str(allowed).lower()
