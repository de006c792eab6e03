"""The environment of the Orthanc middleware, as `hilum serve --role middleware` reads it."""

from pathlib import Path

import pytest

from hilum.domain.roles import Role
from hilum.settings import Settings, SettingsRejected, load
from hilum.settings.sinks import KafkaSinkSettings

SEED = {
    "ORTHANC_URL": "http://orthanc:8042",
    "ORTHANC_USERNAME": "hilum",
    "ORTHANC_PASSWORD": "secret-word",
    "KAFKA_BOOTSTRAP_SERVERS": "one:9092, two:9092",
    "KAFKA_TOPIC": "metadata",
    "KAFKA_DLQ_TOPIC": "letters",
    "DATABASE_URL": "postgresql+asyncpg://user@db:5432/dicom",
    "STORAGE_PATH": "/data/dicom",
    "LOG_LEVEL": "WARNING",
}


def read(**environment: str) -> Settings:
    return load(environment=environment, role=Role.MIDDLEWARE).settings


def test_every_name_is_a_setting_of_ours() -> None:
    settings = read(**SEED)

    source = settings.orthanc.sources["orthanc"]
    assert (source.url, source.username) == ("http://orthanc:8042", "hilum")
    assert source.password is not None
    assert source.password.get_secret_value() == "secret-word"
    sink = settings.sinks["middleware"]
    assert isinstance(sink, KafkaSinkSettings)
    assert sink.url.get_secret_value() == "kafka://one:9092,two:9092"
    assert sink.topics == {"dicom.metadata.v1": "metadata", "dicom.metadata.dlq": "letters"}
    (follower,) = settings.delivery.subscriptions
    assert follower.sink == "middleware"
    assert follower.types == ("dicom.metadata.v1", "dicom.metadata.dlq")
    assert settings.database.url.get_secret_value() == "postgresql://user@db:5432/dicom"
    assert settings.data_dir == Path("/data/dicom")
    assert settings.logging.level == "warning"
    assert settings.dimse.port == 0


def test_without_the_role_the_names_mean_nothing() -> None:
    settings = load(environment={"ORTHANC_URL": "http://orthanc", "LOG_LEVEL": "ERROR"}).settings

    assert settings == Settings()


@pytest.mark.parametrize("role", ["middleware", " Middleware "])
def test_the_role_may_be_said_once_for_all_commands(role: str) -> None:
    told = load(environment={**SEED, "HILUM_ROLE": role}).settings

    assert told == read(**SEED)


@pytest.mark.parametrize("role", ["", "all"])
def test_another_role_leaves_the_names_alone(role: str) -> None:
    assert load(environment={**SEED, "HILUM_ROLE": role}).settings == Settings()


def test_the_command_line_names_the_role_before_the_environment() -> None:
    settings = load(environment={**SEED, "HILUM_ROLE": "middleware"}, role=Role.ALL).settings

    assert settings == Settings()


def test_a_role_that_there_is_not_is_refused() -> None:
    with pytest.raises(SettingsRejected, match="HILUM_ROLE: should be all or middleware"):
        load(environment={"HILUM_ROLE": "midleware"})


def test_health_says_the_words_of_the_middleware() -> None:
    assert read().telemetry.health_status == "ok"
    assert Settings().telemetry.health_status == "healthy"


def test_our_own_names_win() -> None:
    settings = read(**SEED, HILUM_LOGGING__LEVEL="debug", HILUM_DIMSE__PORT="11112")

    assert settings.logging.level == "debug"
    assert settings.dimse.port == 11112


def test_a_bucket_is_named_by_its_backend() -> None:
    assert read(STORAGE_BACKEND="gcs", GCS_BUCKET="dicom-raw").storage.url == "gs://dicom-raw"


@pytest.mark.parametrize(
    ("environment", "problem"),
    [
        ({"STORAGE_BACKEND": "gcs"}, "GCS_BUCKET"),
        ({"STORAGE_BACKEND": "tape"}, "STORAGE_BACKEND: should be local or gcs"),
        ({"ORTHANC_PASSWORD": "secret-word"}, "need ORTHANC_URL"),
        ({"KAFKA_TOPIC": "t"}, "need KAFKA_BOOTSTRAP_SERVERS"),
        ({"ORTHANC_URL": "orthanc:8042"}, "http://orthanc:8042"),
        ({"ORTHANC_URL": "http://user:secret-word@orthanc"}, "should not hold credentials"),
        ({"LOG_LEVEL": "loud"}, "logging.level"),
    ],
)
def test_what_cannot_be_meant_is_told_without_its_value(
    environment: dict[str, str], problem: str
) -> None:
    with pytest.raises(SettingsRejected, match=problem) as caught:
        read(**environment)

    assert "secret-word" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ({"url": "ftp://orthanc"}, "should be an address"),
        ({"url": "http://orthanc?x=1"}, "should end with the root"),
        ({"url": "http://orthanc", "password_file": "f"}, "a password needs username"),
        (
            {"url": "http://o", "username": "u", "password": "p", "password_file": "f"},
            "give one of",
        ),
        ({"url": "https://orthanc", "tls_key_file": "k"}, "needs tls_certificate_file"),
        ({"url": "http://orthanc", "parallel_fetches": 0}, "parallel_fetches"),
        ({}, "url"),
    ],
)
def test_a_source_that_cannot_work_is_refused(source: dict[str, object], problem: str) -> None:
    with pytest.raises(SettingsRejected, match=problem):
        load({"orthanc.sources": {"main": source}}, environment={})
