"""The names of a validator in four services, as settings of ours.

That is the keys of their `config.json` and their environment, with `--role gateway`, `validator`,
`descriptor` and `status`. They count as little as defaults, and the environment more than the
file: what a `HILUM_` variable or the command line says wins.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hilum.domain.roles import Role
from hilum.settings.required_tags import required

Alias = tuple[str, object, str]
"""Dotted name of the setting, its value, where it came from."""

PORTS: Final = {Role.GATEWAY: 8000, Role.VALIDATOR: 8001, Role.DESCRIPTOR: 8002, Role.STATUS: 8003}
OWN: Final = "hilum"
"""Key of `config.json` below which settings of ours stand, as in a TOML file."""

_LEVELS: Final = {"warn": "warning", "critical": "error", "fatal": "error", "trace": "debug"}
_NO_EFFECT: Final = "has no effect"
_KEYS: Final[Mapping[str, str]] = {
    "service.name": "telemetry.service_name",
    "service.host": "http.host",
    "service.port": "http.port",
    "upload.max_file_size": "upload.file_bytes",
    "upload.allowed_extensions": "upload.allowed_extensions",
    "upload.temp_path": "upload.folder",
    "storage.studies_path": "archive_view.folder",
    "metadata.tag_mappings": "archive_view.fields",
    "logging.level": "logging.level",
}
_VARIABLES: Final[Mapping[str, str]] = {
    "SERVICE_NAME": "telemetry.service_name",
    "HOST": "http.host",
    "PORT": "http.port",
    "UPLOADS_PATH": "upload.folder",
    "ARCHIVE_PATH": "archive_view.folder",
    "MAX_FILE_SIZE": "upload.file_bytes",
    "REDIS_URL": "bus.url",
    "LOG_LEVEL": "logging.level",
}
_UNUSED: Final[Mapping[str, str]] = {
    "validation.validation_rules.max_file_size": (
        "the gateway refuses what is too large, before anybody reads it: set upload.max_file_size "
        "there"
    ),
    "logging.file": "the log is written to standard error: have it redirected",
    "STATUS_SERVICE_URL": "every role reads states in the database that all share",
}
_BETWEEN: Final = "roles talk over bus.url and the database that all share"
_REQUIRED: Final = "validation.required_tags"
_INTEGRITY: Final = "validation.validation_rules.check_integrity"
_CREATE: Final = "storage.create_directories"
_TABLES: Final = frozenset({"metadata.tag_mappings", _REQUIRED})
"""Keys whose value is a table, where others are sections."""
_PROFILE: Final = "config"
"""Name of the deep profile that `required_tags` makes."""


def role_defaults(role: Role) -> Iterator[Alias]:
    """What a role has otherwise than a whole gateway."""
    source = f"--role {role}"
    yield "http.port", PORTS[role], source
    yield "dimse.port", 0, source
    # A process of its own for keeping pays where instances are kept one after another.
    yield "ingest.keeper_process", role is Role.DESCRIPTOR, source
    # SQLite's writers, one at a time, are those of four processes.
    yield "database.busy_seconds", 30.0, source


def from_services_environment(environment: Mapping[str, str], notes: list[str]) -> Iterator[Alias]:
    """Settings that variables stand for; empty ones count as not set."""
    given = {name: text.strip() for name, text in environment.items() if text.strip()}
    for variable, dotted in _VARIABLES.items():
        if variable in given:
            yield dotted, _value(dotted, given[variable]), variable
    notes += [f"{name} {_NO_EFFECT}: {why}." for name, why in _UNUSED.items() if name in given]


@dataclass(frozen=True, slots=True)
class ServicesFile:
    """A `config.json` as it was read."""

    path: Path
    table: Mapping[str, Any]

    @property
    def own(self) -> Mapping[str, Any]:
        """Settings of ours in it."""
        found = self.table.get(OWN, {})
        return found if isinstance(found, dict) else {}

    def aliases(self, problems: list[str], notes: list[str]) -> Iterator[Alias]:
        """Settings that the keys of the services stand for.

        Every key has an effect, is named among `notes`, or is a problem.
        """
        source = str(self.path)
        keys = dict(_flat({name: each for name, each in self.table.items() if name != OWN}))
        for key, value in keys.items():
            if key in _KEYS:
                yield _KEYS[key], _value(_KEYS[key], value), source
            elif key in _UNUSED:
                notes.append(f"{source}: {key} {_NO_EFFECT}: {_UNUSED[key]}.")
            elif key.startswith("services."):
                notes.append(f"{source}: {key} {_NO_EFFECT}: {_BETWEEN}.")
            elif key not in {_REQUIRED, _INTEGRITY, _CREATE}:
                problems.append(f"{source}: there is no {key}; there are {_known()}.")
        problems += [f"{source}: {text}" for text in _wrong(keys)]
        yield from _validation(keys, source, problems)


def read_services_file(path: Path, problems: list[str]) -> ServicesFile | None:
    """None, and a problem, for a file that cannot be read or is no JSON object."""
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        problems.append(f"{path}: cannot be read ({error.strerror}).")
        return None
    except (ValueError, RecursionError) as error:
        problems.append(f"{path}: is not JSON: {error}.")
        return None
    if not isinstance(table, dict):
        problems.append(f"{path}: should be a JSON object.")
        return None
    return ServicesFile(path, table)


def _flat(
    table: Mapping[str, Any], prefix: str = "", tables: frozenset[str] = _TABLES
) -> Iterator[tuple[str, object]]:
    for name, value in table.items():
        key = prefix + name
        if isinstance(value, dict) and key not in tables:
            yield from _flat(value, f"{key}.", tables)
        else:
            yield key, value


def _known() -> str:
    return ", ".join([*_KEYS, _REQUIRED, _INTEGRITY, _CREATE, *list(_UNUSED)[:2], "services", OWN])


def _value(dotted: str, value: object) -> object:
    if dotted == "logging.level" and isinstance(value, str):
        return _LEVELS.get(value.lower(), value.lower())
    if dotted == "archive_view.fields" and isinstance(value, dict):
        return dict(_flat(value, tables=frozenset()))
    return value


def _wrong(keys: Mapping[str, object]) -> Iterator[str]:
    """What no setting of ours checks."""
    for key in (_INTEGRITY, _CREATE):
        if not isinstance(keys.get(key, True), bool):
            yield f"{key}: should be true or false."
    folder = keys.get("storage.studies_path")
    if keys.get(_CREATE) is False and isinstance(folder, str) and not Path(folder).is_dir():
        yield (
            f"storage.studies_path: {folder} is no folder, and {_CREATE} is false: make the folder."
        )


def _validation(keys: Mapping[str, object], source: str, problems: list[str]) -> Iterator[Alias]:
    """A rule for uploads, with a deep profile of its own where attributes are required."""
    rule: dict[str, object] = {"door": "upload"}
    tags: Sequence[str] = ()
    if _REQUIRED in keys:
        tags, wrong = required(keys[_REQUIRED])
        problems += [f"{source}: {_REQUIRED}: {text}" for text in wrong]
    if tags:
        purpose = "practice, with the required_tags of config.json"
        profile = {"base": "practice", "purpose": purpose, "require": list(tags)}
        yield "validation.profiles", {_PROFILE: profile}, source
        rule["depth"] = _PROFILE
    if isinstance(keys.get(_INTEGRITY), bool):
        rule["decode"] = keys[_INTEGRITY]
    if len(rule) > 1:
        yield "validation.rules", [rule], source
