"""Files of roles and accounts, as the Azure DICOM service has them."""

import json
from pathlib import Path

import pytest

from hilum.access.principals import AccessScope
from hilum.bootstrap.identity import known_roles
from hilum.settings import SettingsRejected, load_settings
from hilum.settings.role_files import read_accounts, read_roles

ROLES = {
    "$schema": "../roles.schema.json",
    "roles": [
        {"name": "globalReader", "dataActions": ["read"], "notDataActions": [], "scopes": ["/"]},
        {"name": "keeper", "dataActions": ["*"], "notDataActions": ["delete"], "scopes": ["/"]},
    ],
}


def a_file(tmp_path: Path, content: object) -> Path:
    path = tmp_path / "file.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_roles_of_a_file_and_of_the_settings_are_known_beside_those_built_in(
    tmp_path: Path,
) -> None:
    path = a_file(tmp_path, ROLES)
    replacing = [{"name": "globalReader", "data_actions": ["export"]}]
    settings = load_settings(
        {"security.roles_file": path, "security.roles": replacing}, environment={}
    )

    roles = known_roles(settings)

    assert set(roles.names) == {"globalReader", "globalAdmin", "keeper"}
    assert roles.scopes(["globalReader"]) == {AccessScope.EXPORT}, "the settings win"
    assert roles.scopes(["keeper"]) == set(AccessScope) - {
        AccessScope.DELETE,
        AccessScope.EVERYTHING,
    }


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not JSON at line 1"),
        ([], "valid dictionary"),
        ({}, "roles: Field required"),
        ({"roles": [{"name": "a", "dataActions": ["raed"]}]}, "roles[0].dataActions[0]"),
        ({"roles": [{"name": "a", "dataActions": ["read"], "scopes": ["/x"]}]}, "scopes[0]"),
        ({"roles": [{"name": "a", "dataActions": ["read"], "dataAction": []}]}, "dataAction"),
        ({"roles": [{"name": "a", "dataActions": []}] * 2}, "a twice"),
    ],
)
def test_what_is_wrong_in_a_file_of_roles_is_told_with_its_place(
    tmp_path: Path, content: object, words: str
) -> None:
    path = a_file(tmp_path, content)

    with pytest.raises(SettingsRejected) as rejected:
        read_roles(path)

    problem, *_ = rejected.value.problems
    assert problem.startswith(f"security.roles_file: {path}")
    assert words in problem


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsRejected, match="No such file"):
        read_roles(tmp_path / "none.json")


def test_accounts_are_read_and_their_secrets_not_shown(tmp_path: Path) -> None:
    path = a_file(
        tmp_path,
        {
            "clientApplications": [{"id": "app", "secret": "s3cret-of-app", "roles": ["a"]}],
            "users": [{"id": "ann", "password": "s3cret-of-ann", "roles": []}],
        },
    )

    accounts = read_accounts(path)

    assert [each.secret for each in (*accounts.clients, *accounts.users)] == [
        "s3cret-of-app",
        "s3cret-of-ann",
    ]
    assert "s3cret" not in repr(accounts)


@pytest.mark.parametrize(
    ("account", "words"),
    [
        ({"id": "app", "roles": []}, "secret"),
        ({"id": "app", "secret": "short!!", "roles": []}, "at least 8"),
        ({"id": "app", "secret": "s3cret-of-app"}, "roles"),
    ],
)
def test_an_account_without_a_good_secret_is_refused(
    tmp_path: Path, account: object, words: str
) -> None:
    path = a_file(tmp_path, {"clientApplications": [account]})

    with pytest.raises(SettingsRejected) as rejected:
        read_accounts(path)

    assert words in str(rejected.value)
    assert "short!!" not in str(rejected.value)
