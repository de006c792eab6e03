"""The commands on an archive whose index is on a database server."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.index.engines import postgres_database

PASSWORD = "sEcReT"


@pytest.fixture
def url() -> Iterator[str]:
    with postgres_database() as made:
        yield made.replace("@", f":{PASSWORD}@")


def hilum(url: str, *arguments: object) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        [sys.executable, "-m", "hilum", *map(str, arguments)],
        env={**os.environ, "HILUM_DATABASE__URL": url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert PASSWORD not in done.stdout + done.stderr
    return done


def test_an_archive_is_filled_checked_made_anew_and_belongs_to_its_objects(
    url: str, tmp_path: Path
) -> None:
    data, other = tmp_path / "data", tmp_path / "other"
    assert "schema none" in hilum(url, "migrate", "--data", data).stdout
    assert hilum(url, "demo", "--studies", "5", "--data", data).returncode == 0
    assert not (data / "index.sqlite").exists()
    checked = hilum(url, "fsck", "--data", data)
    assert (checked.returncode, "Everything agrees" in checked.stdout) == (0, True)

    refused = hilum(url, "demo", "--data", other)
    assert refused.returncode != 0
    assert "belongs to other objects" in refused.stderr

    made = hilum(url, "rebuild", "--data", data, "--json")
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["formerIndex"] == "schema hilum_before_rebuild"
    assert hilum(url, "fsck", "--data", data).returncode == 0
    assert hilum(url, "migrate", "--data", data, "--dry-run").returncode == 0


def test_doctor_and_config_tell_of_the_server_without_its_password(
    url: str, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    hilum(url, "migrate", "--data", data)

    checks = json.loads(hilum(url, "doctor", "--data", data, "--json").stdout)["checks"]
    (database,) = [each for each in checks if each["subject"] == "database"]
    assert "PostgreSQL" in database["text"]
    assert hilum(url, "config", "show").returncode == 0

    away = url.replace("127.0.0.1", "127.0.0.9")
    checks = json.loads(hilum(away, "doctor", "--data", data, "--json").stdout)["checks"]
    (database,) = [each for each in checks if each["subject"] == "database"]
    assert (database["state"], "cannot be reached" in database["text"]) == ("wrong", True)
    failed = hilum(away, "fsck", "--data", data)
    assert "cannot be reached" in failed.stderr
    assert len(failed.stderr.splitlines()) == 1
