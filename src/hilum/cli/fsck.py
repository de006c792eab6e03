"""`hilum fsck`."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hilum.cli import options
from hilum.cli.console import (
    Ending,
    count_progress,
    end,
    print_json,
    print_table,
    say,
    size_text,
)
from hilum.foundation.counting import counted

if TYPE_CHECKING:
    from hilum.catalogue.fsck_report import FsckReport
    from hilum.settings import Settings

_SHOWN = 50


def fsck(
    data: options.Data = None,
    config: options.Config = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Read every byte and compare it with its digest.")
    ] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Mend what can be made again from the objects.")
    ] = False,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Prove that objects, index and feed agree.

    Reads only, and may run beside a server: what a store or a delete has under way is looked at
    again before it counts as damage. With --repair it refuses while anything else uses the data
    folder. Ends with 0 when all agrees (after a repair: again), with 1 when something is wrong.

    A repair describes objects without rows again (nothing that arrived is thrown away: what
    cannot be put back is moved to `lost+found` in the data folder), frees what should have been
    freed, and makes counts and names right. It cannot bring back bytes that are lost.

    Examples:

        hilum fsck

        hilum fsck --deep --json

        hilum fsck --repair
    """
    settings = options.settings(data, config)
    report = asyncio.run(run_fsck(settings, deep=deep, repair=repair, quiet=quiet or as_json))
    if as_json:
        print_json(report_document(report))
    else:
        tell_report(report, repair=repair)
    end(Ending.OK if report.is_clean else Ending.PROBLEMS)


async def run_fsck(settings: "Settings", *, deep: bool, repair: bool, quiet: bool) -> "FsckReport":
    """Check, and repair when asked to; with a bar when somebody looks."""
    from hilum.bootstrap.maintenance import open_engines
    from hilum.catalogue.fsck import Fsck
    from hilum.catalogue.repair import RepairArchive
    from hilum.domain.occupancy import Hold
    from hilum.outbound.folder.aside import LostAndFound

    # What a repair puts right in several steps must not change between them.
    hold = Hold.EXCLUSIVE if repair else Hold.SHARED
    async with open_engines(settings, hold=hold) as engines:
        with count_progress(quiet=quiet) as progress:
            task = progress.add_task("Checking", total=None)
            check = Fsck(
                engines.index,
                engines.index.maintenance,
                engines.objects,
                engines.intents,
                progress=lambda step, done: progress.update(
                    task, description=f"Checking {step}", completed=done
                ),
            )
            report = await check(deep=deep, patience_seconds=0 if engines.alone else 15)
            if repair:
                progress.update(task, description="Repairing", completed=0)
                await RepairArchive(
                    engines.index,
                    engines.index.maintenance,
                    engines.objects,
                    engines.describe,
                    LostAndFound(_lost_and_found(settings)),
                    engines.settle_writes,
                )(report)
            return report


def _lost_and_found(settings: "Settings") -> Path:
    return settings.data_dir / "lost+found"


def report_document(report: "FsckReport") -> dict[str, Any]:
    """The report as JSON shows it."""
    return {
        "clean": report.is_clean,
        "versions": report.versions,
        "objects": report.objects,
        "feedEntries": report.feed_entries,
        "readBytes": report.read_bytes,
        "counts": {damage.value: count for damage, count in sorted(report.counts.items())},
        "found": [
            {
                "damage": found.damage.value,
                "text": found.text,
                "object": None if found.stored is None else found.stored.key,
                "mended": found.mended,
                "remedy": found.remedy,
            }
            for found in report.found
        ],
    }


def tell_report(report: "FsckReport", *, repair: bool) -> None:
    """The report as a person reads it."""
    if report.found:
        print_table(
            "Found",
            ("damage", "what", "remedy" if repair else ""),
            ((found.damage.value, found.text, found.remedy) for found in report.found[:_SHOWN]),
        )
        if report.counts.total() > _SHOWN:
            say(f"... and {report.counts.total() - _SHOWN:,} more (see --json).")
        say("")
    read = f", {size_text(report.read_bytes)} read" if report.read_bytes else ""
    say(
        f"{counted(report.versions, 'version')}, {counted(report.objects, 'object')}, "
        f"{counted(report.feed_entries, 'feed entry', 'feed entries')} checked{read}."
    )
    if report.is_clean:
        say("Everything agrees." if not report.found else "Everything agrees again.")
    elif repair:
        say(f"{counted(len(report.open()) + report.unlisted, 'problem')} left.")
    else:
        say(f"{counted(report.counts.total(), 'problem')} found. `hilum fsck --repair` mends some.")
