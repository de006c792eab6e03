"""`hilum demo`."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from hilum.cli import options
from hilum.cli.console import (
    Ending,
    complain,
    count_progress,
    end,
    print_json,
    say,
)
from hilum.foundation.counting import counted

if TYPE_CHECKING:
    from hilum.inbound.demo.loading import DemoReport
    from hilum.settings import Settings


def demo(
    studies: Annotated[
        int, typer.Option("--studies", "-n", min=1, max=1000, metavar="N", help="How many studies.")
    ] = 8,
    data: options.Data = None,
    config: options.Config = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Make and load a few synthetic studies, so that there is something to see.

    A CT of a chest, an MR of a head in three series, a chest X-ray in two views, an ultrasound
    loop and a PET; a CT in 300 thin cuts with a segmentation, a report and its PDF, a multi-frame
    MR, and an ultrasound loop in colour. All are computed from numbers, of people who do not
    exist. Their UIDs are always the same: a second run changes nothing. Works beside a running
    server and without one. About 230 MB in all, of which the thin cuts are 160 MB.

    Examples:

        hilum demo

        hilum demo --studies 20 --data /tmp/hilum
    """
    settings = options.settings(data, config)
    report = asyncio.run(_demo(settings, studies, quiet=quiet or as_json))
    if as_json:
        print_json(
            {
                "studies": report.studies,
                "created": report.created,
                "thereBefore": report.there_before,
                "refused": report.refused,
            }
        )
    else:
        for reason in dict.fromkeys(report.refused):
            complain(reason)
        say(
            f"{counted(report.created, 'instance')} of {counted(studies, 'study', 'studies')} "
            f"loaded into {settings.data_dir}, {report.there_before:,} there before."
        )
    end(Ending.PROBLEMS if report.refused else Ending.OK)


async def _demo(settings: "Settings", studies: int, *, quiet: bool) -> "DemoReport":
    from hilum.bootstrap.archive import open_archive
    from hilum.domain.instances import StorePolicy
    from hilum.domain.origins import Door, Origin
    from hilum.foundation.ids import new_correlation_id
    from hilum.inbound.demo.loading import DemoReport, LoadDemo

    async with open_archive(settings) as archive:
        with count_progress(quiet=quiet) as progress:
            task = progress.add_task("Making studies", total=None)

            def settled(report: DemoReport) -> None:
                progress.update(task, completed=report.created + report.there_before)

            return await LoadDemo(archive.ingest)(
                studies,
                Origin(Door.DEMO, new_correlation_id()),
                StorePolicy("standard"),
                settled,
            )
