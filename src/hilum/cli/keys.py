"""`hilum keys`."""

import asyncio
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from hilum.cli import options
from hilum.cli.console import Ending, WrongUsage, complain, end, note, print_json, print_table, say

if TYPE_CHECKING:
    from hilum.domain.keys import ApiKey
    from hilum.settings import Settings

app = typer.Typer(
    help="Make, list and revoke API keys.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


class ScopeChoice(StrEnum):
    """What a key may be granted."""

    READ = "read"
    WRITE = "write"
    DELETE = "delete"
    MANAGE_EXTENDED_QUERY_TAGS = "manageExtendedQueryTags"
    EXPORT = "export"
    EVERYTHING = "*"


@app.command()
def create(
    name: Annotated[
        str,
        typer.Argument(help="What the key is for; stands in logs and in the feed of events."),
    ],
    scope: Annotated[
        list[ScopeChoice],
        typer.Option(
            "--scope", "-s", help="What it may do; may be given several times.", show_default=False
        ),
    ],
    expires: Annotated[
        str | None,
        typer.Option(
            metavar="SPAN",
            help="How long it is good: 12h, 90d, 4w, 1y  [default: for ever]",
            show_default=False,
        ),
    ] = None,
    data: options.Data = None,
    config: options.Config = None,
    as_json: options.AsJson = False,
) -> None:
    """Make an API key. It is shown once and kept only as a digest.

    Examples:

        hilum keys create modality-gateway --scope write

        hilum keys create viewer -s read --expires 90d
    """
    if not name.strip() or len(name) > 64 or not name.isprintable():
        message = "NAME should be 1 to 64 printable characters."
        raise WrongUsage(message)
    span = None if expires is None else options.span(expires, "--expires")
    text, record = asyncio.run(_create(options.settings(data, config), name, scope, span))
    if as_json:
        print_json({"key": text, **_fields(record)})
        return
    say(text)
    note(f"This is the only time the key is shown. Its id is {record.key_id}.")


async def _create(
    settings: "Settings", name: str, scopes: list[ScopeChoice], span: timedelta | None
) -> "tuple[str, ApiKey]":
    from hilum.access.api_keys import make_key
    from hilum.access.principals import AccessScope
    from hilum.bootstrap.archive import open_archive
    from hilum.foundation.clock import SystemClock

    now = SystemClock().now()
    key = make_key(
        name,
        [AccessScope(scope.value) for scope in scopes],
        now=now,
        expires=None if span is None else now + span,
    )
    async with open_archive(settings) as archive:
        await archive.index.keys.add(key.record)
    return key.text, key.record


@app.command(name="list")
def list_keys(
    data: options.Data = None,
    config: options.Config = None,
    as_json: options.AsJson = False,
) -> None:
    """List the keys, those that are expired or revoked too; never their secrets."""
    records = asyncio.run(_list(options.settings(data, config)))
    if as_json:
        print_json([_fields(record) for record in records])
        return
    print_table(
        "",
        ("id", "name", "scopes", "created", "expires", "last used", "revoked"),
        (
            (
                record.key_id,
                record.name,
                " ".join(sorted(record.scopes)),
                _day(record.created),
                _day(record.expires),
                _day(record.last_used),
                _day(record.revoked),
            )
            for record in records
        ),
    )


async def _list(settings: "Settings") -> "list[ApiKey]":
    from hilum.bootstrap.archive import open_archive

    async with open_archive(settings) as archive:
        return list(await archive.index.keys.list())


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="As `hilum keys list` shows it.")],
    data: options.Data = None,
    config: options.Config = None,
) -> None:
    """Make a key useless, at once and for good."""
    if not asyncio.run(_revoke(options.settings(data, config), key_id)):
        complain(f"there is no key with the id {key_id}.")
        end(Ending.PROBLEMS)
    say(f"Key {key_id} is revoked.")


async def _revoke(settings: "Settings", key_id: str) -> bool:
    from hilum.bootstrap.archive import open_archive
    from hilum.foundation.clock import SystemClock

    async with open_archive(settings) as archive:
        return await archive.index.keys.revoke(key_id, SystemClock().now())


def _fields(record: "ApiKey") -> dict[str, object]:
    return {
        "id": record.key_id,
        "name": record.name,
        "scopes": sorted(record.scopes),
        "created": _moment(record.created),
        "expires": _moment(record.expires),
        "lastUsed": _moment(record.last_used),
        "revoked": _moment(record.revoked),
    }


def _moment(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()


def _day(time: datetime | None) -> str:
    return "" if time is None else f"{time:%Y-%m-%d %H:%M}"
