"""`hilum orthanc`."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from hilum.cli import options
from hilum.cli.console import Ending, WrongUsage, complain, end, note, print_json, print_table, say

if TYPE_CHECKING:
    from hilum.domain.arrivals import ArrivalRecord, ArrivalState, SourceCursor
    from hilum.domain.roles import Role
    from hilum.settings import Settings

app = typer.Typer(
    help="Look at what is fetched from Orthanc, and have it fetched again.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

_SHOWN: Final = 20

Source = Annotated[
    str | None,
    typer.Option(
        "--source",
        "-s",
        metavar="NAME",
        help="One of `orthanc.sources`  [default: the first]",
        show_default=False,
    ),
]


@app.command()
def status(
    data: options.Data = None,
    config: options.Config = None,
    role: options.RoleName = None,
    as_json: options.AsJson = False,
) -> None:
    """Tell how far each Orthanc was read, what waits and what could not be fetched.

    Examples:

        hilum orthanc status

        hilum orthanc status --json
    """
    from hilum.desk.arrivals import arrival_fields

    settings = _settings(data, config, role)
    cursors, counts, troubled = asyncio.run(_look(settings))
    if as_json:
        print_json(
            {
                "sources": [_source(name, cursors, counts) for name in settings.orthanc.sources],
                "troubled": [arrival_fields(each) for each in troubled],
            }
        )
        return
    if not settings.orthanc.sources:
        note("No Orthanc is configured (setting orthanc.sources).")
    print_table(
        "",
        ("source", "last answer", "change", "resync", "studies", "trouble"),
        (
            (
                one["source"],
                one["checked"] or "never",
                "" if one["sequence"] < 0 else one["sequence"],
                "" if one["resync_after"] is None else f"after {one['resync_after']}",
                ", ".join(f"{number} {state}" for state, number in one["studies"].items()),
                one["error"] or "",
            )
            for one in (_source(name, cursors, counts) for name in settings.orthanc.sources)
        ),
    )
    for each in troubled:
        say(f"{each.state.value}: {each.source} {each.source_id}: {each.error}")


async def _look(
    settings: "Settings",
) -> "tuple[Sequence[SourceCursor], Mapping[str, Mapping[ArrivalState, int]], list[ArrivalRecord]]":
    from hilum.bootstrap.archive import open_archive
    from hilum.domain.arrivals import ArrivalState

    async with open_archive(settings) as archive:
        arrivals = archive.index.arrivals
        troubled: list[ArrivalRecord] = []
        for state in (ArrivalState.FAILED, ArrivalState.PARTIAL, ArrivalState.UNKNOWN):
            troubled += await arrivals.arrivals(state=state, limit=_SHOWN)
        waiting = await arrivals.arrivals(state=ArrivalState.WAITING, limit=_SHOWN)
        troubled += [each for each in waiting if each.error]
        return await arrivals.cursors(), await arrivals.arrival_counts(), troubled


def _source(
    name: str,
    cursors: "Sequence[SourceCursor]",
    counts: "Mapping[str, Mapping[ArrivalState, int]]",
) -> dict[str, Any]:
    cursor = next((each for each in cursors if each.source == name), None)
    checked = None if cursor is None or cursor.checked is None else cursor.checked
    return {
        "source": name,
        "sequence": -1 if cursor is None else cursor.sequence,
        "resync_after": None if cursor is None else cursor.resync_after,
        "checked": None if checked is None else checked.isoformat(timespec="seconds"),
        "error": None if cursor is None else cursor.error or None,
        "studies": {state.value: number for state, number in counts.get(name, {}).items()},
    }


@app.command()
def resync(
    source: Source = None,
    every: Annotated[bool, typer.Option("--all", help="All sources.")] = False,
    unchanged: Annotated[
        bool,
        typer.Option(
            "--unchanged",
            help="Fetch studies that did not change since they were kept as well, as after some "
            "were deleted here.",
        ),
    ] = False,
    data: options.Data = None,
    config: options.Config = None,
    role: options.RoleName = None,
) -> None:
    """Have the server go through all studies of an Orthanc.

    The server does it within some seconds, or when it is started.
    """
    settings = _settings(data, config, role)
    names = list(settings.orthanc.sources) if every else [_named(settings, source)]
    asyncio.run(_resync(settings, names, force=unchanged))
    say(f"Asked for: {', '.join(names)}. See `hilum orthanc status`.")


async def _resync(settings: "Settings", names: Sequence[str], *, force: bool) -> None:
    from hilum.bootstrap.archive import open_archive

    async with open_archive(settings) as archive:
        for name in names:
            await archive.index.arrivals.ask_resync(name, force=force)


@app.command()
def ingest(
    studies: Annotated[
        list[str],
        typer.Argument(metavar="STUDY...", help="Orthanc's identifiers.", show_default=False),
    ],
    source: Source = None,
    unchanged: Annotated[
        bool,
        typer.Option("--unchanged", help="Fetch all of it, also what did not change."),
    ] = False,
    data: options.Data = None,
    config: options.Config = None,
    role: options.RoleName = None,
) -> None:
    """Have the server fetch studies, as the webhook does."""
    from hilum.inbound.orthanc.answers import SOURCE_ID

    settings = _settings(data, config, role)
    name = _named(settings, source)
    for study in studies:
        if SOURCE_ID.fullmatch(study) is None:
            message = f"{study}: should be five groups of eight hexadecimal digits."
            raise WrongUsage(message)
    for study, correlation_id in asyncio.run(_ingest(settings, name, studies, force=unchanged)):
        say(f"{study}  {correlation_id}")


async def _ingest(
    settings: "Settings", source: str, studies: Sequence[str], *, force: bool
) -> list[tuple[str, str]]:
    from hilum.bootstrap.archive import open_archive
    from hilum.domain.arrivals import Seen, Told
    from hilum.foundation.ids import new_correlation_id

    seen = [
        Seen(source, study, new_correlation_id(), Told.OPERATOR, force=force) for study in studies
    ]
    async with open_archive(settings) as archive:
        noted = await archive.index.arrivals.note(seen)
    return [
        (one.source_id, each.correlation_id if each else "")
        for one, each in zip(seen, noted, strict=True)
    ]


def _settings(data: Path | None, config: Path | None, role: "Role | None") -> "Settings":
    return options.settings(data, config, role=role)


def _named(settings: "Settings", source: str | None) -> str:
    names = list(settings.orthanc.sources)
    if not names:
        complain("no Orthanc is configured: set orthanc.sources.")
        end(Ending.CANNOT_START)
    if source is None:
        return names[0]
    if source not in names:
        message = f"--source {source}: there are {', '.join(names)}."
        raise WrongUsage(message)
    return source
