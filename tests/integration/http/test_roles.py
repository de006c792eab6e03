"""What each role serves, and what it leaves to the others."""

from pathlib import Path

import httpx
import pytest

from hilum.bootstrap.roles import SERVED, lonely_role
from hilum.bootstrap.serving import serve
from hilum.domain.roles import DIVIDED, Role
from hilum.settings import load_settings

EVERY = {"GET /health", "GET /ready", "GET /metrics"}
NAMES = {
    Role.GATEWAY: "api-gateway",
    Role.VALIDATOR: "validator",
    Role.DESCRIPTOR: "descriptor",
    Role.STATUS: "status-service",
}
OWN = {
    Role.GATEWAY: {"POST /upload", "GET /upload", "GET /status/{study_id}"},
    Role.VALIDATOR: set(),
    Role.DESCRIPTOR: set(),
    Role.STATUS: {"GET /status/{study_id}", "POST /status/{study_id}"},
}
NOT = {
    Role.GATEWAY: {"POST /status/{study_id}"},
    Role.STATUS: {"POST /upload"},
}


@pytest.mark.parametrize("role", DIVIDED, ids=str)
async def test_a_role_says_its_name_and_serves_what_is_its_own(role: Role, tmp_path: Path) -> None:
    settings = load_settings(
        {"data_dir": tmp_path / "data", "http.port": 0, "storage.reserve_bytes": 0}, environment={}
    )
    async with (
        serve(settings, role) as serving,
        httpx.AsyncClient(base_url=serving.http.url, timeout=20) as client,
    ):
        root = (await client.get("/")).json()
        assert (root["name"], bool(root["version"])) == (NAMES[role], True)
        endpoints = set(root["endpoints"])
        assert EVERY | OWN[role] <= endpoints
        assert not NOT.get(role, set()) & endpoints
        health = await client.get("/health")
        assert health.json() == {"status": "healthy", "service": NAMES[role]}
        assert (await client.get("/ready")).status_code == 200
        assert (await client.get("/metrics")).status_code == 200
        assert (await client.get("/dicom-web/studies")).status_code == 404
        assert (await client.get("/api/v1/statistics")).status_code == 404
        assert serving.dimse is None


async def test_a_service_has_the_name_that_it_was_given(tmp_path: Path) -> None:
    given = {"data_dir": tmp_path / "data", "http.port": 0, "telemetry.service_name": "front"}
    async with (
        serve(load_settings(given, environment={}), Role.STATUS) as serving,
        httpx.AsyncClient(base_url=serving.http.url, timeout=20) as client,
    ):
        assert (await client.get("/health")).json()["service"] == "front"
        assert (await client.get("/")).json()["name"] == "front"


def test_a_role_that_nobody_could_hear_is_refused() -> None:
    alone = load_settings(environment={})
    shared = load_settings({"bus.url": "redis://127.0.0.1:6379/0"}, environment={})

    assert {role for role in Role if lonely_role(role, alone)} == set(DIVIDED)
    assert not any(lonely_role(role, shared) for role in Role)
    assert "bus.url" in str(lonely_role(Role.GATEWAY, alone))
    assert set(SERVED) == set(Role)
