"""Who may do what: section 13 of the description of the Azure DICOM service."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from hilum.adapters.identity import OwnKeys
from hilum.bootstrap.serving import serve
from hilum.settings import Settings, SettingsRejected
from tests.served_dicomweb import ServedDicomWeb

RESOURCE = "https://dicom.healthcareapis.azure.com"
UID = "1.2.826.0.1.3680043.10.13"
JSON = "application/dicom+json"
ACTIONS = ("read", "write", "delete", "manageExtendedQueryTags", "export")
NEEDED = {
    "read": [
        ("GET", "studies"),
        ("GET", "series"),
        ("GET", "instances"),
        ("GET", f"studies/{UID}"),
        ("GET", f"studies/{UID}/metadata"),
        ("GET", f"studies/{UID}/series/{UID}/instances/{UID}/frames/1"),
        ("GET", f"studies/{UID}/series/{UID}/instances/{UID}/rendered"),
        ("GET", "changefeed"),
        ("GET", "changefeed/latest"),
        ("GET", "extendedquerytags"),
        ("GET", "extendedquerytags/00081010"),
        ("GET", "extendedquerytags/00081010/errors"),
        ("GET", "operations/00000000000000000000000000000000"),
        ("GET", "partitions"),
        ("GET", "workitems"),
        ("GET", f"workitems/{UID}"),
    ],
    "write": [
        ("POST", "studies"),
        ("POST", f"studies/{UID}"),
        ("PUT", "studies"),
        ("POST", "studies/$bulkUpdate"),
        ("POST", "workitems"),
        ("POST", f"workitems/{UID}"),
        ("PUT", f"workitems/{UID}/state"),
        ("POST", f"workitems/{UID}/cancelrequest"),
    ],
    "delete": [
        ("DELETE", f"studies/{UID}"),
        ("DELETE", f"studies/{UID}/series/{UID}"),
        ("DELETE", f"studies/{UID}/series/{UID}/instances/{UID}"),
    ],
    "manageExtendedQueryTags": [
        ("POST", "extendedquerytags"),
        ("PATCH", "extendedquerytags/00081010"),
        ("DELETE", "extendedquerytags/00081010"),
    ],
    "export": [("POST", "export")],
}
VALIDATE = """
import json, sys, urllib.request, jwt
url, token, audience = sys.argv[1:]
with urllib.request.urlopen(url + "/.well-known/openid-configuration") as answer:
    provider = json.load(answer)
key = jwt.PyJWKClient(provider["jwks_uri"]).get_signing_key_from_jwt(token)
algorithms = provider["id_token_signing_alg_values_supported"]
claims = jwt.decode(token, key, algorithms, audience=audience, issuer=provider["issuer"])
print(json.dumps(claims))
"""


def an_account(name: str, *roles: str) -> dict[str, object]:
    return {"id": name, "secret": f"secret-of-{name}", "roles": roles}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("access")
    roles = [{"name": f"may-{each}", "dataActions": [each], "scopes": ["/"]} for each in ACTIONS]
    roles += [
        {"name": "DICOM Data Owner", "dataActions": ["*"], "notDataActions": [], "scopes": ["/"]},
        {"name": "DICOM Data Reader", "dataActions": ["read"], "scopes": ["/"]},
        {"name": "no-delete", "dataActions": ["*"], "notDataActions": ["delete"], "scopes": ["/"]},
    ]
    clients = [
        *(an_account(each, f"may-{each}") for each in ACTIONS),
        an_account("reader", "globalReader"),
        an_account("admin", "globalAdmin"),
        an_account("owner", "DICOM Data Owner"),
        an_account("data-reader", "DICOM Data Reader"),
        an_account("no-delete", "no-delete"),
        an_account("both", "no-delete", "may-delete"),
        an_account("nothing", "a role that nobody knows"),
    ]
    users = [{"id": "ann", "password": "secret-of-ann", "roles": ["globalReader"]}]
    (folder / "roles.json").write_text(json.dumps({"roles": roles}))
    accounts = {"clientApplications": clients, "users": users}
    (folder / "testauthenvironment.json").write_text(json.dumps(accounts))
    return folder


@pytest.fixture(scope="module")
def issuing(folder: Path) -> Iterator[ServedDicomWeb]:
    """A server that asks for tokens, and hands them out."""
    security = {
        "authentication": "required",
        "roles_file": folder / "roles.json",
        "jwt": {"roles_claim": "role"},
        "issuer": {
            "enabled": True,
            "accounts_file": folder / "testauthenvironment.json",
            "audience": [RESOURCE, "hilum-tests"],
        },
    }
    with ServedDicomWeb(folder / "issuing", security=security) as server:
        yield server


@pytest.fixture(scope="module")
def trusting(folder: Path, issuing: ServedDicomWeb) -> Iterator[ServedDicomWeb]:
    """A server that trusts the first one as its authority, and reads another claim."""
    security = {
        "authentication": "required",
        "jwt": {
            "authority": issuing.url,
            "audience": ["somebody-else", "hilum-tests"],
            "roles_claim": "role",
        },
    }
    with ServedDicomWeb(folder / "trusting", security=security) as server:
        yield server


def asked(server: ServedDicomWeb, name: str, **more: str) -> httpx.Response:
    form = {
        "grant_type": "client_credentials",
        "client_id": name,
        "client_secret": f"secret-of-{name}",
        **more,
    }
    return httpx.post(f"{server.url}/connect/token", data=form, verify=False)


def a_token(server: ServedDicomWeb, name: str) -> str:
    answer = asked(server, name, scope=f"{RESOURCE}/.default")
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["access_token"]
    return token


def status(server: ServedDicomWeb, token: str, method: str, path: str) -> int:
    headers = {"Accept": JSON, "Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    body = None if method in {"GET", "DELETE"} else b""
    url = f"{server.url}{path}"
    # Without the time that it takes to read the certificates of the world each time.
    return httpx.request(method, url, headers=headers, content=body, verify=False).status_code


@pytest.mark.azure(
    "13-403", "13-read", "13-write", "13-delete", "13-tags", "13-export", "13-roles-file"
)
@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("action", ACTIONS)
def test_each_request_needs_its_data_action_and_no_other(
    issuing: ServedDicomWeb, version: str, action: str
) -> None:
    token = a_token(issuing, action)
    wrong = []
    for needed, requests in NEEDED.items():
        for method, path in requests:
            if version == "v1" and path.endswith("$bulkUpdate"):
                continue  # no such route
            answered = status(issuing, token, method, f"/{version}/{path}")
            if (answered == 403) is (needed == action) or answered in {401, 405}:
                wrong.append((method, path, answered))

    assert wrong == []


@pytest.mark.azure("13-401")
@pytest.mark.parametrize("token", ["", "nonsense", "a.b.c"])
def test_without_a_valid_token_the_answer_is_401(issuing: ServedDicomWeb, token: str) -> None:
    for requests in NEEDED.values():
        for method, path in requests:
            assert status(issuing, token, method, f"/v2/{path}") == 401, path


@pytest.mark.azure("13-401")
def test_a_token_of_another_authority_is_401(issuing: ServedDicomWeb, tmp_path: Path) -> None:
    keys = OwnKeys(tmp_path / "stranger.json")
    claims = {"iss": issuing.url, "aud": RESOURCE, "role": ["globalAdmin"], "exp": 4_000_000_000}
    token = issuing.run(keys.sign(claims))

    assert status(issuing, token, "GET", "/v2/studies") == 401


@pytest.mark.azure("13-open")
@pytest.mark.parametrize("path", ["/health", "/health/check", "/ready", "/docs"])
def test_health_and_documents_need_no_token(issuing: ServedDicomWeb, path: str) -> None:
    assert status(issuing, "", "GET", path) == 200


@pytest.mark.azure("13-built-in", "13-everything", "13-effective", "13-azure-roles")
@pytest.mark.parametrize(
    ("account", "read", "delete"),
    [
        ("reader", 204, 403),
        ("admin", 204, 404),
        ("owner", 204, 404),
        ("data-reader", 204, 403),
        ("no-delete", 204, 403),
        ("both", 204, 404),
        ("nothing", 403, 403),
    ],
)
def test_a_caller_has_what_any_role_grants_less_what_that_role_takes_away(
    issuing: ServedDicomWeb, account: str, read: int, delete: int
) -> None:
    token = a_token(issuing, account)

    assert status(issuing, token, "GET", "/v2/studies") == read
    assert status(issuing, token, "DELETE", f"/v2/studies/{UID}") == delete


@pytest.mark.azure("13-unknown-action")
async def test_a_data_action_that_does_not_exist_keeps_the_server_from_starting(
    tmp_path: Path,
) -> None:
    path = tmp_path / "roles.json"
    path.write_text(json.dumps({"roles": [{"name": "a", "dataActions": ["reed"]}]}))
    settings = Settings.model_validate(
        {"data_dir": tmp_path / "data", "security": {"roles_file": path}, "dimse": {"port": 0}}
    )

    with pytest.raises(SettingsRejected, match="dataActions"):
        async with serve(settings):
            pass


@pytest.mark.azure("13-authority", "13-bearer", "13-audience", "13-roles-claim")
def test_tokens_of_the_authority_for_one_of_the_audiences_are_taken(
    issuing: ServedDicomWeb, trusting: ServedDicomWeb
) -> None:
    good = asked(issuing, "reader", scope="hilum-tests/.default").json()["access_token"]
    other = asked(issuing, "reader").json()["access_token"]

    assert status(trusting, good, "GET", "/v2/studies") == 204
    assert status(trusting, good, "DELETE", f"/v2/studies/{UID}") == 403
    assert status(trusting, other, "GET", "/v2/studies") == 401, "made for another audience"


@pytest.mark.azure("13-issuer", "13-issuer-accounts", "13-resource")
def test_an_independent_library_finds_the_keys_and_validates_a_token(
    issuing: ServedDicomWeb,
) -> None:
    command = [sys.executable, "-c", VALIDATE, issuing.url, a_token(issuing, "reader"), RESOURCE]

    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)

    claims = json.loads(ran.stdout)
    assert (claims["sub"], claims["role"]) == ("reader", ["globalReader"])
    assert claims["aud"] == RESOURCE


@pytest.mark.azure("13-issuer", "13-issuer-accounts")
def test_a_user_gets_a_token_by_name_and_password_through_a_client(issuing: ServedDicomWeb) -> None:
    named = {"grant_type": "password", "username": "ann"}

    answer = asked(issuing, "admin", password="secret-of-ann", **named)
    wrong = asked(issuing, "admin", password="something", **named)

    assert answer.json()["token_type"] == "Bearer"
    token = answer.json()["access_token"]
    assert status(issuing, token, "GET", "/v2/studies") == 204
    assert status(issuing, token, "DELETE", f"/v2/studies/{UID}") == 403, "the user's roles"
    assert (wrong.status_code, wrong.json()["error"]) == (400, "invalid_grant")


@pytest.mark.azure("13-issuer")
def test_the_token_endpoint_answers_as_rfc_6749_says(issuing: ServedDicomWeb) -> None:
    url = f"{issuing.url}/connect/token"
    form = {"grant_type": "client_credentials"}

    basic = httpx.post(url, data=form, auth=("reader", "secret-of-reader"))
    assert basic.status_code == 200
    assert basic.headers["cache-control"] == "no-store"
    assert basic.headers["pragma"] == "no-cache"
    assert basic.json()["expires_in"] == 3600

    wrong = httpx.post(url, data=form, auth=("reader", "wrong"))
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    assert wrong.headers["www-authenticate"].startswith("Basic")
    assert wrong.headers["cache-control"] == "no-store"

    for content, error in (
        ({}, "invalid_request"),
        ({"grant_type": "refresh_token"}, "unsupported_grant_type"),
        ({**form, "scope": "https://graph.microsoft.com/.default"}, "invalid_scope"),
        ({**form, "client_secret": "twice"}, "invalid_request"),
    ):
        answer = httpx.post(url, data=content, auth=("reader", "secret-of-reader"))
        assert (answer.status_code, answer.json()["error"]) == (400, error)
    as_json = httpx.post(url, json=form, auth=("reader", "secret-of-reader"))
    assert (as_json.status_code, as_json.json()["error"]) == (400, "invalid_request")
    twice = httpx.post(
        url,
        content="grant_type=client_credentials&grant_type=password",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert twice.json()["error"] == "invalid_request"
    assert httpx.post(url, content=b"x" * 2_000_000).status_code == 400
    assert httpx.get(url).status_code == 405


@pytest.mark.azure("13-issuer")
def test_who_guesses_is_held_up(issuing: ServedDicomWeb) -> None:
    for _ in range(20):
        assert asked(issuing, "guessed", client_secret="wrong").status_code == 401

    held = asked(issuing, "guessed", client_secret="wrong")

    assert held.status_code == 429
    assert 0 < int(held.headers["retry-after"]) <= 60
    assert asked(issuing, "reader").status_code == 200, "nobody else is"
