"""`hilum reconcile`."""

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hilum.cli import options
from hilum.cli.console import Ending, end, print_json, print_table, say
from hilum.foundation.counting import counted

if TYPE_CHECKING:
    from hilum.bootstrap.reconciling import NotComparable
    from hilum.catalogue.fsck_report import FsckReport
    from hilum.delivery.reconciling import Reconciled
    from hilum.settings import Settings

_SHOWN = 50


def reconcile(
    after: Annotated[
        int,
        typer.Option(
            min=0, help="Compare what was told above this sequence, as when a topic forgets."
        ),
    ] = 0,
    archive: Annotated[
        bool,
        typer.Option(help="Compare objects, index and feed too, as `hilum fsck` does."),
    ] = True,
    data: options.Data = None,
    config: options.Config = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Prove that objects, index, feed and what was told agree; name every gap.

    Everything that the feed has for a subscription, up to its cursor, must be in its Kafka topics
    or its file of JSON lines, or among its dead letters, in the order of the feed for each study.
    Sinks that keep nothing (webhooks, channels, queues) cannot be compared and are told. Reads
    only, and may run beside a server. Ends with 0 when all agrees, with 1 when something is
    missing, out of order or cannot be read.

    Examples:

        hilum reconcile

        hilum reconcile --after 41000 --no-archive --json
    """
    settings = options.settings(data, config)
    report, compared = asyncio.run(
        _reconcile(settings, after, archive=archive, quiet=quiet or as_json)
    )
    if as_json:
        print_json(_document(report, compared))
    else:
        _tell(report, compared)
    agrees = report is None or report.is_clean
    end(Ending.OK if agrees and all(map(_is_well, compared)) else Ending.PROBLEMS)


async def _reconcile(
    settings: "Settings", after: int, *, archive: bool, quiet: bool
) -> "tuple[FsckReport | None, list[Reconciled | NotComparable]]":
    from hilum.bootstrap.maintenance import open_engines
    from hilum.bootstrap.reconciling import reconcile_subscriptions
    from hilum.cli.fsck import run_fsck

    report = await run_fsck(settings, deep=False, repair=False, quiet=quiet) if archive else None
    async with open_engines(settings) as engines:
        compared = [each async for each in reconcile_subscriptions(settings, engines.index, after)]
    return report, compared


def _is_well(each: "Reconciled | NotComparable") -> bool:
    from hilum.delivery.reconciling import Reconciled

    return each.agrees if isinstance(each, Reconciled) else not each.is_fault


def _document(
    report: "FsckReport | None", compared: "list[Reconciled | NotComparable]"
) -> dict[str, Any]:
    from hilum.cli.fsck import report_document

    return {
        "archive": None if report is None else report_document(report),
        "subscriptions": [_fields(each) for each in compared],
    }


def _fields(each: "Reconciled | NotComparable") -> dict[str, Any]:
    from hilum.delivery.reconciling import Reconciled

    if not isinstance(each, Reconciled):
        return asdict(each)
    return {
        "name": each.name,
        "agrees": each.agrees,
        "cursor": each.cursor,
        "expected": each.expected,
        "told": each.told,
        "repeated": each.repeated,
        "foreign": each.foreign,
        "dead": each.dead,
        "counts": dict(each.counts),
        "gaps": [asdict(gap) for gap in each.gaps],
    }


def _tell(report: "FsckReport | None", compared: "list[Reconciled | NotComparable]") -> None:
    from hilum.bootstrap.reconciling import NotComparable
    from hilum.cli.fsck import tell_report

    if report is not None:
        tell_report(report, repair=False)
    for each in compared:
        if isinstance(each, NotComparable):
            say(f"{each.name}: not compared, {each.why}.")
            continue
        if each.gaps:
            print_table(
                f"Gaps of {each.name}",
                ("problem", "sequence", "type", "event", "study"),
                (
                    (gap.problem, str(gap.sequence), gap.event_type, gap.event_id, gap.study)
                    for gap in each.gaps[:_SHOWN]
                ),
            )
            if each.counts.total() > _SHOWN:
                say(f"... and {each.counts.total() - _SHOWN:,} more (see --json).")
        verdict = "agrees" if each.agrees else counted(each.counts.total(), "gap")
        say(
            f"{each.name}: {verdict}. {counted(each.expected, 'event')} up to sequence "
            f"{each.cursor}, {each.told:,} there, {each.repeated:,} repeated, "
            f"{counted(each.dead, 'dead letter')}."
        )
