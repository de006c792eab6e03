"""The keys and variables of a validator in four services: each has an effect, or is told."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hilum.domain.roles import DIVIDED, Role
from hilum.settings import Loaded, SettingsRejected, load

GATEWAY: dict[str, Any] = {
    "service": {"name": "front-door", "port": 9000, "host": "127.0.0.2"},
    "services": {
        "validator": {"url": "http://validator:8001", "timeout": 30},
        "descriptor": {"url": "http://descriptor:8002", "timeout": 60},
    },
    "upload": {
        "max_file_size": 1000,
        "allowed_extensions": [".dcm", "dicom"],
        "temp_path": "/tmp/uploads",
    },
    "logging": {"level": "WARNING", "file": "gateway.log"},
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(
    folder: Path,
    table: object,
    role: Role = Role.GATEWAY,
    environment: Mapping[str, str] | None = None,
    **given: object,
) -> Loaded:
    file = folder / "config.json"
    file.write_text(table if isinstance(table, str) else json.dumps(table))
    return load(given, file, environment or {}, role=role)


def problems(folder: Path, table: object, role: Role = Role.VALIDATOR) -> str:
    with pytest.raises(SettingsRejected) as caught:
        read(folder, table, role)
    return str(caught.value)


@pytest.mark.parametrize(
    ("role", "port"), [*zip(DIVIDED, (8000, 8001, 8002, 8003), strict=True)], ids=str
)
def test_each_role_has_a_port_of_its_own_and_no_dimse(role: Role, port: int) -> None:
    settings = load(environment={}, role=role).settings

    assert (settings.http.port, settings.dimse.port) == (port, 0)
    assert settings.ingest.keeper_process is (role is Role.DESCRIPTOR)
    assert load({"http.port": 9999}, environment={}, role=role).settings.http.port == 9999
    assert load(environment={"HILUM_ROLE": role}).role is role


def test_the_keys_of_a_gateway_are_settings_and_those_without_effect_are_told(
    folder: Path,
) -> None:
    found = read(folder, GATEWAY)

    settings = found.settings
    assert settings.telemetry.service_name == "front-door"
    assert (settings.http.host, settings.http.port) == ("127.0.0.2", 9000)
    assert settings.upload.file_bytes == 1000
    assert settings.upload.allowed_extensions == (".dcm", ".dicom")
    assert settings.upload.folder == Path("/tmp/uploads")
    assert settings.logging.level == "warning"
    told = "\n".join(found.notes)
    for key in ("services.validator.url", "services.descriptor.timeout", "logging.file"):
        assert f"{key} has no effect: " in told


def test_required_tags_refuse_uploads_in_which_they_are_absent(folder: Path) -> None:
    tags = {"patient_id": "(0010,0020)", "study_instance_uid": True, "StudyDate": "required",
            "modality": {"tag": "00080060"}, "accession_number": False}  # fmt: skip
    rules = {"check_integrity": True, "max_file_size": 5}
    found = read(
        folder, {"validation": {"required_tags": tags, "validation_rules": rules}}, Role.VALIDATOR
    )

    validation = found.settings.validation
    (rule,) = validation.rules
    assert (rule.door, rule.depth, rule.decode) == ("upload", "config", True)
    assert validation.profiles["config"].require == (
        "(0010,0020)", "StudyInstanceUID", "StudyDate", "(0008,0060)"
    )  # fmt: skip
    assert "max_file_size has no effect" in found.notes[0]
    listed = read(folder, {"validation": {"required_tags": ["patientid", "patient_name"]}})
    assert problems(folder, {"validation": {"required_tags": ["patient_hat"]}}).count("names no")
    assert listed.settings.validation.profiles["config"].require == ("PatientID", "PatientName")


def test_tag_mappings_and_paths_of_a_descriptor_are_those_of_the_archive_view(
    folder: Path,
) -> None:
    mappings = {"patient_info": {"issuer": "IssuerOfPatientID"}, "kvp": ""}
    table = {
        "storage": {"studies_path": str(folder / "studies"), "create_directories": True},
        "metadata": {"tag_mappings": mappings},
    }
    view = read(folder, table, Role.DESCRIPTOR).settings.archive_view

    assert view.folder == folder / "studies"
    assert view.fields == {"patient_info.issuer": "IssuerOfPatientID", "kvp": ""}
    table["storage"]["create_directories"] = False
    assert "make the folder" in problems(folder, table, Role.DESCRIPTOR)


def test_what_cannot_be_meant_is_refused_with_the_key(folder: Path) -> None:
    assert "there is no upload.max_size" in problems(folder, {"upload": {"max_size": 1}})
    assert "is not JSON" in problems(folder, "{")
    assert "should be a JSON object" in problems(folder, "[]")
    assert "required_tags: should be a table" in problems(
        folder, {"validation": {"required_tags": 7}}
    )
    assert "check_integrity: should be true or false" in problems(
        folder, {"validation": {"validation_rules": {"check_integrity": "yes"}}}
    )
    assert "upload.file_bytes (from " in problems(folder, {"upload": {"max_file_size": "huge"}})
    assert "--role" in problems(folder, GATEWAY, Role.ALL)


def test_the_environment_wins_over_the_file_and_our_own_names_over_both(folder: Path) -> None:
    environment = {
        "SERVICE_NAME": "gate", "HOST": "127.0.0.1", "PORT": "7000", "LOG_LEVEL": "CRITICAL",
        "UPLOADS_PATH": "/u", "ARCHIVE_PATH": "/a", "MAX_FILE_SIZE": "77",
        "REDIS_URL": "redis://127.0.0.1:6379/0", "STATUS_SERVICE_URL": "http://status:8003",
        "HILUM_UPLOAD__FILE_BYTES": "99",
    }  # fmt: skip
    found = read(folder, GATEWAY, environment=environment)

    settings = found.settings
    assert (settings.telemetry.service_name, settings.http.port) == ("gate", 7000)
    assert (settings.upload.folder, settings.archive_view.folder) == (Path("/u"), Path("/a"))
    assert settings.upload.file_bytes == 99
    assert settings.bus.url.get_secret_value() == "redis://127.0.0.1:6379/0"
    assert settings.logging.level == "error"
    assert any(note.startswith("STATUS_SERVICE_URL has no effect") for note in found.notes)
    whole = load(environment=environment, role=Role.ALL).settings
    assert (whole.http.port, whole.bus.url.get_secret_value()) == (8080, "memory://")


def test_settings_of_ours_may_stand_in_the_same_file(folder: Path) -> None:
    table = {"hilum": {"data_dir": "/data", "bus": {"partitions": 3}}, "service": {"port": 1}}
    found = read(folder, table)

    assert (found.settings.data_dir, found.settings.bus.partitions) == (Path("/data"), 3)
    assert "there is no setting data_dri" in problems(folder, {"hilum": {"data_dri": "/data"}})
