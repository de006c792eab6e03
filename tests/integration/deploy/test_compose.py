"""deploy/compose: files that fit together, and settings that Hilum takes."""

import itertools
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from hilum.settings.exposure import exposure_problems
from hilum.settings.loading import load
from hilum.settings.names import setting_names
from scripts.engines import process
from scripts.engines.kafka import VERSION as KAFKA_VERSION
from scripts.engines.orthanc import Orthanc
from scripts.engines.private import end, private_place
from scripts.engines.process import Launch
from scripts.engines.registry import ENGINES as REGISTRY
from scripts.engines.s3 import S3

FOLDER = Path(__file__).parents[3] / "deploy" / "compose"
BASE, ENGINES = "compose.yaml", ("postgres", "redis", "rabbitmq", "kafka", "s3", "orthanc")
_VARIABLE = re.compile(r"(?<!\$)\$\{(?P<name>\w+)(:\?[^}]*)?\}")
_EXAMPLE = {
    name: value
    for name, _, value in (
        line.partition("=")
        for line in (FOLDER / "env.example").read_text().splitlines()
        if line and not line.startswith("#")
    )
}


def read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((FOLDER / name).read_text())
    return found


def every_service() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path in sorted(FOLDER.glob("*.yaml")):
        for name, service in read(path.name)["services"].items():
            yield path.name, name, service


def filled(text: str) -> str:
    """With the variables of env.example, passwords made up."""
    return _VARIABLE.sub(lambda found: _EXAMPLE[found["name"]] or "s3cret", text)


def hilum_environment(engines: tuple[str, ...]) -> Mapping[str, str]:
    """What Hilum is started with when these files are put on top of each other in this order."""
    merged: dict[str, str] = {}
    for name in (BASE, *(f"{engine}.yaml" for engine in engines)):
        merged |= read(name)["services"]["hilum"].get("environment", {})
    return {name: filled(value) for name, value in merged.items()}


def test_there_is_one_file_per_engine() -> None:
    assert {path.name for path in FOLDER.glob("*.yaml")} == {BASE, *(f"{e}.yaml" for e in ENGINES)}


@pytest.mark.parametrize(
    "engines",
    [(), *((each,) for each in ENGINES), *itertools.permutations(("redis", "rabbitmq", "kafka"))],
    ids="+".join,
)
def test_hilum_takes_the_settings_of_every_deployment(engines: tuple[str, ...]) -> None:
    settings = load(environment=hilum_environment(engines)).settings

    assert not exposure_problems(settings), "it would refuse to start"


def test_hilum_takes_all_engines_at_once() -> None:
    settings = load(environment=hilum_environment(ENGINES)).settings

    assert settings.storage.url == "s3://hilum"
    assert settings.bus.url.get_secret_value() == "kafka://kafka:9092", "the last file counts"
    assert list(settings.sinks) == [each.sink for each in settings.delivery.subscriptions]
    assert list(settings.sinks) == ["kafka"], "a sink that nobody feeds tells nothing"
    assert list(settings.orthanc.sources) == ["orthanc"]
    assert settings.dimse.allowed_calling_ae_titles == ("ORTHANC", "STORESCU")


@pytest.mark.parametrize(("file", "name", "service"), list(every_service()))
def test_every_service_is_pinned_watched_and_hidden(
    file: str, name: str, service: dict[str, Any]
) -> None:
    if file != BASE and name == "hilum":
        assert set(service) == {"environment", "depends_on"}, "an engine's file adds to hilum only"
        return
    tag = service["image"].partition(":")[2]
    assert tag, "a version"
    assert tag != "latest"
    for port in service.get("ports", []):
        assert port.startswith("127.0.0.1:"), "loopback only; whoever wants more says so"
    if "build" in service:
        build = service["build"]
        dockerfile = FOLDER / build["context"] / build["dockerfile"]
        assert dockerfile.is_file()
        assert "HEALTHCHECK" in dockerfile.read_text() or "healthcheck" in service
    else:
        assert "healthcheck" in service
    assert service["restart"] == "unless-stopped", "its outage heals without anybody"


@pytest.mark.parametrize("file", [BASE, *(f"{engine}.yaml" for engine in ENGINES)])
def test_what_a_file_names_is_there(file: str) -> None:
    content = read(file)
    services, volumes = content["services"], content.get("volumes", {})
    for service in services.values():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert source in volumes or (FOLDER / source).is_file(), volume
        for needed, how in service.get("depends_on", {}).items():
            assert needed in services
            assert how == {"condition": "service_healthy"}
        for value in service.get("environment", {}).values():
            assert isinstance(value, str), "YAML takes a bare 1 or yes for something else"


def test_every_variable_is_explained_and_has_no_password() -> None:
    text = "".join(path.read_text() for path in FOLDER.glob("*.yaml"))
    named = {found["name"] for found in _VARIABLE.finditer(text)}

    assert named | {"COMPOSE_FILE"} == set(_EXAMPLE)
    assert not [name for name in named if ("PASS" in name or "SECRET" in name) and _EXAMPLE[name]]


def test_the_servers_are_those_that_the_tests_run_on() -> None:
    assert read("kafka.yaml")["services"]["kafka"]["image"] == f"apache/kafka:{KAFKA_VERSION}"
    assert f"versitygw@{S3.version}" in (FOLDER / "s3.Dockerfile").read_text()
    assert read("s3.yaml")["services"]["s3"]["image"].endswith(S3.version)


def test_the_image_is_built_of_files_that_are_let_in() -> None:
    root = FOLDER.parents[1]
    let_in = (FOLDER.parent / "Dockerfile.dockerignore").read_text().split()
    copied = re.findall(
        r"^COPY (?!--from)(.+) \S+$", (FOLDER.parent / "Dockerfile").read_text(), re.MULTILINE
    )

    for name in " ".join(copied).split():
        assert (root / name).exists()
        assert f"!{name}" in let_in


@pytest.mark.peer("Orthanc")
def test_orthanc_starts_with_its_file_and_asks_for_the_password() -> None:
    if Orthanc().missing():
        pytest.skip("Orthanc is not installed: run scripts/services install orthanc")
    place = private_place(Orthanc(), os.getpid())
    place.create()
    place.take_ports(("port", "dicom"), {})
    settings = (FOLDER / "orthanc.json").read_text().replace("/data/", f"{place.data}/")
    settings = settings.replace("8042", str(place.port)).replace("4242", str(place.ports["dicom"]))
    (place.folder / "orthanc.json").write_text(settings)
    command = Orthanc().launch(place).command
    try:
        process.start(place, Launch(command, {"ORTHANC_PASSWORD": "s3cret"}))
        assert Orthanc().await_answer(place, answers=lambda: _status(place.port, "") == 401)
        assert _status(place.port, "hilum:wrong") == 401
        assert _status(place.port, "hilum:s3cret") == 200
    finally:
        end(place)


def _status(port: int, user: str) -> int:
    done = subprocess.run(
        ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}"]
        + (["-u", user] if user else [])
        + [f"http://127.0.0.1:{port}/system"],
        capture_output=True,
        check=False,
    )
    return int(done.stdout or 0)


def test_docker_compose_agrees_where_it_is_installed(tmp_path: Path) -> None:
    docker = shutil.which("docker")
    version = [docker or "docker", "compose", "version"]
    plugin = docker and subprocess.run(version, capture_output=True, check=False)
    if not plugin or plugin.returncode != 0:
        pytest.skip("docker compose is not installed")
    lines = [f"{name}={value or 's3cret'}" for name, value in _EXAMPLE.items()]
    (tmp_path / "env").write_text("\n".join(lines))
    files = [part for engine in ("compose", *ENGINES) for part in ("-f", f"{engine}.yaml")]

    done = subprocess.run(
        [docker, "compose", "--env-file", tmp_path / "env", *files, "config", "--format", "json"],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)["services"]) == {"hilum", *ENGINES}


def test_the_page_of_the_engines_names_them_all() -> None:
    page = (FOLDER.parents[1] / "docs" / "operations" / "engines.md").read_text()
    rows = re.findall(r"^\| `([a-z0-9]+)` \| `([^`]+)`", page, re.MULTILINE)

    assert {name for name, _ in rows} == set(REGISTRY)
    assert all(f"`{path.name}`" in page for path in FOLDER.glob("*.yaml"))
    for setting in re.findall(r"`([a-z_]+\.[a-z_]+) =", page):
        assert setting in setting_names()
