"""`hilum config`."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hilum.cli import options
from hilum.cli.console import Ending, complain, end, note, print_json, print_table, say

if TYPE_CHECKING:
    from hilum.settings import Loaded

app = typer.Typer(
    help="Show and check settings.", no_args_is_help=True, rich_markup_mode="markdown"
)

_MASK = "********"


@app.command()
def show(
    data: options.Data = None,
    config: options.Config = None,
    role: options.RoleName = None,
    changed: Annotated[
        bool, typer.Option("--changed", help="Only settings that are not at their default.")
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Show every setting, its value and where it comes from. Secrets are masked.

    Examples:

        hilum config show --changed

        HILUM_HTTP__PORT=9000 hilum config show --json
    """
    found = options.loaded(data, config, role=role)
    rows = [row for row in _rows(found) if not changed or row[2] != "default"]
    if as_json:
        print_json({name: {"value": value, "source": source} for name, value, source in rows})
    else:
        shown = ((name, _text(value), source) for name, value, source in rows)
        print_table("", ("setting", "value", "from"), shown)


@app.command()
def check(
    data: options.Data = None,
    config: options.Config = None,
    role: options.RoleName = None,
    as_json: options.AsJson = False,
) -> None:
    """Check settings without starting anything; ends with 1 when a server would not start.

    Examples:

        hilum config check --config /etc/hilum.toml

        hilum config check --role gateway --config config.json
    """
    from hilum.settings import SettingsRejected, exposure_problems

    notes: list[str] = []
    try:
        found = options.loaded(data, config, role=role)
        problems = list(exposure_problems(found.settings))
        notes += found.notes
        file = found.file
    except SettingsRejected as error:
        problems, file = list(error.problems), config
    if as_json:
        print_json({"valid": not problems, "file": file, "problems": problems, "notes": notes})
    else:
        for line in notes:
            note(f"Warning: {line}")
        for problem in problems:
            complain(problem)
        if not problems:
            say(f"The settings are valid ({f'file {file}' if file else 'no file'}).")
    end(Ending.PROBLEMS if problems else Ending.OK)


def _rows(found: "Loaded") -> Iterator[tuple[str, Any, str]]:
    from hilum.settings import setting_names

    for dotted in setting_names():
        value: Any = found.settings
        for part in dotted.split("."):
            value = getattr(value, part)
        yield dotted, _plain(value), found.source(dotted)


def _plain(value: object) -> object:
    """A value that JSON can hold."""
    from pydantic import BaseModel, SecretStr

    if isinstance(value, SecretStr):
        return _MASK
    if isinstance(value, BaseModel):
        return {name: _plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return value if isinstance(value, (bool, int, float, str, type(None))) else str(value)


def _text(value: object) -> str:
    match value:
        case None | "" | []:
            return "-"
        case dict() if not value:
            return "-"
        case bool():
            return "true" if value else "false"
        case list():
            return ", ".join(str(part) for part in value)
        case _:
            return str(value)
