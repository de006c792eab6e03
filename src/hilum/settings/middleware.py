"""The names of the Orthanc middleware's environment, as settings of ours (`--role middleware`).

They count as little as defaults: what a file, a `HILUM_` variable or the command line says wins.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

Alias = tuple[str, object, str]
"""Dotted name of the setting, its value, the variable it came from."""

_DRIVER: Final = re.compile(r"^(postgres(?:ql)?)\+\w+://", re.ASCII)
_LEVELS: Final = {"warn": "warning", "critical": "error", "fatal": "error", "trace": "debug"}
_METADATA: Final = "dicom.metadata.v1"
_LETTERS: Final = "dicom.metadata.dlq"
_SOURCE: Final = "orthanc"
_FOLLOWER: Final = "middleware"


def middleware_aliases(environment: Mapping[str, str], problems: list[str]) -> Iterator[Alias]:
    """Settings that the middleware's variables stand for; empty variables count as not set."""
    given = {name: text.strip() for name, text in environment.items() if text.strip()}
    yield "dimse.port", 0, "--role middleware"
    yield "telemetry.health_status", "ok", "--role middleware"
    for read in (_orthanc, _kafka, _database, _storage, _level):
        yield from read(given, problems)


_Given = Mapping[str, str]
_Reader = Callable[[_Given, list[str]], Iterator[Alias]]


def _orthanc(given: _Given, problems: list[str]) -> Iterator[Alias]:
    user, password = given.get("ORTHANC_USERNAME", ""), given.get("ORTHANC_PASSWORD")
    if "ORTHANC_URL" not in given:
        if user or password:
            problems.append("ORTHANC_USERNAME and ORTHANC_PASSWORD need ORTHANC_URL.")
        return
    source: dict[str, Any] = {"url": given["ORTHANC_URL"]}
    if user:
        source["username"] = user
        if password is not None:
            source["password"] = password
    yield "orthanc.sources", {_SOURCE: source}, "ORTHANC_URL"


def _kafka(given: _Given, problems: list[str]) -> Iterator[Alias]:
    servers = given.get("KAFKA_BOOTSTRAP_SERVERS")
    if servers is None:
        if {"KAFKA_TOPIC", "KAFKA_DLQ_TOPIC"} & set(given):
            problems.append("KAFKA_TOPIC and KAFKA_DLQ_TOPIC need KAFKA_BOOTSTRAP_SERVERS.")
        return
    joined = ",".join(part.strip() for part in servers.split(",") if part.strip())
    topics = {
        _METADATA: given.get("KAFKA_TOPIC", _METADATA),
        _LETTERS: given.get("KAFKA_DLQ_TOPIC", _LETTERS),
    }
    sink = {"url": f"kafka://{joined}", "topics": topics}
    yield "sinks", {_FOLLOWER: sink}, "KAFKA_BOOTSTRAP_SERVERS"
    follower = {"name": _FOLLOWER, "sink": _FOLLOWER, "types": list(topics)}
    yield "delivery.subscriptions", [follower], "KAFKA_BOOTSTRAP_SERVERS"


def _database(given: _Given, _problems: list[str]) -> Iterator[Alias]:
    if "DATABASE_URL" in given:
        url = _DRIVER.sub(r"\1://", given["DATABASE_URL"])
        yield "database.url", url, "DATABASE_URL"


def _storage(given: _Given, problems: list[str]) -> Iterator[Alias]:
    """What `middleware_names` leaves: it heeds these variables with STORAGE_BACKEND alone."""
    backend = given.get("STORAGE_BACKEND", "").lower()
    if backend not in {"", "local", "gcs"}:
        problems.append("STORAGE_BACKEND: should be local or gcs.")
    if not backend and "STORAGE_PATH" in given:
        yield "data_dir", Path(given["STORAGE_PATH"]), "STORAGE_PATH"


def _level(given: _Given, _problems: list[str]) -> Iterator[Alias]:
    if "LOG_LEVEL" in given:
        level = given["LOG_LEVEL"].lower()
        yield "logging.level", _LEVELS.get(level, level), "LOG_LEVEL"
