"""Options that several commands share, and the settings they make."""

import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from hilum.cli.console import WrongUsage
from hilum.domain.roles import Role

if TYPE_CHECKING:
    from hilum.settings import Loaded, Settings

_SPAN: Final = re.compile(r"(\d{1,5})([hdwy])")
_HOURS: Final = {"h": 1, "d": 24, "w": 24 * 7, "y": 24 * 365}


def _named(folder: str) -> Path:
    """A folder that has a name: an unset variable must not make the current folder the archive."""
    if not folder.strip():
        message = "the name of the data folder is empty"
        raise typer.BadParameter(message)
    return Path(folder)


Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        "-d",
        metavar="DIR",
        parser=_named,
        help="Folder with everything the archive keeps  [default: ./hilum-data]",
        show_default=False,
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="TOML file with settings; with the roles of uploads also their config.json  "
        "[default: $HILUM_CONFIG, then ./hilum.toml]",
        show_default=False,
    ),
]


RoleName = Annotated[
    Role | None,
    typer.Option(
        "--role",
        help="`middleware`: fetch from Orthanc, without DIMSE; ORTHANC_URL, "
        "KAFKA_BOOTSTRAP_SERVERS, DATABASE_URL, STORAGE_PATH and the like are taken from the "
        "environment (docs/operations/orthanc.md). `gateway`, `validator`, `descriptor`, `status`: "
        "uploads in four processes, on ports 8000 to 8003 (docs/operations/uploads.md)  "
        "[default: $HILUM_ROLE, then all]",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Write the result as JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]


def loaded(
    data: Path | None, config: Path | None, *, role: Role | None = None, **overrides: object
) -> "Loaded":
    """Settings of all sources, the command line first; names of `overrides` have `__` for a dot.

    `role`: None is what `HILUM_ROLE` says.

    Raises `SettingsRejected`.
    """
    from hilum.settings import load

    given = {name.replace("__", "."): value for name, value in overrides.items()}
    return load({"data_dir": data, **given}, config, role=role)


def settings(
    data: Path | None, config: Path | None, *, role: Role | None = None, **overrides: object
) -> "Settings":
    """As `loaded`; from now on warnings and errors are logged to standard error."""
    from hilum.bootstrap.logs import begin_logging

    found = loaded(data, config, role=role, **overrides).settings
    begin_logging(found, at_least="warning")
    return found


def span(text: str, option: str) -> timedelta:
    """A span such as `12h` or `90d`. Raises `WrongUsage`, naming the option."""
    match = _SPAN.fullmatch(text.strip().lower())
    if match is None or not int(match[1]):
        message = f"{option} {text}: should be a number and h, d, w or y, such as 90d."
        raise WrongUsage(message)
    return timedelta(hours=int(match[1]) * _HOURS[match[2]])
