"""`hilum feed dead-letters`: what could not be told or ingested."""

from typing import TYPE_CHECKING, Annotated

import typer

from hilum.cli import options
from hilum.cli.console import Ending, WrongUsage, end, print_json, print_table, say
from hilum.cli.feed import OriginChoice, operate
from hilum.foundation.counting import counted

if TYPE_CHECKING:
    from hilum.ports.delivery import LetterQuery

app = typer.Typer(
    help="List, show, replay, redirect or discard what could not be delivered or ingested.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

Keys = Annotated[
    list[int] | None,
    typer.Argument(metavar="[KEY]...", help="Numbers of dead letters.", show_default=False),
]
Cause = Annotated[str | None, typer.Option(help="Those with this cause.", show_default=False)]
Subject = Annotated[
    str | None,
    typer.Option(help="Those of this subscription or source.", show_default=False),
]
Origin = Annotated[
    OriginChoice | None, typer.Option(help="Those of this origin.", show_default=False)
]
Reason = Annotated[str, typer.Option(help="Why; kept with the dead letter.", show_default=False)]


@app.command(name="list")
def list_letters(
    cause: Cause = None,
    subject: Subject = None,
    origin: Origin = None,
    all_states: Annotated[
        bool, typer.Option("--all", help="Those that were dealt with too.")
    ] = False,
    after: Annotated[int, typer.Option(min=0, help="Those with keys above this one.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 100,
    data: options.Data = None,
    config: options.Config = None,
    as_json: options.AsJson = False,
) -> None:
    """List dead letters that nobody has dealt with; ends with 1 when there are any."""
    from hilum.domain.delivery import LetterState

    query = _query(None, cause, subject, origin, None if all_states else LetterState.OPEN)
    found = operate(
        options.settings(data, config), lambda operating: operating.letters(query, after, limit)
    )
    if as_json:
        from hilum.desk.delivery import letter_fields

        print_json([letter_fields(each) for each in found])
    else:
        print_table(
            "",
            ("key", "state", "subject", "type", "cause", "attempts", "last failed", "study"),
            (
                (
                    str(each.key),
                    each.state.value,
                    each.subject,
                    each.event_type,
                    each.cause,
                    str(each.attempts),
                    f"{each.last_failed:%Y-%m-%d %H:%M:%S}",
                    each.event_key,
                )
                for each in found
            ),
        )
    if any(each.state is LetterState.OPEN for each in found):
        end(Ending.PROBLEMS)


@app.command()
def show(
    key: Annotated[int, typer.Argument(help="Number of a dead letter.", show_default=False)],
    data: options.Data = None,
    config: options.Config = None,
) -> None:
    """Show one dead letter as JSON, with its payload, which may hold patient data."""
    from hilum.desk.delivery import whole_letter_fields

    letter = operate(options.settings(data, config), lambda operating: operating.letter(key))
    print_json(whole_letter_fields(letter))


@app.command()
def replay(
    keys: Keys = None,
    cause: Cause = None,
    subject: Subject = None,
    origin: Origin = None,
    reason: Reason = "",
    data: options.Data = None,
    config: options.Config = None,
) -> None:
    """Have dead letters sent again by a running server, or fetched from their source again.

    Examples:

        hilum feed dead-letters replay 17 18

        hilum feed dead-letters replay --cause message-too-large --reason "limit was raised"
    """
    query = _which(keys, cause, subject, origin)
    count = operate(
        options.settings(data, config),
        lambda operating: operating.replay_letters(query, reason),
    )
    say(f"{counted(count, 'dead letter')} will be tried again.")


@app.command()
def redirect(
    target: Annotated[
        str, typer.Option("--to", help="Name of the subscription whose sink gets them.")
    ],
    keys: Keys = None,
    cause: Cause = None,
    subject: Subject = None,
    reason: Reason = "",
    data: options.Data = None,
    config: options.Config = None,
) -> None:
    """Have dead letters sent to the sink of another subscription."""
    query = _which(keys, cause, subject, None)
    count = operate(
        options.settings(data, config),
        lambda operating: operating.redirect_letters(query, target, reason),
    )
    say(f"{counted(count, 'dead letter')} will be sent to {target}.")


@app.command()
def discard(
    reason: Reason,
    keys: Keys = None,
    cause: Cause = None,
    subject: Subject = None,
    origin: Origin = None,
    data: options.Data = None,
    config: options.Config = None,
) -> None:
    """Give dead letters up. They stay in the database, with the reason."""
    query = _which(keys, cause, subject, origin)
    count = operate(
        options.settings(data, config),
        lambda operating: operating.discard_letters(query, reason),
    )
    say(f"{counted(count, 'dead letter')} given up.")


def _which(
    keys: list[int] | None, cause: str | None, subject: str | None, origin: OriginChoice | None
) -> "LetterQuery":
    if not keys and cause is None and subject is None and origin is None:
        message = "Say which: keys, --cause, --subject or --origin."
        raise WrongUsage(message)
    return _query(keys or None, cause, subject, origin, None)


def _query(
    keys: list[int] | None,
    cause: str | None,
    subject: str | None,
    origin: OriginChoice | None,
    state: object,
) -> "LetterQuery":
    from hilum.domain.delivery import LetterOrigin, LetterState
    from hilum.ports.delivery import LetterQuery

    return LetterQuery(
        origin=None if origin is None else LetterOrigin(origin.value),
        subject=subject,
        state=state if isinstance(state, LetterState) else None,
        cause=cause,
        keys=keys,
    )
