"""smoke_test.py against the real process, as somebody who has just started it would run it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.index.engines import postgres_database
from tests.served import ServedHilum

SCRIPT = Path(__file__).parents[2] / "smoke_test.py"

pytestmark = pytest.mark.slow


def smoke(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", str(SCRIPT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_every_section_passes_on_both_versions_with_a_token(tmp_path: Path) -> None:
    accounts = {
        "clientApplications": [{"id": "smoke", "secret": "smoke-test", "roles": ["globalAdmin"]}]
    }
    (tmp_path / "accounts.json").write_text(json.dumps(accounts))
    environment = {
        "HILUM_SECURITY__AUTHENTICATION": "required",
        "HILUM_SECURITY__ISSUER__ENABLED": "true",
        "HILUM_SECURITY__ISSUER__ACCOUNTS_FILE": str(tmp_path / "accounts.json"),
    }
    with ServedHilum(tmp_path, **environment) as server:
        made = server.run("token", "--role", "globalAdmin")
        assert made.returncode == 0, made.stderr
        for surface in ("v1", "v2"):
            ran = smoke(server.url, "--surface", surface, "--token", made.stdout.strip())
            assert ran.returncode == 0, ran.stdout + ran.stderr
            assert "ALL PASSED: 12 sections" in ran.stdout
        refused = smoke(server.url)

    assert refused.returncode == 1
    assert "FAILED" in refused.stdout
    assert "status 401" in refused.stdout


@pytest.mark.engine
def test_every_section_passes_on_postgresql_as_in_the_composition_to_develop_against(
    tmp_path: Path,
) -> None:
    with (
        postgres_database() as url,
        ServedHilum(tmp_path, HILUM_DATABASE__URL=url) as server,
    ):
        ran = smoke(server.url)

    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_section_passes_in_a_data_partition(tmp_path: Path) -> None:
    with ServedHilum(tmp_path, HILUM_PARTITIONS__ENABLED="true") as server:
        ran = smoke(server.url, "--partition", "smoke")

    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_a_server_that_is_not_there_is_told_and_no_traceback() -> None:
    ran = smoke("http://127.0.0.1:9", "--seconds", "2")

    assert ran.returncode == 1
    assert "Traceback" not in ran.stderr
    assert "FAILED: health" in ran.stdout
