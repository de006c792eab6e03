"""Running a command: errors become one line and an exit code, never a traceback."""

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any, Final

import typer

from hilum.cli.console import CannotStart, Ending, WrongUsage, complain
from hilum.cli.telling import told

_TRACEBACK: Final = "--traceback"
_UsageError: Final[Any] = next(
    base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException"
)
"""What typer raises for a wrong command line: click's, or that of the copy it brings along."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `hilum` with `arguments` (those of the process by default); return the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    show_traceback = _TRACEBACK in given
    try:
        return _run([argument for argument in given if argument != _TRACEBACK])
    except KeyboardInterrupt:
        complain("stopped.")
        return Ending.INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone: there is nobody to tell
        _drop_output()
        return Ending.OK
    except Exception as error:  # noqa: BLE001 - the edge of the process
        if show_traceback:
            traceback.print_exc()
        complain(_told(error))
        return Ending.CANNOT_START


def _run(arguments: list[str]) -> int:
    from hilum.cli.app import app

    try:
        code = typer.main.get_command(app).main(
            args=arguments, prog_name="hilum", standalone_mode=False
        )
    except _UsageError as error:
        error.show()
        return Ending.USAGE
    except typer.Abort:
        complain("stopped.")
        return Ending.INTERRUPTED
    except WrongUsage as error:
        complain(str(error))
        return Ending.USAGE
    except CannotStart as error:
        complain(told(error))
        return Ending.CANNOT_START
    return code if isinstance(code, int) else Ending.OK


def _told(error: Exception) -> str:
    """One line for an error that no command foresaw."""
    from hilum.domain.errors import HilumError
    from hilum.domain.occupancy import DataFolderInUse
    from hilum.settings import SettingsRejected

    if isinstance(error, (HilumError, DataFolderInUse)):
        return told(error)
    if isinstance(error, SettingsRejected):
        return "\n".join(("the settings cannot be used:", *error.problems))
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or type(error).__name__}"
    name = type(error).__name__
    return f"internal error ({name}). Please report it, with the output of {_TRACEBACK}."


def _drop_output() -> None:
    """Let the interpreter flush standard output at its end without another complaint."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
