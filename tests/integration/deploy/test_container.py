"""The image and the composition to develop against, as far as they can be judged without running.

`deploy/prove_image.py` runs them.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.prove_image import DOCKERFILE, instructions
from hilum.settings import exposure_problems, load

ROOT = Path(__file__).parents[3]
BIN = Path(sys.executable).parent
DOCKERFILES = sorted(ROOT.glob("deploy/**/*Dockerfile"))
COMPOSITIONS = [ROOT / "compose.yaml", *sorted(ROOT.glob("deploy/*/*.yaml"))]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
INSTRUCTIONS = instructions(DOCKERFILE.read_text())


@pytest.mark.skipif(shutil.which("hadolint", path=str(BIN)) is None, reason="no hadolint here")
@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: file.name)
def test_hadolint_has_nothing_to_say(file: Path) -> None:
    command = [str(BIN / "hadolint"), "--failure-threshold", "warning", str(file)]

    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert ran.returncode == 0, ran.stdout


def test_compositions_are_of_the_compose_specification() -> None:
    command = [str(BIN / "check-jsonschema"), "--builtin-schema", "vendor.compose-spec"]

    ran = subprocess.run(
        [*command, *map(str, COMPOSITIONS)], capture_output=True, text=True, timeout=60, check=False
    )

    assert len(COMPOSITIONS) > 5
    assert ran.returncode == 0, ran.stdout


def test_the_image_is_built_in_two_stages_of_one_base_and_runs_unprivileged() -> None:
    words = [word for word, _ in INSTRUCTIONS]
    bases = [rest.partition(" ")[0] for word, rest in INSTRUCTIONS if word == "FROM"]
    said = dict(INSTRUCTIONS)

    assert len(bases) == 2
    assert len(set(bases)) == 1
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", said["USER"])
    assert words.index("HEALTHCHECK") > words.index("USER")
    assert json.loads(said["ENTRYPOINT"]) == ["hilum"]
    runs = [rest for word, rest in INSTRUCTIONS if word == "RUN"]
    assert not [run for run in runs if "uv sync" in run and "--frozen" not in run]


def test_the_composition_to_develop_against_would_start_and_is_for_this_machine_only() -> None:
    hilum = COMPOSE["services"]["hilum"]
    environment = {name: re.sub(r"\$\{\w+:-(\w+)\}", r"\1", value) for name, value in
                   hilum["environment"].items()}  # fmt: skip
    settings = load({"security.insecure": True}, None, environment).settings

    assert "--insecure" in hilum["command"]
    assert not exposure_problems(settings)
    assert (
        settings.database.url.get_secret_value() == "postgresql://hilum:hilum@postgres:5432/hilum"
    )
    published = [port for each in COMPOSE["services"].values() for port in each.get("ports", ())]
    assert len(published) == 2
    assert all(port.startswith("127.0.0.1:") for port in published)
    assert hilum["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert COMPOSE["services"]["postgres"]["healthcheck"]
