from pathlib import Path

import pytest

from hilum.settings import SettingsRejected, load, load_settings, parse_storage_url


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("s3://archive", ("s3", "archive", "")),
        ("s3://archive/", ("s3", "archive", "")),
        ("gs://my.bucket-1/a/b_c", ("gs", "my.bucket-1", "a/b_c")),
        ("az://container/prefix/", ("az", "container", "prefix")),
    ],
)
def test_a_storage_url_names_scheme_bucket_and_prefix(
    url: str, parts: tuple[str, str, str]
) -> None:
    settings = load_settings(environment={"HILUM_STORAGE__URL": url})

    assert parse_storage_url(settings.storage.url) == parts


@pytest.mark.parametrize(
    "url",
    [
        "http://archive",
        "s3://",
        "s3:///prefix",
        "s3://key:hunter22@archive/prefix",
        "s3://archive/../other",
        "s3://archive/./x",
        "s3://archive//x",
        "s3://archive/a?versionId=hunter22",
        "s3://archive/a b",
        "/var/lib/hilum",
    ],
)
def test_another_url_is_refused_without_telling_it(url: str) -> None:
    with pytest.raises(SettingsRejected) as refused:
        load_settings(environment={"HILUM_STORAGE__URL": url})

    assert "storage.url" in str(refused.value)
    assert "s3://bucket/prefix" in str(refused.value)
    assert "hunter22" not in str(refused.value)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HILUM_STORAGE__S3__ENDPOINT", "127.0.0.1:9000"),
        ("HILUM_STORAGE__S3__ENDPOINT", "https://key:hunter22@s3.example.org"),
        ("HILUM_STORAGE__S3__ACCESS_KEY_ID", "AKIA"),
        ("HILUM_STORAGE__S3__SECRET_ACCESS_KEY_FILE", "/run/secret"),
        ("HILUM_STORAGE__REMOTE__PART_BYTES", "1 MiB"),
        ("HILUM_STORAGE__REMOTE__CHUNKS_AHEAD", "0"),
    ],
)
def test_what_cannot_work_is_refused(variable: str, value: str) -> None:
    with pytest.raises(SettingsRejected) as refused:
        load_settings(environment={variable: value})

    assert "storage." in str(refused.value)
    assert "hunter22" not in str(refused.value)


def test_only_one_secret_can_be_chosen() -> None:
    for pair in (
        {"AZURE__ACCOUNT_KEY_FILE": "/a", "AZURE__SAS_FILE": "/b"},
        {
            "S3__ACCESS_KEY_ID": "AKIA",
            "S3__SECRET_ACCESS_KEY_FILE": "/a",
            "S3__CREDENTIALS_FILE": "/b",
        },
    ):
        with pytest.raises(SettingsRejected, match="only one of"):
            load_settings(
                environment={f"HILUM_STORAGE__{name}": value for name, value in pair.items()}
            )


def test_the_middlewares_variables_choose_its_bucket() -> None:
    environment = {
        "STORAGE_BACKEND": "gcs",
        "GCS_BUCKET": "dicom-studies",
        "GCS_PROJECT": "hospital",
        "GCS_UPLOAD_TIMEOUT_SECONDS": "120",
    }

    loaded = load(environment=environment)

    assert loaded.settings.storage.url == "gs://dicom-studies"
    assert loaded.settings.storage.remote.request_seconds == 120
    assert loaded.source("storage.url") == "GCS_BUCKET"


def test_the_middlewares_variables_choose_its_folder() -> None:
    loaded = load(environment={"STORAGE_BACKEND": "local", "STORAGE_PATH": "/data/dicom"})

    assert loaded.settings.data_dir == Path("/data/dicom")
    assert loaded.settings.storage.url == ""


def test_our_own_settings_win_over_the_middlewares_variables() -> None:
    settings = load_settings(
        environment={
            "STORAGE_BACKEND": "gcs",
            "GCS_BUCKET": "theirs",
            "HILUM_STORAGE__URL": "s3://ours",
        }
    )

    assert settings.storage.url == "s3://ours"


def test_the_middlewares_variables_mean_nothing_without_its_words() -> None:
    for backend in ({}, {"STORAGE_BACKEND": "redis"}):
        environment = {"GCS_BUCKET": "b", "STORAGE_PATH": "/x", **backend}

        assert load(environment=environment).sources == {}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, "GCS_BUCKET: is needed"),
        ({"GCS_BUCKET": "../up"}, r"storage.url \(from GCS_BUCKET\)"),
        ({"GCS_BUCKET": "b-1", "GCS_UPLOAD_TIMEOUT_SECONDS": "4"}, "from 5 to 300"),
        ({"GCS_BUCKET": "b-1", "GCS_UPLOAD_TIMEOUT_SECONDS": "soon"}, "from 5 to 300"),
    ],
)
def test_the_middlewares_variables_are_checked_as_it_checks_them(
    more: dict[str, str], words: str
) -> None:
    with pytest.raises(SettingsRejected, match=words):
        load_settings(environment={"STORAGE_BACKEND": "gcs", **more})
