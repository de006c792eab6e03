"""`hilum rebuild`."""

import asyncio
from typing import TYPE_CHECKING, Any

from hilum.cli import options
from hilum.cli.console import (
    Ending,
    complain,
    count_progress,
    end,
    note,
    print_json,
    print_table,
    say,
)
from hilum.foundation.counting import counted

if TYPE_CHECKING:
    from hilum.bootstrap.rebuilding import Rebuilt
    from hilum.settings import Settings

_SHOWN = 50


def rebuild(
    data: options.Data = None,
    config: options.Config = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Make the index again from the stored objects alone.

    For an index that is lost or damaged. Refuses while anything else uses the data folder. The
    new index is made beside the old one and takes its place in one step at the end; the old one
    is kept as `index.sqlite.before-rebuild`.

    What no object tells is taken over from the old index as far as that can be read, and what
    cannot is named: data partitions, API keys, subscriptions, dead letters, revisions of stable
    studies, what was fetched from Orthanc, uploads and quarantine, operations, extended query
    tags, expiries and external metadata of studies, work items, where each instance came from.
    When uploads and quarantine cannot be read, their files are put aside in the holding.

    The feed starts anew, under another id (`X-Feed-Id`), and announces every instance as created
    and every study as stable again. Its numbers go on above those of the old one. Subscriptions
    begin at its start, so that nothing is lost and much is told twice; deletions and failures
    that one of them was not told yet are in it, older ones are not.

    Examples:

        hilum rebuild

        hilum rebuild --data /var/lib/hilum
    """
    rebuilt = asyncio.run(_rebuild(options.settings(data, config), quiet=quiet or as_json))
    report = rebuilt.report
    if as_json:
        print_json(_document(rebuilt))
    else:
        if report.reasons:
            print_table(
                "Not put back (the objects stay)", ("object", "why"), report.reasons[:_SHOWN]
            )
        say(
            f"{counted(report.committed, 'instance version')} of "
            f"{counted(report.objects, 'object')} put into a new index."
        )
        if rebuilt.carried:
            said = ", ".join(f"{number} {what}" for what, number in rebuilt.carried.items())
            say(f"Taken over from the index before: {said}.")
        if rebuilt.carried.get("subscriptions"):
            note("Subscriptions begin at the start of the new feed: everything is told again.")
        if rebuilt.former_index is not None:
            note(f"The index before is {rebuilt.former_index}; delete it when all is well.")
    _complain_of_losses(rebuilt)
    if rebuilt.held_aside is not None:
        complain(
            f"files of uploads that were not archived, and those in quarantine, are in "
            f"{rebuilt.held_aside}: nobody knows any more who sent them. Import them with "
            f"`hilum import {rebuilt.held_aside}`, or delete them."
        )
    end(Ending.PROBLEMS if report.not_put_back else Ending.OK)


def _complain_of_losses(rebuilt: "Rebuilt") -> None:
    if rebuilt.former_index_problem is None:
        for what, why in rebuilt.lost.items():
            complain(f"{what} could not be taken over, or not all of them: {why}")
        return
    lost = "; ".join(rebuilt.lost)
    complain(
        f"nothing could be taken over from the index before ({rebuilt.former_index_problem}). "
        f"Lost: {lost}. API keys must be made again, subscriptions that were paused run, and "
        "instances that were deleted shortly before may be back."
    )


async def _rebuild(settings: "Settings", *, quiet: bool) -> "Rebuilt":
    from hilum.bootstrap.rebuilding import rebuild_archive

    with count_progress(quiet=quiet) as progress:
        task = progress.add_task("Rebuilding", total=None)
        return await rebuild_archive(
            settings, lambda done, of: progress.update(task, completed=done, total=of)
        )


def _document(rebuilt: "Rebuilt") -> dict[str, Any]:
    report = rebuilt.report
    return {
        "objects": report.objects,
        "committed": report.committed,
        "superseded": report.superseded,
        "revised": report.revised,
        "duplicates": report.duplicates,
        "notPutBack": report.not_put_back,
        "reasons": [{"object": key, "reason": reason} for key, reason in report.reasons],
        "carried": dict(rebuilt.carried),
        "lost": dict(rebuilt.lost),
        "formerIndex": rebuilt.former_index,
        "formerIndexProblem": rebuilt.former_index_problem,
        "heldAside": rebuilt.held_aside,
    }
