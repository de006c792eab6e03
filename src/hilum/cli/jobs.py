"""`hilum jobs`: long work in the background."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from hilum.cli import options
from hilum.cli.console import (
    CannotStart,
    Ending,
    WrongUsage,
    count_progress,
    end,
    print_json,
    print_table,
    say,
)

if TYPE_CHECKING:
    from hilum.bootstrap.open_index import OpenedIndex
    from hilum.domain.jobs import JobId, JobRecord
    from hilum.operations.looking import Operations
    from hilum.settings import Settings

T = TypeVar("T")

app = typer.Typer(
    help="List, show, await or cancel long work, and begin exports and bulk imports.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

_LOOK_SECONDS = 0.5


class Kind(StrEnum):
    """As `hilum.domain.jobs.JobKind`; a test says so."""

    REINDEX = "reindex"
    UPDATE = "update"
    EXPORT = "export"
    IMPORT = "import"


class State(StrEnum):
    """As `hilum.domain.jobs.JobState`; a test says so."""

    NOT_STARTED = "notStarted"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


Job = Annotated[str, typer.Argument(metavar="ID", help="Id of an operation.", show_default=False)]


def in_index(settings: "Settings", work: "Callable[[OpenedIndex], Awaitable[T]]") -> T:
    """Run `work` on the index. Raises `CannotStart` for whatever stops it."""

    async def run() -> T:
        from hilum.bootstrap.open_index import open_index
        from hilum.domain.errors import HilumError, InvalidRequest

        try:
            async with open_index(settings) as index:
                return await work(index)
        except InvalidRequest as error:
            raise WrongUsage(str(error)) from error
        except HilumError as error:
            raise CannotStart(str(error)) from error

    return asyncio.run(run())


def _operate(settings: "Settings", work: "Callable[[Operations], Awaitable[T]]") -> T:
    from hilum.operations.looking import Operations

    return in_index(settings, lambda index: work(Operations(index.jobs, index.job_errors)))


def _id(text: str) -> "JobId":
    from hilum.domain.errors import HilumError
    from hilum.domain.jobs import parse_job_id

    try:
        return parse_job_id(text)
    except HilumError as error:
        raise WrongUsage(str(error)) from error


@app.command(name="list")
def list_jobs(
    kind: Annotated[Kind | None, typer.Option(help="Those of this kind.")] = None,
    state: Annotated[State | None, typer.Option(help="Those in this state.")] = None,
    before: Annotated[int | None, typer.Option(min=1, help="Those with keys below it.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 100,
    data: options.Data = None,
    config: options.Config = None,
    as_json: options.AsJson = False,
) -> None:
    """List operations, newest first.

    Examples:

        hilum jobs list --state running

        hilum jobs list --kind export --json
    """
    from hilum.desk.job_documents import job_document
    from hilum.domain.jobs import JobKind, JobState
    from hilum.ports.jobs import JobQuery

    query = JobQuery(
        None if kind is None else JobKind(kind.value),
        None if state is None else JobState(state.value),
    )
    found = _operate(
        options.settings(data, config), lambda operations: operations.page(query, before, limit)
    )
    documents = [job_document(each) for each in found]
    if as_json:
        print_json(documents)
        return
    print_table(
        "",
        ("key", "id", "kind", "state", "%", "created", "error"),
        (
            (
                each["key"],
                each["job_id"],
                each["kind"],
                each["state"],
                each["percent"],
                each["created"][:19],
                each["error"],
            )
            for each in documents
        ),
    )


@app.command()
def show(job: Job, data: options.Data = None, config: options.Config = None) -> None:
    """Show one as JSON: what was asked for, how far it is, what came of it."""
    from hilum.desk.job_documents import whole_job_document

    job_id = _id(job)
    record = _operate(options.settings(data, config), lambda operations: operations.show(job_id))
    print_json(whole_job_document(record))


@app.command()
def errors(
    job: Job,
    after: Annotated[int, typer.Option(min=0, help="Those with numbers above this one.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 1000,
    data: options.Data = None,
    config: options.Config = None,
    as_json: options.AsJson = False,
) -> None:
    """List what of an export or import was not done; ends with 1 when there is anything."""
    from hilum.desk.job_documents import error_document

    job_id = _id(job)
    found = _operate(
        options.settings(data, config),
        lambda operations: operations.errors(job_id, after, limit),
    )
    if as_json:
        print_json([error_document(*each) for each in enumerate(found, after + 1)])
    else:
        print_table("", ("what", "why"), ((each.what, each.message) for each in found))
    if found:
        end(Ending.PROBLEMS)


@app.command()
def cancel(
    job: Job,
    data: options.Data = None,
    config: options.Config = None,
    as_json: options.AsJson = False,
) -> None:
    """Ask for the end of an operation; what was done by then stays done.

    It ends as soon as a server notices. One that has ended stays as it is.
    """
    from hilum.desk.job_documents import whole_job_document

    job_id = _id(job)
    record = _operate(options.settings(data, config), lambda operations: operations.cancel(job_id))
    if as_json:
        print_json(whole_job_document(record))
    elif record.state.has_ended:
        say(f"Operation {job_id} has ended: {record.state.value}.")
    else:
        say(f"Operation {job_id} is going to end.")


@app.command()
def wait(
    job: Job,
    timeout: Annotated[
        float | None, typer.Option(min=0, metavar="SECONDS", help="Give up after this time.")
    ] = None,
    data: options.Data = None,
    config: options.Config = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Wait for the end of an operation, which a server has to work on.

    Ends with 1 unless it succeeded.
    """
    await_end(
        options.settings(data, config), _id(job), timeout, as_json=as_json, quiet=quiet or as_json
    )


def await_end(
    settings: "Settings",
    job_id: "JobId",
    timeout: float | None,
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    """Wait, and end the command as the operation ended."""
    from hilum.domain.jobs import JobState

    record = _operate(
        settings, lambda operations: _end_of(operations, job_id, timeout, quiet=quiet)
    )
    if as_json:
        from hilum.desk.job_documents import whole_job_document

        print_json(whole_job_document(record))
    else:
        results = ", ".join(f"{name} {value}" for name, value in record.progress.results.items())
        say(" ".join(filter(None, (f"{record.state.value}.", record.error, results))))
    end(Ending.OK if record.state is JobState.SUCCEEDED else Ending.PROBLEMS)


async def _end_of(
    operations: "Operations", job_id: "JobId", seconds: float | None, *, quiet: bool
) -> "JobRecord":
    until = None if seconds is None else time.monotonic() + seconds
    with count_progress(quiet=quiet) as progress:
        task = progress.add_task("Waiting", total=None)
        while True:
            record = await operations.show(job_id)
            progress.update(
                task, completed=record.progress.done, total=record.progress.total or None
            )
            if record.state.has_ended:
                return record
            if until is not None and time.monotonic() >= until:
                message = f"operation {job_id} has not ended yet: {record.state.value}."
                raise CannotStart(message)
            await asyncio.sleep(_LOOK_SECONDS)
