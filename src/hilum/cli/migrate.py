"""`hilum migrate`."""

from typing import Annotated

import typer

from hilum.cli import options
from hilum.cli.console import Ending, end, print_json, say


def migrate(
    data: options.Data = None,
    config: options.Config = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell whether there is something to do.")
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Bring the index to the schema of this version.

    A server does so by itself when it starts; this is for those who want to do it first. Refuses
    while anything else uses the data folder. With --dry-run it ends with 1 when the schema is not
    the current one.

    Examples:

        hilum migrate --dry-run

        hilum migrate
    """
    from hilum.bootstrap.maintenance import migrate_archive, schema_state

    settings = options.settings(data, config)
    before = schema_state(settings)
    if not dry_run:
        migrate_archive(settings)
    if as_json:
        print_json(
            {
                "found": before.found,
                "wanted": before.wanted,
                "changed": not dry_run and not before.is_current,
            }
        )
    elif before.is_current:
        say(f"The index has schema {before.wanted}: nothing to do.")
    elif dry_run:
        say(f"The index has schema {before.found or 'none'}; {before.wanted} is wanted.")
    else:
        say(f"The index was brought from schema {before.found or 'none'} to {before.wanted}.")
    end(Ending.PROBLEMS if dry_run and not before.is_current else Ending.OK)
