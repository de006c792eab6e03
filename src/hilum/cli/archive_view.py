"""`hilum archive-view`."""

import asyncio
from typing import TYPE_CHECKING

import typer

from hilum.cli import options
from hilum.cli.console import CannotStart, count_progress, print_json, say
from hilum.foundation.counting import counted

if TYPE_CHECKING:
    from hilum.settings import Settings
    from hilum.submissions.viewing import Rebuilt

app = typer.Typer(
    help="The uploads as plain files: `original.dcm` and `metadata.json` of each.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


@app.callback()
def archive_view() -> None:
    """The uploads as plain files: `original.dcm` and `metadata.json` of each."""


@app.command()
def rebuild(
    data: options.Data = None,
    config: options.Config = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Make the view of every upload again, and take away what nothing is held of.

    From the database and the stored objects; may run beside a server. For a view that is damaged
    or lost, that was switched on late, or whose settings were changed. Views of uploads that are
    so old that they are forgotten stay for as long as their instances are held; such a view that
    is lost does not come back.

    Examples:

        hilum archive-view rebuild

        hilum archive-view rebuild --data /var/lib/hilum --json
    """
    from hilum.bootstrap.archive_view import view_folder

    settings = options.settings(data, config)
    rebuilt = asyncio.run(_rebuild(settings, quiet=quiet or as_json))
    folder = view_folder(settings)
    if as_json:
        print_json(
            {
                "folder": str(folder),
                "submissions": rebuilt.submissions,
                "kept": rebuilt.kept,
                "removed": rebuilt.removed,
            }
        )
        return
    say(
        f"The views of {counted(rebuilt.submissions, 'upload')} made, {rebuilt.kept} of forgotten "
        f"uploads kept, {rebuilt.removed} without anything held removed, in {folder}"
    )


async def _rebuild(settings: "Settings", *, quiet: bool) -> "Rebuilt":
    from hilum.bootstrap.archive_view import open_view
    from hilum.bootstrap.maintenance import open_engines

    if not settings.archive_view.enabled:
        message = "The archive view is switched off: set archive_view.enabled to true."
        raise CannotStart(message)
    async with (
        open_engines(settings) as engines,
        open_view(settings, engines.index, engines.objects) as viewing,
    ):
        with count_progress(quiet=quiet) as progress:
            task = progress.add_task("Making views", total=None)
            return await viewing.rebuild(lambda done: progress.update(task, completed=done))
