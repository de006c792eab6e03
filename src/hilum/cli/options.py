"""Options that several commands share, and the settings they make."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hilum.settings import Loaded, Settings


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
        help="TOML file with settings  [default: $HILUM_CONFIG, then ./hilum.toml]",
        show_default=False,
    ),
]


class Role(StrEnum):
    """What of the product a process serves."""

    ALL = "all"
    MIDDLEWARE = "middleware"


RoleName = Annotated[
    Role | None,
    typer.Option(
        "--role",
        help="`middleware`: fetch from Orthanc, without DIMSE; ORTHANC_URL, "
        "KAFKA_BOOTSTRAP_SERVERS, DATABASE_URL, STORAGE_PATH and the like are taken from the "
        "environment (docs/operations/orthanc.md)  [default: $HILUM_ROLE, then all]",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Write the result as JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]


def is_middleware(role: Role | None) -> bool | None:
    """Whether the role is the middleware's; None when no role is named."""
    return None if role is None else role is Role.MIDDLEWARE


def loaded(
    data: Path | None, config: Path | None, *, middleware: bool | None = None, **overrides: object
) -> "Loaded":
    """Settings of all sources, the command line first; names of `overrides` have `__` for a dot.

    `middleware`: take the Orthanc middleware's environment names as well; None: when `HILUM_ROLE`
    says so.

    Raises `SettingsRejected`.
    """
    from hilum.settings import load

    given = {name.replace("__", "."): value for name, value in overrides.items()}
    return load({"data_dir": data, **given}, config, middleware=middleware)


def settings(
    data: Path | None, config: Path | None, *, middleware: bool | None = None, **overrides: object
) -> "Settings":
    """As `loaded`; from now on warnings and errors are logged to standard error."""
    from hilum.bootstrap.logs import begin_logging

    found = loaded(data, config, middleware=middleware, **overrides).settings
    begin_logging(found, at_least="warning")
    return found
