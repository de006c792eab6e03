"""`hilum tags`: extended query tags."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from hilum.cli import options
from hilum.cli.console import Ending, end, print_json, print_table, say
from hilum.cli.jobs import in_index

if TYPE_CHECKING:
    from hilum.operations.extended_tags.managing import ManageExtendedTags
    from hilum.settings import Settings

T = TypeVar("T")

app = typer.Typer(
    help="List, add, remove or enable attributes to search by besides the usual ones.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

_MOST = 100_000

Tag = Annotated[
    str,
    typer.Argument(metavar="TAG", help="Keyword, or 8 hexadecimal digits.", show_default=False),
]


def _manage(settings: "Settings", work: "Callable[[ManageExtendedTags], Awaitable[T]]") -> T:
    from hilum.bootstrap.extended_tags import manage_in

    return in_index(settings, lambda index: work(manage_in(settings, index)))


@app.command(name="list")
def list_tags(
    data: options.Data = None, config: options.Config = None, as_json: options.AsJson = False
) -> None:
    """List extended query tags, oldest first."""
    found = _manage(options.settings(data, config), lambda manage: manage.page(_MOST, 0))
    if as_json:
        from hilum.wire.extended_tag_documents import tag_document
        from hilum.wire.surfaces import AZURE_V2

        print_json([tag_document(each, AZURE_V2.prefix) for each in found])
        return
    print_table(
        "",
        ("tag", "VR", "creator", "level", "status", "queries", "errors"),
        (
            (
                each.path,
                each.vr,
                each.private_creator,
                each.level.name.lower(),
                each.status.value,
                "enabled" if each.query_enabled else "disabled",
                str(each.errors),
            )
            for each in found
        ),
    )


@app.command()
def add(
    tag: Tag,
    level: Annotated[str, typer.Option(help="Study, Series or Instance.", show_default=False)],
    vr: Annotated[str | None, typer.Option(help="Required of private attributes.")] = None,
    creator: Annotated[
        str | None, typer.Option(help="Private creator; required of private attributes.")
    ] = None,
    data: options.Data = None,
    config: options.Config = None,
) -> None:
    """Index by a further attribute; a server indexes what is held. Tells the operation's id.

    Examples:

        hilum tags add PatientAge --level study

        hilum tags add 00191002 --vr SH --creator "ACME 1.1" --level instance
    """
    from hilum.domain.origins import Door, Origin
    from hilum.foundation.ids import new_correlation_id
    from hilum.operations.extended_tags.rules import AskedTag

    origin = Origin(Door.IMPORT, new_correlation_id(), principal="operator")
    job_id = _manage(
        options.settings(data, config),
        lambda manage: manage.add([AskedTag(tag, vr, creator, level)], origin),
    )
    say(f"Operation {job_id} indexes what is held: `hilum jobs wait {job_id}`.")


@app.command()
def remove(tag: Tag, data: options.Data = None, config: options.Config = None) -> None:
    """Index by it no more; a server removes what it had, if that is much."""
    _manage(options.settings(data, config), lambda manage: manage.delete(tag))
    say(f"{tag} is indexed no more.")


@app.command()
def enable(
    tag: Tag,
    off: Annotated[bool, typer.Option("--off", help="Disable them instead.")] = False,
    data: options.Data = None,
    config: options.Config = None,
) -> None:
    """Allow searches by a tag, also when some instances could not be indexed by it."""
    _manage(options.settings(data, config), lambda manage: manage.enable(tag, enabled=not off))
    say(f"Searches by {tag} are {'refused' if off else 'allowed'}.")


@app.command()
def errors(
    tag: Tag,
    limit: Annotated[int, typer.Option(min=1, max=_MOST, help="At most so many.")] = 1000,
    data: options.Data = None,
    config: options.Config = None,
    as_json: options.AsJson = False,
) -> None:
    """List instances that could not be indexed by it; ends with 1 when there are any."""
    found = _manage(options.settings(data, config), lambda manage: manage.errors(tag, limit, 0))
    if as_json:
        from hilum.wire.extended_tag_documents import error_document

        print_json([error_document(each, None) for each in found])
    else:
        print_table(
            "",
            ("SOP Instance UID", "since", "why"),
            (
                (each.uids.sop_instance, f"{each.created:%Y-%m-%d %H:%M:%S}", each.message)
                for each in found
            ),
        )
    if found:
        end(Ending.PROBLEMS)
