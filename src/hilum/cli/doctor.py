"""`hilum doctor`."""

from typing import TYPE_CHECKING

from hilum.cli import options
from hilum.cli.console import Ending, end, out, print_json, say

if TYPE_CHECKING:
    from hilum.cli.check import Check

_MARKS = {
    "ok": "[green]ok[/green]   ",
    "note": "[yellow]note[/yellow] ",
    "wrong": "[red]wrong[/red]",
}


def doctor(
    data: options.Data = None,
    config: options.Config = None,
    as_json: options.AsJson = False,
) -> None:
    """Look for what could keep Hilum from working, and say how to mend it.

    Checks settings, data folder, disk, database, ports, the interpreter, the clock and limits of
    the system; and connects to the bus, to each sink and to each Orthanc, as a start does. Changes
    nothing; writes one small file to the data folder and removes it, and declares the exchanges of
    RabbitMQ sinks. Prints no password. Ends with 1 when something is wrong.

    Examples:

        hilum doctor

        hilum doctor --data /var/lib/hilum --json
    """
    from hilum.cli.checks import all_checks

    checks = list(all_checks(data, config))
    wrong = [check for check in checks if check.state == "wrong"]
    if as_json:
        print_json({"healthy": not wrong, "checks": [_fields(check) for check in checks]})
    else:
        for check in checks:
            _tell(check)
        say("")
        say("Nothing is wrong." if not wrong else f"{len(wrong)} to mend.")
    end(Ending.PROBLEMS if wrong else Ending.OK)


def _fields(check: "Check") -> dict[str, str]:
    return {
        "subject": check.subject,
        "state": check.state,
        "text": check.text,
        "remedy": check.remedy,
    }


def _tell(check: "Check") -> None:
    from rich.markup import escape

    console = out()
    console.print(f"{_MARKS[check.state]} {check.subject}: {escape(check.text)}")
    if check.remedy:
        console.print(f"        [bold]-> {escape(check.remedy)}[/bold]")
