"""`hilum cache`."""

import typer

from hilum.cli import options
from hilum.cli.console import print_json, say, size_text
from hilum.foundation.counting import counted

app = typer.Typer(
    help="Look at, or empty, the cache of what was made of instances.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


@app.command()
def show(
    data: options.Data = None,
    config: options.Config = None,
    as_json: options.AsJson = False,
) -> None:
    """Tell how much is held of rendered images, thumbnails and transcoded frames.

    Reads names and sizes only, and may run beside a server.

    Examples:

        hilum cache show --json
    """
    from hilum.bootstrap.derived import derived_folder, derived_holding

    settings = options.settings(data, config)
    found = derived_holding(settings)
    folder, most = derived_folder(settings), settings.derived.maximum_bytes
    if as_json:
        print_json(
            {
                "folder": str(folder),
                "objects": found.objects,
                "bytes": found.size_bytes,
                "maximumBytes": most,
            }
        )
        return
    allowed = f"of {size_text(most)} allowed" if most else "switched off"
    say(
        f"{counted(found.objects, 'derived object')}, {size_text(found.size_bytes)} ({allowed}),"
        f" in {folder}"
    )


@app.command()
def clear(data: options.Data = None, config: options.Config = None) -> None:
    """Remove all of it. It is made again when it is asked for.

    May run beside a server, which may still have in memory what it made last. After an index was
    restored from a backup, clear the cache before the server starts.

    Examples:

        hilum cache clear
    """
    from hilum.bootstrap.derived import clear_derived, derived_holding

    settings = options.settings(data, config)
    found = derived_holding(settings)
    clear_derived(settings)
    say(f"{counted(found.objects, 'derived object')} removed, {size_text(found.size_bytes)}.")
