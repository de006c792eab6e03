"""`hilum check`."""

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from hilum.cli.console import CannotStart, Ending, WrongUsage, end, note, out, print_json, say

if TYPE_CHECKING:
    from hilum.conformance.checks import Outcome
    from hilum.conformance.running import Plan, Run
    from hilum.conformance.server import Options

_MARKS = {
    "passed": "[green]passed [/green]",
    "failed": "[red]FAILED [/red]",
    "warned": "[yellow]warned [/yellow]",
    "skipped": "[dim]skipped[/dim]",
}
_STANDARD_OUTPUT = Path("-")


def check(
    url: Annotated[
        str, typer.Argument(metavar="URL", help="Base URL of the DICOMweb services of a server.")
    ],
    read_only: Annotated[
        bool,
        typer.Option("--read-only", help="Store and delete nothing; look at the study of --study."),
    ] = False,
    study: Annotated[
        str, typer.Option("--study", metavar="UID", help="Study to look at with --read-only.")
    ] = "",
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="NAME", help="Group or id of checks to run; repeatable."),
    ] = None,
    skip: Annotated[
        list[str] | None,
        typer.Option("--skip", metavar="NAME", help="Group or id to leave out; repeatable."),
    ] = None,
    qido_root: Annotated[
        str, typer.Option("--qido-root", metavar="URL", help="Where searches go, if elsewhere.")
    ] = "",
    wado_root: Annotated[
        str, typer.Option("--wado-root", metavar="URL", help="Where retrieves go, if elsewhere.")
    ] = "",
    stow_root: Annotated[
        str, typer.Option("--stow-root", metavar="URL", help="Where stores go, if elsewhere.")
    ] = "",
    header: Annotated[
        list[str] | None,
        typer.Option("--header", metavar="NAME:VALUE", help="Header of requests; repeatable."),
    ] = None,
    user: Annotated[
        str,
        typer.Option(
            "--user",
            metavar="NAME:PASSWORD",
            envvar="DICOMWEB_CHECK_USER",
            show_envvar=False,
            help="Basic authentication; better as $DICOMWEB_CHECK_USER.",
        ),
    ] = "",
    token: Annotated[
        str,
        typer.Option(
            "--token",
            metavar="TOKEN",
            envvar="DICOMWEB_CHECK_TOKEN",
            show_envvar=False,
            help="Bearer token; better as $DICOMWEB_CHECK_TOKEN.",
        ),
    ] = "",
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.1, metavar="SECONDS", help="For each request.")
    ] = 30.0,
    max_bytes: Annotated[
        int, typer.Option("--max-bytes", min=1024, metavar="N", help="Largest answer that is read.")
    ] = 64 * 1024 * 1024,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Do not look at the certificate of the server.")
    ] = False,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE|-", help="Write the report as JSON; - for here."),
    ] = None,
    html_file: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write the report as a page.")
    ] = None,
    list_checks: Annotated[
        bool, typer.Option("--list", help="List the checks with their sections; ask nobody.")
    ] = False,
) -> None:
    """Check whether a DICOMweb server, of whatever make, does what PS3.18 says.

    Stores a synthetic study under new UIDs, asks for it in every way the standard has, compares,
    and deletes it again where the server can delete. With --read-only nothing is stored: the
    study of --study is looked at, and what needs known values is skipped. Reports never hold
    attributes of patients or bodies of answers.

    Ends with 0 when no requirement ("shall") failed, with 1 when one did, with 2 when the
    command line is not valid, with 3 when the server does not answer. Needs `hilum[check]`.

    Examples:

        hilum check http://127.0.0.1:8080/dicom-web

        hilum check https://pacs.example/dicomweb --token "$TOKEN" --html report.html

        hilum check https://pacs.example/rs --read-only --study 1.2.840.1 --skip rendered
    """
    try:
        from hilum.conformance import report
        from hilum.conformance.server import Options
    except ModuleNotFoundError as error:
        if error.name != "httpx":
            raise
        message = "this command needs httpx: pip install 'hilum[check]'"
        raise CannotStart(message) from error
    plan = _plan(read_only, study, only or [], skip or [])
    if list_checks:
        _list(plan)
        return
    options = Options(
        url=_root(url),
        qido_root=_root(qido_root) if qido_root else "",
        wado_root=_root(wado_root) if wado_root else "",
        stow_root=_root(stow_root) if stow_root else "",
        headers=_headers(header or [], token),
        user=_user(user),
        timeout_seconds=timeout,
        max_bytes=max_bytes,
        verify=not insecure,
    )
    run = asyncio.run(_run(options, plan, quiet=json_file == _STANDARD_OUTPUT))
    document = report.as_json(run)
    if json_file == _STANDARD_OUTPUT:
        print_json(document)
    else:
        _conclude(run)
        if json_file is not None:
            text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
            json_file.write_text(text, encoding="utf-8")
    if html_file is not None:
        html_file.write_text(report.as_html(run), encoding="utf-8")
    end(Ending.OK if run.conforms else Ending.PROBLEMS)


async def _run(options: "Options", plan: "Plan", *, quiet: bool) -> "Run":
    from hilum.conformance.running import run_checks
    from hilum.conformance.server import Server, Unreachable

    async with Server(options) as server:
        try:
            return await run_checks(server, plan, (lambda _: None) if quiet else _tell)
        except Unreachable as error:
            message = f"{options.url} does not answer ({error})."
            raise CannotStart(message) from error


def _plan(read_only: bool, study: str, only: list[str], skip: list[str]) -> "Plan":
    from hilum.conformance.running import Plan, all_checks

    if read_only != bool(study):
        message = "--read-only and --study UID belong together."
        raise WrongUsage(message)
    if study and not (len(study) <= 64 and study.replace(".", "").isascii()):
        message = "--study is no UID."
        raise WrongUsage(message)
    if study and not all(part.isdigit() for part in study.split(".")):
        message = "--study is no UID."
        raise WrongUsage(message)
    names = {name for one in all_checks() for name in (one.group, one.id)}
    unknown = sorted({*only, *skip} - names)
    if unknown:
        groups = ", ".join(dict.fromkeys(one.group for one in all_checks()))
        message = f"no check is named {', '.join(unknown)}; groups are {groups}; see --list."
        raise WrongUsage(message)
    return Plan(study, tuple(only), tuple(skip))


def _root(url: str) -> str:
    """An URL without credentials: those would stand in reports."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        message = "the URL must begin with http:// or https:// and name a host."
        raise WrongUsage(message)
    if parts.username is not None or parts.query or parts.fragment:
        message = "give credentials by --user or --token, and the URL without query."
        raise WrongUsage(message)
    return url


def _headers(given: list[str], token: str) -> dict[str, str]:
    headers = {}
    for one in given:
        name, colon, text = one.partition(":")
        if not colon or not name.strip():
            message = "--header is NAME:VALUE."
            raise WrongUsage(message)
        headers[name.strip()] = text.strip()
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return headers


def _user(given: str) -> tuple[str, str] | None:
    if not given:
        return None
    name, colon, password = given.partition(":")
    if not colon:
        message = "--user is NAME:PASSWORD."
        raise WrongUsage(message)
    return name, password


def _tell(outcome: "Outcome") -> None:
    from rich.markup import escape

    check = outcome.check
    console = out()
    level = f"{check.level.value:6}"
    console.print(
        f"{_MARKS[outcome.state.value]} {check.id:30} {level} {escape(check.cited):14} "
        f"{escape(check.title)}"
    )
    if outcome.expected:
        text = f"expected {outcome.expected}; found {outcome.found}"
        console.print(f"        -> {escape(text)}")
        if outcome.request:
            console.print(f"           {escape(outcome.request)}")
            console.print(f"           {escape(outcome.response)}")
    elif outcome.found:
        console.print(f"        -> {escape(outcome.found)}")


def _conclude(run: "Run") -> None:
    from hilum.conformance.checks import State

    for remark in run.remarks:
        note(remark)
    say("")
    say(", ".join(f"{run.count(state)} {state.value}" for state in State) + ".")


def _list(plan: "Plan") -> None:
    from hilum.cli.console import print_table
    from hilum.conformance.running import all_checks

    rows = [
        (one.id, one.level.value, one.cited, one.title) for one in all_checks() if plan.wants(one)
    ]
    print_table(f"{len(rows)} checks", ("id", "level", "section", "requirement"), rows)
