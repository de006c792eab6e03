"""`hilum rebuild`."""

import asyncio
from typing import TYPE_CHECKING, Any

from hilum.cli import options
from hilum.cli.console import (
    Ending,
    complain,
    count_progress,
    counted,
    end,
    note,
    print_json,
    print_table,
    say,
)

if TYPE_CHECKING:
    from hilum.bootstrap.maintenance import Rebuilt
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

    The feed starts anew, under another id (`X-Feed-Id`), and announces every instance as created.
    Its numbers go on above those of the old one, so that whoever follows it misses nothing; what
    was deleted before is not told again. API keys are taken over when the old index can still be
    read.

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
            f"{counted(report.objects, 'object')} put into a new index, "
            f"{counted(rebuilt.keys, 'API key')} taken over."
        )
        if rebuilt.former_index is not None:
            note(f"The index before is {rebuilt.former_index}; delete it when all is well.")
    if rebuilt.former_index is not None and rebuilt.former_index_problem is not None:
        complain(
            f"nothing could be taken over from the index before ({rebuilt.former_index_problem}) "
            "API keys must be made again, and instances that were deleted shortly before may be "
            "back."
        )
    end(Ending.PROBLEMS if report.not_put_back else Ending.OK)


async def _rebuild(settings: "Settings", *, quiet: bool) -> "Rebuilt":
    from hilum.bootstrap.maintenance import rebuild_archive

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
        "duplicates": report.duplicates,
        "notPutBack": report.not_put_back,
        "reasons": [{"object": key, "reason": reason} for key, reason in report.reasons],
        "keys": rebuilt.keys,
        "formerIndex": rebuilt.former_index,
        "formerIndexProblem": rebuilt.former_index_problem,
    }
