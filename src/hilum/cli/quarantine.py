"""`hilum quarantine`: what was refused and kept apart."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from hilum.cli import options
from hilum.cli.console import (
    CannotStart,
    Ending,
    WrongUsage,
    complain,
    end,
    print_json,
    print_table,
    say,
    size_text,
)

if TYPE_CHECKING:
    from hilum.settings import Settings
    from hilum.submissions.quarantine import Decided, Quarantine
    from hilum.submissions.repairing import Prospect

T = TypeVar("T")

app = typer.Typer(
    help="List, show, release, repair or discard what was refused and kept apart.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

OPERATOR = "operator"
"""Who decides at the command line, in histories."""


class State(StrEnum):
    """As `hilum.domain.quarantine.QuarantineState`; a test says so."""

    HELD = "held"
    RELEASED = "released"
    REPAIRED = "repaired"
    DISCARDED = "discarded"
    EXPIRED = "expired"


class Way(StrEnum):
    """The doors of `hilum.domain.origins.Door` whose refusals are kept; a test says so."""

    UPLOAD = "upload"
    C_STORE = "c-store"
    STOW = "stow"
    IMPORT = "import"
    ORTHANC = "orthanc"


Key = Annotated[int, typer.Argument(min=1, help="Number in quarantine.", show_default=False)]
Keys = Annotated[
    list[int],
    typer.Argument(min=1, metavar="KEY...", help="Numbers in quarantine.", show_default=False),
]
Reason = Annotated[str, typer.Option(help="Why; kept in its history.", show_default=False)]


def _run(settings: "Settings", work: "Callable[[Quarantine], Awaitable[T]]") -> T:
    async def run() -> T:
        from hilum.bootstrap.quarantine import open_quarantine

        async with open_quarantine(settings) as quarantine:
            return await work(quarantine)

    return asyncio.run(run())


@app.command(name="list")
def list_quarantined(
    state: Annotated[State, typer.Option(help="Those in this state.")] = State.HELD,
    all_states: Annotated[bool, typer.Option("--all", help="Those in any state.")] = False,
    code: Annotated[
        str | None, typer.Option(help="Those refused with this code.", show_default=False)
    ] = None,
    door: Annotated[
        Way | None, typer.Option(help="Those that came in by this door.", show_default=False)
    ] = None,
    upload: Annotated[
        str | None, typer.Option(metavar="STUDY_ID", help="Those of this upload.")
    ] = None,
    study: Annotated[
        str | None, typer.Option(metavar="UID", help="Those of this Study Instance UID.")
    ] = None,
    before: Annotated[
        int | None, typer.Option(min=1, help="Those with numbers below this one.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 100,
    data: options.Data = None,
    config: options.Config = None,
    as_json: options.AsJson = False,
) -> None:
    """List what is in quarantine, newest first; ends with 1 when something is held.

    Examples:

        hilum quarantine list

        hilum quarantine list --code attribute-missing --json
    """
    from hilum.domain.quarantine import QuarantineState
    from hilum.domain.submissions import StudyId
    from hilum.ports.quarantine import QuarantineQuery

    query = QuarantineQuery(
        state=None if all_states else QuarantineState(state.value),
        code=code,
        door=None if door is None else door.value,
        study_id=None if upload is None else StudyId(upload),
        study_instance_uid=study,
    )
    found = asyncio.run(_listed(options.settings(data, config), query, before, limit))
    if as_json:
        from hilum.desk.quarantine_documents import quarantined_document

        print_json([quarantined_document(each) for each in found])
    else:
        print_table(
            "",
            ("key", "state", "door", "code", "received", "expires", "size", "SOP Instance UID"),
            (
                (
                    str(each.key),
                    each.state.value,
                    each.what.origin.door.value,
                    each.what.code,
                    f"{each.received:%Y-%m-%d %H:%M:%S}",
                    f"{each.what.expires:%Y-%m-%d}",
                    size_text(each.what.size_bytes),
                    "" if each.what.uids is None else each.what.uids.sop_instance,
                )
                for each in found
            ),
        )
    if any(each.state is QuarantineState.HELD for each in found):
        end(Ending.PROBLEMS)


async def _listed(settings: "Settings", query: Any, before: int | None, limit: int) -> Any:  # noqa: ANN401 - types are imported late
    from hilum.bootstrap.open_index import open_index
    from hilum.domain.errors import HilumError

    try:
        async with open_index(settings) as index:
            return await index.quarantine.list(query, before, limit)
    except HilumError as error:
        raise CannotStart(str(error)) from error


@app.command()
def show(
    key: Key,
    data: options.Data = None,
    config: options.Config = None,
) -> None:
    """Show one as JSON: why it was refused, what could be repaired, and its history."""
    from hilum.desk.quarantine_documents import prospect_document, whole_document
    from hilum.domain.quarantine import QuarantineState

    async def work(quarantine: "Quarantine") -> dict[str, Any]:
        record = await quarantine.show(key)
        document = whole_document(record)
        if record.state is QuarantineState.HELD:
            document |= prospect_document(await quarantine.prospect(record))
        return document

    print_json(_run(options.settings(data, config), work))


@app.command()
def release(
    keys: Keys,
    reason: Reason = "",
    profile: Annotated[str, typer.Option(help="Validation profile that still counts.")] = "minimal",
    data: options.Data = None,
    config: options.Config = None,
    as_json: options.AsJson = False,
) -> None:
    """Archive files as they are; what is held under their UIDs gets a new version.

    Examples:

        hilum quarantine release 17 --reason "checked with the ward"
    """
    _decide(
        options.settings(data, config),
        keys,
        lambda quarantine, key: quarantine.release(key, OPERATOR, reason, profile),
        as_json=as_json,
    )


@app.command()
def repair(
    keys: Keys,
    coercions: Annotated[
        list[str] | None,
        typer.Option(
            "--coercion",
            "-k",
            metavar="NAME[=VALUE]",
            help="Apply this; may be given several times  [default: all that find something to "
            "mend and need not be named]",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Tell what would be done, and do nothing.")
    ] = False,
    reason: Reason = "",
    data: options.Data = None,
    config: options.Config = None,
    as_json: options.AsJson = False,
) -> None:
    """Archive mended copies, which say what was changed in them.

    A copy is judged as the original was. docs/operations/quarantine.md lists the coercions.

    Examples:

        hilum quarantine repair 17 --dry-run

        hilum quarantine repair 17 18 -k add-type2 -k fix-vr-values

        hilum quarantine repair 17 -k "declare-charset=ISO_IR 144"
    """
    settings = options.settings(data, config)
    if dry_run:
        _try(settings, keys, coercions or None, as_json=as_json)
        return
    _decide(
        settings,
        keys,
        lambda quarantine, key: quarantine.repair(key, OPERATOR, reason, coercions or None),
        as_json=as_json,
    )


@app.command()
def discard(
    keys: Keys,
    reason: Reason,
    original: Annotated[
        bool, typer.Option("--original", help="Of something repaired: its original.")
    ] = False,
    data: options.Data = None,
    config: options.Config = None,
    as_json: options.AsJson = False,
) -> None:
    """Give files up for good. Their records stay, with the reason.

    The original of something repaired is kept until its time is over, also when the instance is
    deleted from the archive; `--original` gives it up before.
    """
    if not reason.strip():
        message = "Discarding needs a reason: somebody will ask one day."
        raise WrongUsage(message)
    _decide(
        options.settings(data, config),
        keys,
        lambda quarantine, key: (quarantine.discard_original if original else quarantine.discard)(
            key, OPERATOR, reason
        ),
        as_json=as_json,
    )


def _decide(
    settings: "Settings",
    keys: Sequence[int],
    decision: "Callable[[Quarantine, int], Awaitable[Decided]]",
    *,
    as_json: bool,
) -> None:
    """Decide about one after another; what cannot be done with one is told, and the others done."""
    from hilum.desk.quarantine_documents import decided_document

    documents, has_failed = [], False
    for key, decided in _run(settings, lambda quarantine: _each(quarantine, keys, decision)):
        if isinstance(decided, str):
            has_failed = True
            complain(f"{key}: {decided}")
        elif as_json:
            documents.append(decided_document(decided))
        else:
            say(f"{key}: {decided.record.state.value}. {_last_text(decided)}".rstrip())
    if as_json:
        print_json(documents)
    if has_failed:
        end(Ending.PROBLEMS)


async def _each(
    quarantine: "Quarantine",
    keys: Sequence[int],
    work: "Callable[[Quarantine, int], Awaitable[T]]",
) -> "list[tuple[int, T | str]]":
    from hilum.domain.errors import ArchiveFault, HilumError, ObjectMissing

    done: list[tuple[int, T | str]] = []
    for key in dict.fromkeys(keys):
        try:
            done.append((key, await work(quarantine, key)))
        except ObjectMissing as error:
            done.append((key, str(error)))
        except ArchiveFault:
            raise
        except HilumError as error:
            done.append((key, str(error)))
    return done


def _try(
    settings: "Settings", keys: Sequence[int], coercions: Sequence[str] | None, *, as_json: bool
) -> None:
    from hilum.desk.quarantine_documents import prospect_document

    documents, has_failed = [], False
    for key, prospect in _run(
        settings,
        lambda quarantine: _each(
            quarantine, keys, lambda each, number: each.try_repair(number, coercions)
        ),
    ):
        if isinstance(prospect, str):
            has_failed = True
            complain(f"{key}: {prospect}")
        elif as_json:
            documents.append({"key": key, **prospect_document(prospect)})
        else:
            _say_prospect(key, prospect)
    if as_json:
        print_json(documents)
    if has_failed:
        end(Ending.PROBLEMS)


def _say_prospect(key: int, prospect: "Prospect") -> None:
    taken = "would be taken" if prospect.would_pass else "would still be refused"
    say(f"{key}: {taken}")
    for proposal in prospect.proposals:
        for change in proposal.applied.changes:
            where = "" if change.path is None else f" {change.path}"
            say(f"  {proposal.applied.coercion}{where}: {change.text}")
    for finding in prospect.remaining:
        where = finding.path or finding.tag_text
        say(f"  left: {finding.severity.value} {finding.code} {where}: {finding.text}")


def _last_text(decided: "Decided") -> str:
    return decided.record.history[-1].text if decided.record.history else ""
