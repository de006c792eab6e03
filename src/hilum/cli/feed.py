"""`hilum feed`: what happened, who is told, and what could not be told."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import typer

from hilum.cli import options
from hilum.cli.console import CannotStart, print_json, print_table, say
from hilum.foundation.counting import counted

if TYPE_CHECKING:
    from hilum.bootstrap.open_index import OpenedIndex
    from hilum.delivery.operating import Operating, Standing
    from hilum.domain.records import FeedEntry
    from hilum.settings import Settings

T = TypeVar("T")

app = typer.Typer(
    help="See the feed, its subscriptions and their dead letters, and steer them.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

_FOLLOW_SECONDS: Final = 1.0
_PAGE: Final = 1000

Name = Annotated[str, typer.Argument(help="Name of a subscription.", show_default=False)]


@asynccontextmanager
async def opened(settings: "Settings") -> "AsyncIterator[tuple[OpenedIndex, Operating]]":
    """The database of the archive, beside any server."""
    from hilum.bootstrap.open_index import open_index
    from hilum.delivery.operating import Operating

    async with open_index(settings) as index:
        yield index, Operating(index.delivery, index.arrivals)


def operate(settings: "Settings", work: "Callable[[Operating], Awaitable[T]]") -> T:
    """Do one thing with the subscriptions of the archive."""

    async def run() -> T:
        from hilum.domain.errors import HilumError

        try:
            async with opened(settings) as (_, operating):
                return await work(operating)
        except HilumError as error:
            raise CannotStart(str(error)) from error

    return asyncio.run(run())


@app.command()
def tail(
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=0, help="Show so many of the last entries.")
    ] = 20,
    after: Annotated[
        int | None,
        typer.Option(min=0, help="Show all entries above this sequence.", show_default=False),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")
    ] = False,
    data: options.Data = None,
    config: options.Config = None,
    as_json: options.AsJson = False,
) -> None:
    """Show what happened, in order; one line or one JSON object for each entry.

    Examples:

        hilum feed tail -f

        hilum feed tail --after 41000 --json
    """
    settings = options.settings(data, config)
    asyncio.run(_tail(settings, lines, after, follow=follow, as_json=as_json))


async def _tail(
    settings: "Settings", lines: int, after: int | None, *, follow: bool, as_json: bool
) -> None:
    async with opened(settings) as (index, _):
        cursor = after
        if cursor is None:
            cursor = max(0, await index.delivery.last_sequence() - lines)
        while True:
            page = await index.feed(cursor, _PAGE)
            for entry in page:
                _show(entry, as_json=as_json)
                cursor = entry.sequence
            if page:
                continue
            if not follow:
                return
            await asyncio.sleep(_FOLLOW_SECONDS)


def _show(entry: "FeedEntry", *, as_json: bool) -> None:
    if as_json:
        import orjson

        from hilum.desk.feed import entry_fields

        say(orjson.dumps(entry_fields(entry)).decode())
        return
    uids = entry.uids
    names = "/".join(uid for uid in (uids.study, uids.series, uids.sop_instance) if uid)
    when = f"{entry.time:%Y-%m-%d %H:%M:%S}"
    say(f"{entry.sequence:>10}  {when}  {entry.kind.value:<16}  {names}")


@app.command()
def status(
    data: options.Data = None,
    config: options.Config = None,
    as_json: options.AsJson = False,
) -> None:
    """Show every follower of the feed: how far it is, what fails, what it could not tell."""
    standings = operate(options.settings(data, config), lambda operating: operating.standings())
    if as_json:
        from hilum.desk.delivery import standing_fields

        print_json([standing_fields(each) for each in standings])
        return
    print_table(
        "",
        ("name", "sink", "state", "cursor", "behind", "sent", "dead letters", "trouble"),
        (_line(each) for each in standings),
    )


def _line(standing: "Standing") -> tuple[str, ...]:
    each = standing.subscription
    trouble = ""
    if each.attempts:
        trouble = f"{each.last_error} ({counted(each.attempts, 'attempt')})"
    return (
        each.name,
        each.sink or "(inside)",
        each.state.value,
        str(each.cursor),
        str(standing.behind),
        str(each.sent),
        str(sum(standing.open_letters.values())),
        trouble,
    )


@app.command()
def pause(
    name: Name,
    data: options.Data = None,
    config: options.Config = None,
) -> None:
    """Stop telling a subscription; what happens meanwhile waits in the feed."""
    operate(options.settings(data, config), lambda operating: operating.pause(name))
    say(f"{name} is paused.")


@app.command()
def resume(
    name: Name,
    data: options.Data = None,
    config: options.Config = None,
) -> None:
    """Go on with a paused subscription, or try one at once whose sink was down."""
    operate(options.settings(data, config), lambda operating: operating.resume(name))
    say(f"{name} goes on.")


@app.command()
def replay(
    name: Name,
    after: Annotated[
        int,
        typer.Option(min=0, help="Tell everything above this sequence; 0 is the whole feed."),
    ],
    data: options.Data = None,
    config: options.Config = None,
) -> None:
    """Tell a subscription again what it was told; the events carry the same ids.

    Examples:

        hilum feed replay kafka --after 41000
    """
    operate(options.settings(data, config), lambda operating: operating.replay(name, after))
    say(f"{name} begins again after {after}.")


@app.command()
def remove(
    name: Name,
    data: options.Data = None,
    config: options.Config = None,
) -> None:
    """Forget a subscription that is no longer in the settings; its dead letters stay."""
    operate(options.settings(data, config), lambda operating: operating.remove(name))
    say(f"{name} is forgotten.")


class OriginChoice(StrEnum):
    """Which way a dead letter was going."""

    SUBSCRIPTION = "subscription"
    INGESTION = "ingestion"
