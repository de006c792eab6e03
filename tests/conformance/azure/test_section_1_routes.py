"""Routes of the Azure DICOM service and the action each needs: section 1.2 of its description."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from hilum.access import AccessScope, make_key
from hilum.foundation.clock import SystemClock
from tests.served_dicomweb import ServedDicomWeb

READ, WRITE, DELETE, TAGS, EXPORT = (
    AccessScope.READ,
    AccessScope.WRITE,
    AccessScope.DELETE,
    AccessScope.MANAGE_EXTENDED_QUERY_TAGS,
    AccessScope.EXPORT,
)
V1, V2 = "/v1", "/v2"
BOTH = (V1, V2)


@dataclass(frozen=True)
class Row:
    """Routes with one action; `{...}` in a path as in the OpenAPI document."""

    action: AccessScope
    methods: tuple[str, ...]
    paths: tuple[str, ...]
    versions: tuple[str, ...] = BOTH


STUDY = "/studies/{study}"
SERIES = f"{STUDY}/series/{{series}}"
INSTANCE = f"{SERIES}/instances/{{instance}}"
FRAMES = f"{INSTANCE}/frames/{{frames}}"
WORKITEM = "/workitems/{workitem}"
TAG = "/extendedquerytags/{tag}"
TABLE = {
    "1.2-store": [Row(WRITE, ("POST", "PUT"), ("/studies", STUDY))],
    "1.2-bulk-update": [Row(WRITE, ("POST",), ("/studies/$bulkUpdate",), (V2,))],
    "1.2-search": [
        Row(
            READ,
            ("GET",),
            (
                *("/studies", "/series", "/instances"),
                *(f"{STUDY}/series", f"{STUDY}/instances", f"{SERIES}/instances"),
            ),
        )
    ],
    "1.2-retrieve": [
        Row(READ, ("GET",), (path, f"{path}/metadata")) for path in (STUDY, SERIES, INSTANCE)
    ],
    "1.2-pixels": [Row(READ, ("GET",), (f"{INSTANCE}/rendered", FRAMES, f"{FRAMES}/rendered"))],
    "1.2-delete": [Row(DELETE, ("DELETE",), (STUDY, SERIES, INSTANCE))],
    "1.2-workitems": [
        Row(READ, ("GET",), ("/workitems", WORKITEM)),
        Row(WRITE, ("POST",), ("/workitems", WORKITEM, f"{WORKITEM}/cancelrequest")),
        Row(WRITE, ("PUT",), (f"{WORKITEM}/state",)),
    ],
    "1.2-export": [Row(EXPORT, ("POST",), ("/export",))],
    "1.2-changefeed": [Row(READ, ("GET",), ("/changefeed", "/changefeed/latest"))],
    "1.2-extended-tags": [
        Row(READ, ("GET",), ("/extendedquerytags", TAG, f"{TAG}/errors")),
        Row(TAGS, ("POST",), ("/extendedquerytags",)),
        Row(TAGS, ("PATCH", "DELETE"), (TAG,)),
    ],
    "1.2-operations": [Row(READ, ("GET",), ("/operations/{operation}",))],
    "1.2-partitions": [Row(READ, ("GET",), ("/partitions",))],
}
UIDS = {"{study}": "1.2", "{series}": "1.3", "{instance}": "1.4", "{frames}": "1"}
OTHERS = {"{workitem}": "1.5", "{tag}": "00101002", "{operation}": "0" * 32}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDicomWeb]:
    folder: Path = tmp_path_factory.mktemp("routes")
    with ServedDicomWeb(folder, security={"authentication": "required"}) as server:
        yield server


@pytest.fixture(scope="module")
def keys(server: ServedDicomWeb) -> dict[AccessScope, dict[str, str]]:
    """Headers with a key for one action, by action."""
    found = {}
    for scope in AccessScope:
        made = make_key(scope.name, {scope}, now=SystemClock().now())
        server.run(server.archive.index.keys.add(made.record))
        found[scope] = {"Authorization": f"Bearer {made.text}"}
    return found


def path_of(template: str) -> str:
    for name, value in (UIDS | OTHERS).items():
        template = template.replace(name, value)
    return template


@pytest.mark.azure("1.6-401-403", "10-401", "10-403")
@pytest.mark.azure(*TABLE)
@pytest.mark.parametrize("identifier", TABLE)
def test_a_route_lets_in_whoever_was_granted_its_action_and_nobody_else(
    server: ServedDicomWeb, keys: dict[AccessScope, dict[str, str]], identifier: str
) -> None:
    with server.client() as client:
        for row in TABLE[identifier]:
            for version in row.versions:
                for path in row.paths:
                    for method in row.methods:
                        _check(client, method, version + path_of(path), row.action, keys)


def _check(
    client: httpx.Client,
    method: str,
    path: str,
    action: AccessScope,
    keys: dict[AccessScope, dict[str, str]],
) -> None:
    nobody = client.request(method, path)
    assert nobody.status_code == 401, (method, path)
    assert nobody.headers["www-authenticate"].startswith("Bearer")
    for scope, headers in keys.items():
        status = client.request(method, path, headers=headers).status_code
        is_let_in = scope in {action, AccessScope.EVERYTHING}
        assert (status not in {401, 403, 405}) is is_let_in, (method, path, scope, status)


def test_no_route_of_the_two_versions_is_missing_from_the_table(server: ServedDicomWeb) -> None:
    with server.client() as client:
        document = client.get("/openapi.json").json()
    known = {
        (method, version + _anonymous(path))
        for rows in TABLE.values()
        for row in rows
        for version in row.versions
        for path in row.paths
        for method in row.methods
    }
    beyond = {
        (method, version + path)
        for version in BOTH
        for method, path in [("GET", "/capabilities"), ("OPTIONS", ""), ("GET", "/api.yaml")]
    }
    served = {
        (method.upper(), _anonymous(path))
        for path, methods in document["paths"].items()
        for method in methods
        if path.startswith(tuple(f"{version}/" for version in BOTH)) and method != "head"
    }

    assert served - beyond - {("POST", "/v1/studies/$bulkUpdate")} == known


def _anonymous(path: str) -> str:
    return "/".join("{}" if each.startswith("{") else each for each in path.split("/"))
