"""The commands of `hilum`. A command imports what it needs when it runs: help must be quick."""

import typer

from hilum.cli import (
    archive_view,
    cache,
    check_server,
    configuration,
    dead_letters,
    demo,
    doctor,
    exporting,
    feed,
    fsck,
    importing,
    jobs,
    keys,
    migrate,
    orthanc,
    quarantine,
    rebuild,
    reconcile,
    serve,
    tags,
    tokens,
    transferring,
    validating,
)
from hilum.cli.console import say

app = typer.Typer(
    name="hilum",
    help="A DICOM imaging gateway and archive: one pipeline, one archive, one feed, many doors.",
    epilog="Exit codes: 0 done; 1 something was refused, failed or found wrong; 2 the command "
    "line is not valid; 3 the command cannot start. Every command takes --help.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def hilum() -> None:
    """A DICOM imaging gateway and archive: one pipeline, one archive, one feed, many doors."""


@app.command()
def version() -> None:
    """Tell the version of Hilum and of what it stands on."""
    import platform
    import sqlite3

    from hilum import __version__

    say(
        f"hilum {__version__} (Python {platform.python_version()}, SQLite {sqlite3.sqlite_version})"
    )


app.command(name="serve")(serve.serve)
app.command(name="import")(importing.import_files)
app.command(name="export")(exporting.export)
app.command(name="demo")(demo.demo)
app.command(name="check")(check_server.check)
app.command(name="doctor")(doctor.doctor)
app.command(name="validate")(validating.validate)
app.command(name="fsck")(fsck.fsck)
app.command(name="reconcile")(reconcile.reconcile)
app.command(name="rebuild")(rebuild.rebuild)
app.command(name="migrate")(migrate.migrate)
app.add_typer(configuration.app, name="config")
app.add_typer(keys.app, name="keys")
app.command(name="token")(tokens.token)
app.add_typer(tokens.app, name="issuer")
app.add_typer(cache.app, name="cache")
app.add_typer(quarantine.app, name="quarantine")
jobs.app.command(name="import")(transferring.import_from)
jobs.app.command(name="export")(transferring.export)
app.add_typer(jobs.app, name="jobs")
app.add_typer(tags.app, name="tags")
app.add_typer(archive_view.app, name="archive-view")
app.add_typer(orthanc.app, name="orthanc")
feed.app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(feed.app, name="feed")
