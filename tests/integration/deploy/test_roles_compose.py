"""deploy/roles: files that fit together, and settings that each role takes."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from hilum.bootstrap.roles import lonely_role
from hilum.domain.roles import DIVIDED, Role
from hilum.settings import Loaded, exposure_problems, load

FOLDER = Path(__file__).parents[3] / "deploy" / "roles"
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())
_VARIABLE = re.compile(r"(?<!\$)\$\{(?P<name>\w+)(:\?[^}]*)?\}")


def service(role: Role) -> Mapping[str, Any]:
    found: Mapping[str, Any] = COMPOSE["services"][role.value]
    return found


def settings_of(role: Role) -> Loaded:
    """As the container would read them."""
    given = {
        name: _VARIABLE.sub("s3cret", value) for name, value in service(role)["environment"].items()
    }
    names = [each["source"] for each in service(role).get("configs", [])]
    files = [FOLDER / COMPOSE["configs"][name]["file"] for name in names]
    return load({}, files[0] if files else None, {"HILUM_CONFIG": "", **given})


@pytest.mark.parametrize("role", DIVIDED, ids=str)
def test_every_role_takes_its_settings_and_would_start(
    role: Role, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = settings_of(role)

    assert found.role is role
    assert not found.notes, "no key without effect in an example"
    assert not exposure_problems(found.settings)
    assert lonely_role(role, found.settings) is None
    assert found.settings.http.host == "0.0.0.0"
    port = found.settings.http.port
    assert f":{port}/ready" in str(service(role)["healthcheck"]["test"])
    for published in service(role).get("ports", []):
        assert published == f"127.0.0.1:{port}:{port}", "loopback only"


def test_all_share_one_folder_one_database_and_one_bus() -> None:
    shared = [
        (
            each["volumes"],
            each["environment"]["HILUM_DATABASE__URL"],
            each["environment"]["REDIS_URL"],
            each["depends_on"],
        )
        for each in map(service, DIVIDED)
    ]

    assert all(each == shared[0] for each in shared)
    assert set(COMPOSE["services"]) == {*DIVIDED, "redis", "postgres"}
    assert all("healthcheck" in each for each in COMPOSE["services"].values())
    assert all(each["restart"] == "unless-stopped" for each in COMPOSE["services"].values())


def test_the_validator_refuses_what_lacks_a_required_attribute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    validation = settings_of(Role.VALIDATOR).settings.validation

    (rule,) = validation.rules
    assert rule.depth is not None
    assert "PatientID" in validation.profiles[rule.depth].require


def test_every_variable_is_explained_and_has_no_password() -> None:
    lines = (FOLDER / "env.example").read_text().splitlines()
    example = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    named = {found["name"] for found in _VARIABLE.finditer((FOLDER / "compose.yaml").read_text())}

    assert named == set(example)
    assert not any(example.values())
