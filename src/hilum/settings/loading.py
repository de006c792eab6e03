"""Reading settings: command line over environment over file over default.

Nothing is read at import, and every name that no setting claims is refused: a misspelt
`HILUM_DIMES__PORT` would otherwise be ignored in silence.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeGuard

from pydantic import ValidationError

from hilum.domain.roles import DIVIDED, Role
from hilum.settings.middleware import middleware_aliases
from hilum.settings.middleware_names import from_middleware
from hilum.settings.model import Settings
from hilum.settings.names import (
    CONFIG_VARIABLE,
    NO_SETTINGS,
    PREFIX,
    ROLE_VARIABLE,
    nearest,
    setting_names,
    variables,
)
from hilum.settings.validator_names import (
    from_services_environment,
    read_services_file,
    role_defaults,
)

DEFAULT_FILE: Final = Path("hilum.toml")
COMMAND_LINE: Final = "command line"
DEFAULT: Final = "default"


class SettingsRejected(Exception):
    """The settings cannot be used. Each problem says which, where it was set and what is wrong."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(problems))


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and where each one that is no default came from."""

    settings: Settings
    sources: Mapping[str, str]
    """By dotted name: `command line`, an environment variable, or the path of the file."""
    file: Path | None
    role: Role = Role.ALL
    notes: Sequence[str] = ()
    """What was given and has no effect, each a line that says why."""

    def source(self, dotted: str) -> str:
        """Where the setting came from; `default` when nobody set it."""
        return self.sources.get(dotted, DEFAULT)


def load_settings(
    cli_overrides: Mapping[str, object] | None = None,
    config_file: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Settings:
    """Settings from all sources; see `load` for the arguments and errors."""
    return load(cli_overrides, config_file, environment).settings


def load(
    cli_overrides: Mapping[str, object] | None = None,
    config_file: Path | None = None,
    environment: Mapping[str, str] | None = None,
    *,
    role: Role | None = None,
) -> Loaded:
    """Read all sources; in a role that stands in for another program its names, which count least.

    Without a word on `role` the variable `HILUM_ROLE` decides, so that every command beside a
    server in that role finds what the server works on.

    `cli_overrides` is by dotted name (`{"http.port": 9000}`); None values count as not given.
    `config_file` comes before `HILUM_CONFIG`, and that before `./hilum.toml` when it exists.

    Raises `SettingsRejected`, naming every problem at once.
    """
    environment = os.environ if environment is None else environment
    file = _chosen_file(config_file, environment)
    values: dict[str, object] = {}
    sources: dict[str, str] = {}
    problems: list[str] = []
    notes: list[str] = []
    role = _chosen_role(environment, problems) if role is None else role
    layers = (
        _from_role(role, file, environment, problems, notes),
        from_middleware(environment, problems),
        _from_file(file, problems),
        _from_environment(environment, problems),
        _from_command_line(cli_overrides or {}, problems),
    )
    for layer in layers:
        for dotted, value, source in layer:
            values[dotted] = value
            sources[dotted] = source
    settings = _validated(values, sources, problems)
    if problems or settings is None:
        raise SettingsRejected(problems)
    return Loaded(settings, sources, file, role, tuple(notes))


def _chosen_file(config_file: Path | None, environment: Mapping[str, str]) -> Path | None:
    if config_file is not None:
        return config_file
    if named := environment.get(CONFIG_VARIABLE):
        return Path(named)
    return DEFAULT_FILE if DEFAULT_FILE.is_file() else None


_Layer = Iterator[tuple[str, object, str]]


def _chosen_role(environment: Mapping[str, str], problems: list[str]) -> Role:
    named = environment.get(ROLE_VARIABLE, "").strip().lower()
    if not named:
        return Role.ALL
    try:
        return Role(named)
    except ValueError:
        problems.append(f"{ROLE_VARIABLE}: should be {' or '.join(Role)}.")
        return Role.ALL


def _from_role(
    role: Role,
    file: Path | None,
    environment: Mapping[str, str],
    problems: list[str],
    notes: list[str],
) -> _Layer:
    if role is Role.MIDDLEWARE:
        yield from middleware_aliases(environment, problems)
    if role in DIVIDED:
        yield from role_defaults(role)
        if _is_json(file) and (found := read_services_file(file, problems)) is not None:
            yield from found.aliases(problems, notes)
        yield from from_services_environment(environment, notes)
    elif _is_json(file):
        problems.append(
            f"{file}: is JSON, which the roles {', '.join(DIVIDED)} take: name one with --role, or "
            "write a TOML file."
        )


def _is_json(file: Path | None) -> TypeGuard[Path]:
    return file is not None and file.suffix.lower() == ".json"


def _from_file(file: Path | None, problems: list[str]) -> _Layer:
    if file is None:
        return
    if _is_json(file):
        yield from _own(file, problems)
        return
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        problems.append(f"{file}: cannot be read ({error.strerror}).")
        return
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problems.append(f"{file}: is not TOML: {error}.")
        return
    yield from _of_table(table, file, problems)


def _own(file: Path, problems: list[str]) -> _Layer:
    """Settings of ours in the `config.json` of a service; its other keys were read before."""
    found = read_services_file(file, [])
    if found is not None:
        yield from _of_table(found.own, file, problems)


def _of_table(table: Mapping[str, Any], file: Path, problems: list[str]) -> _Layer:
    for dotted, value in _flat(table, ""):
        if dotted in setting_names():
            yield dotted, value, str(file)
        else:
            hint = nearest(dotted, list(setting_names()))
            problems.append(f"{file}: there is no setting {dotted}{hint}")


def _flat(table: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, object]]:
    for key, value in table.items():
        dotted = prefix + key
        if isinstance(value, dict) and dotted not in setting_names():
            yield from _flat(value, f"{dotted}.") if value else [(dotted, value)]
        else:
            yield dotted, value


def _from_environment(environment: Mapping[str, str], problems: list[str]) -> _Layer:
    for variable, text in sorted(environment.items()):
        if not variable.upper().startswith(PREFIX) or variable in NO_SETTINGS:
            continue
        if variable in variables():
            yield variables()[variable].dotted, text, variable
        else:
            hint = nearest(variable, [*sorted(NO_SETTINGS), *variables()])
            problems.append(f"{variable}: there is no such setting{hint}")


def _from_command_line(overrides: Mapping[str, object], problems: list[str]) -> _Layer:
    for dotted, value in overrides.items():
        if dotted not in setting_names():
            hint = nearest(dotted, list(setting_names()))
            problems.append(f"{COMMAND_LINE}: there is no setting {dotted}{hint}")
        elif value is not None:
            yield dotted, value, COMMAND_LINE


def _validated(
    values: Mapping[str, object], sources: Mapping[str, str], problems: list[str]
) -> Settings | None:
    nested: dict[str, Any] = {}
    for dotted, value in values.items():
        *sections, name = dotted.split(".")
        table = nested
        for section in sections:
            table = table.setdefault(section, {})
        table[name] = value
    try:
        return Settings.model_validate(nested)
    except ValidationError as error:
        for details in error.errors():
            dotted = ".".join(_named(details["loc"], nested))
            problems.append(_problem(dotted, str(details["msg"]), sources))
        return None


def _named(place: Sequence[str | int], given: object) -> Iterator[str]:
    """The steps of a place; one of tables by name that were read as a list has its name again."""
    for step in place:
        at: str | int = step
        if isinstance(given, Mapping):
            at = list(given)[step] if isinstance(step, int) and step < len(given) else step
            given = given.get(at)
        elif isinstance(given, list) and isinstance(step, int):
            given = given[step]
        yield str(at)


def _problem(dotted: str, message: str, sources: Mapping[str, str]) -> str:
    """One line for one pydantic error; the value is left out, since it may be a secret."""
    setting = next((name for name in setting_names() if _covers(name, dotted)), "")
    source = sources.get(setting, "")
    where = f" (from {source})" if source and source != setting else ""
    text = message.removeprefix("Value error, ")
    place = f"{dotted}{where}: " if dotted else ""  # of several settings: the text names them
    return f"{place}{text[:1].lower()}{text[1:].rstrip('.')}."


def _covers(setting: str, dotted: str) -> bool:
    return dotted == setting or dotted.startswith(f"{setting}.")
