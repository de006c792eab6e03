"""What commands say, and the codes they end with."""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from enum import IntEnum
from typing import Any, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table

_UNFOLDED: Final = 10_000
"""Characters of a line of a table that is not for a terminal."""


class Ending(IntEnum):
    """Exit codes; the same for every command."""

    OK = 0
    """Everything that was asked for was done."""
    PROBLEMS = 1
    """Done, but something was refused, failed, or found wrong."""
    USAGE = 2
    """The command line is not valid: nothing was done."""
    CANNOT_START = 3
    """Settings, data folder, ports or database do not let the command begin or go on."""
    INTERRUPTED = 130
    """Stopped by Ctrl-C."""


class CannotStart(Exception):
    """The command cannot do its work; `str(error)` says why and how to mend it."""


class WrongUsage(Exception):
    """What was asked for makes no sense; `str(error)` says why."""


def out() -> Console:
    """Standard output, for what was asked for."""
    return Console(highlight=False, soft_wrap=True)


def err() -> Console:
    """Standard error, for progress and complaints."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """Write one line of output; `text` is no markup."""
    out().print(text, markup=False)


def printable(name: str) -> str:
    """The name of a file without what commands a terminal, or is no text in UTF-8."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in name
    )


def complain(text: str) -> None:
    """Write one line of error; `text` is no markup."""
    err().print(f"[red]hilum:[/red] {escape(text)}")


def note(text: str) -> None:
    """Write a line that is neither result nor error."""
    err().print(text, markup=False)


def print_json(document: Mapping[str, Any] | list[Any]) -> None:
    """Write one JSON document to standard output."""
    json.dump(document, sys.stdout, indent=2, default=str, ensure_ascii=False)
    sys.stdout.write("\n")


def print_table(title: str, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Write a table; cells are no markup, and a column of numbers is right-aligned."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for name in columns:
        justify = "right" if name in {"count", "files", "instances"} else "left"
        whole = name == "id"  # Somebody copies it into the next command.
        table.add_column(name, justify=justify, overflow="fold", no_wrap=whole)  # type: ignore[arg-type]
    for row in rows:
        table.add_row(*(escape(str(cell)) for cell in row))
    console = out()
    # Nobody's window bounds a pipe or a file, and a program reads a row as a line.
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _UNFOLDED
    console.print(table)


def end(ending: Ending) -> None:
    """End the command with a code."""
    raise typer.Exit(int(ending))


def size_text(size_bytes: float) -> str:
    """`12.3 MiB`."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size_bytes < 1024:
            return f"{size_bytes:,.0f} {unit}" if unit == "bytes" else f"{size_bytes:,.1f} {unit}"
        size_bytes /= 1024
    return f"{size_bytes:,.1f} TiB"


@contextmanager
def transfer_progress(*, quiet: bool) -> Iterator[Progress]:
    """A bar in bytes, with rate and remaining time."""
    with _progress(
        (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            DownloadColumn(binary_units=True),
            TransferSpeedColumn(),
            TextColumn("{task.fields[files]}"),
            TimeRemainingColumn(),
        ),
        quiet=quiet,
    ) as progress:
        yield progress


@contextmanager
def count_progress(*, quiet: bool) -> Iterator[Progress]:
    """A bar that counts."""
    with _progress(
        (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        ),
        quiet=quiet,
    ) as progress:
        yield progress


def _progress(columns: tuple[ProgressColumn, ...], *, quiet: bool) -> Progress:
    """Bars go to standard error, and only when somebody looks at it."""
    console = err()
    shown = console.is_terminal and not quiet
    return Progress(*columns, console=console, transient=True, disable=not shown)
