"""`hilum token` and `hilum issuer`."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from hilum.cli import options
from hilum.cli.console import CannotStart, WrongUsage, note, print_json, say
from hilum.cli.keys import ScopeChoice

if TYPE_CHECKING:
    from hilum.settings import Settings

app = typer.Typer(
    help="Look after the keys of the token issuer.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


def token(
    role: Annotated[
        list[str] | None,
        typer.Option(
            "--role", "-r", help="A role to carry; may be given several times.", show_default=False
        ),
    ] = None,
    scope: Annotated[
        list[ScopeChoice] | None,
        typer.Option(
            "--scope",
            "-s",
            help="A scope to carry beside the roles' own; may be given several times.",
            show_default=False,
        ),
    ] = None,
    subject: Annotated[
        str, typer.Option(help="Whom it is for; stands in logs and in the feed of events.")
    ] = "developer",
    lifetime: Annotated[
        str | None,
        typer.Option(
            metavar="SPAN",
            help="How long it is good: 12h, 90d, 4w, 1y  [default: security.issuer.token_seconds]",
            show_default=False,
        ),
    ] = None,
    audience: Annotated[
        str,
        typer.Option(
            help="One of security.issuer.audience  [default: the first]", show_default=False
        ),
    ] = "",
    data: options.Data = None,
    config: options.Config = None,
    as_json: options.AsJson = False,
) -> None:
    """Print a bearer token of the issuer for development (docs/operations/tokens.md).

    The server takes it when `security.issuer.enabled` is set there.

    Examples:

        hilum token --role globalReader

        curl -H "Authorization: Bearer $(hilum token -r globalAdmin)" localhost:8080/v2/studies
    """
    settings = options.settings(data, config)
    if not role and not scope:
        message = "a token without --role and --scope would open nothing."
        raise WrongUsage(message)
    _demand_possible(settings, role or (), audience)
    seconds = 0 if lifetime is None else int(options.span(lifetime, "--lifetime").total_seconds())
    text = asyncio.run(_mint(settings, subject, role or [], scope or [], seconds, audience))
    if as_json:
        print_json({"token": text, "expiresIn": seconds or settings.security.issuer.token_seconds})
        return
    say(text)


def _demand_possible(settings: "Settings", roles: "list[str] | tuple[()]", audience: str) -> None:
    from hilum.bootstrap.identity import known_roles

    issuer = settings.security.issuer
    if not issuer.enabled:
        message = "the token issuer is off: set security.issuer.enabled = true."
        raise CannotStart(message)
    if audience and audience not in issuer.audience:
        message = f"--audience {audience}: should be {' or '.join(issuer.audience)}."
        raise WrongUsage(message)
    known = known_roles(settings).names
    for name in roles:
        if name not in known:
            message = f"--role {name}: there are {', '.join(sorted(known))}."
            raise WrongUsage(message)


async def _mint(
    settings: "Settings",
    subject: str,
    roles: list[str],
    scopes: list[ScopeChoice],
    seconds: int,
    audience: str,
) -> str:
    from hilum.access.principals import AccessScope
    from hilum.bootstrap.identity import make_issuer, own_keys
    from hilum.foundation.clock import SystemClock

    http = settings.http
    issuer = make_issuer(settings, SystemClock(), own_keys(settings))
    return await issuer.mint(
        subject,
        issuer=http.public_url.rstrip("/") or f"http://{http.host}:{http.port}",
        roles=roles,
        scopes=[AccessScope(scope.value) for scope in scopes],
        seconds=seconds,
        audience=audience,
    )


@app.command()
def rotate(
    at_once: Annotated[
        bool,
        typer.Option("--at-once", help="Take no token any longer that was made before."),
    ] = False,
    data: options.Data = None,
    config: options.Config = None,
) -> None:
    """Sign tokens with a new key from now on; a running server takes it up by itself.

    Tokens of the key before stay good until they end, or until the next rotation.
    """
    from hilum.bootstrap.identity import own_keys, own_keys_file

    settings = options.settings(data, config)
    key_id = own_keys(settings).rotate(at_once=at_once)
    say(key_id)
    note(f"The keys are in {own_keys_file(settings)}.")
