"""DCMTK's senders, with what became of each file (Debian package `dcmtk`, scripts/services)."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

_TIMEOUT_SECONDS = 300
_RESPONSE = re.compile(r"DIMSE Status\s*: 0x(?P<code>[0-9a-fA-F]{4})")
_STATUS = re.compile(r"0x(?P<code>[0-9a-fA-F]+)")
_FIELD = re.compile(r"^(?P<name>[A-Z][\w. ]*?)\s*: (?P<value>.*)$", re.MULTILINE)


def needs_dcmtk() -> pytest.MarkDecorator:
    """Skip when DCMTK is not installed, and say how to get it."""
    missing = [name for name in ("echoscu", "storescu", "dcmsend") if _program(name) is None]
    return pytest.mark.skipif(
        bool(missing),
        reason=f"DCMTK's {', '.join(missing)} not found: run scripts/services install",
    )


@dataclass(frozen=True, slots=True)
class Sent:
    """What a sender says of one file."""

    path: Path
    status: int | None
    """DIMSE status; None when the sender did not send the file (it could not read it, or the
    association was refused or lost)."""
    sop_instance_uid: str = ""
    """As the sender announced it; empty where the tool does not tell."""
    transfer_syntax_uid: str = ""
    """Of the presentation context it was sent in; empty where the tool does not tell."""


@dataclass(frozen=True, slots=True)
class Report:
    """What one run of a sender says."""

    exit_code: int
    output: str
    files: Sequence[Sent]

    @property
    def statuses(self) -> list[int]:
        """Statuses of the files that were sent, in order."""
        return [each.status for each in self.files if each.status is not None]


def echo(port: int, *, calling: str = "ECHOSCU", called: str = "HILUM") -> tuple[int, str]:
    """C-ECHO; return exit code and output."""
    done = _run(["echoscu", "-v", "-aet", calling, "-aec", called, "127.0.0.1", str(port)])
    return done.returncode, done.stdout


def dcmsend(
    port: int,
    files: Sequence[Path],
    *options: str,
    calling: str = "DCMSEND",
    called: str = "HILUM",
    environment: Mapping[str, str] | None = None,
) -> Report:
    """Send files as they are: dcmsend proposes the syntax of each and converts none it needs not.

    Files that it cannot read are in the report without a status.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.txt"
        command = ["dcmsend", "-v", "-nh", "+crf", str(report), "-aet", calling, "-aec", called]
        done = _run([*command, *options, "127.0.0.1", str(port), *map(str, files)], environment)
        sent = _read_report(report.read_text(errors="replace")) if report.exists() else {}
    return Report(
        done.returncode, done.stdout, [sent.get(path, Sent(path, None)) for path in files]
    )


def storescu(
    port: int,
    files: Sequence[Path],
    *options: str,
    calling: str = "STORESCU",
    called: str = "HILUM",
    environment: Mapping[str, str] | None = None,
) -> Report:
    """Send files in the syntaxes that `options` propose; storescu converts between native ones."""
    command = ["storescu", "-d", "-nh", "-aet", calling, "-aec", called]
    done = _run([*command, *options, "127.0.0.1", str(port), *map(str, files)], environment)
    return Report(done.returncode, done.stdout, _read_log(done.stdout, files))


def _run(
    command: list[str], environment: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    program, *arguments = command
    return subprocess.run(
        [_program(program) or program, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=_TIMEOUT_SECONDS,
        check=False,
        env={**os.environ, **(environment or {})},
    )


def _program(name: str) -> str | None:
    """The program outside our environment: pynetdicom installs scripts of the same names there."""
    own = Path(sys.prefix) / "bin"
    path = [each for each in os.get_exec_path() if Path(each).resolve() != own.resolve()]
    return shutil.which(name, path=os.pathsep.join(path))


def _read_report(text: str) -> dict[Path, Sent]:
    """The detailed report of dcmsend: one paragraph per file it could read."""
    sent = {}
    for paragraph in text.split("\n\n"):
        fields = {match["name"]: match["value"] for match in _FIELD.finditer(paragraph)}
        if "Filename" in fields:
            path = Path(fields["Filename"])
            status = _STATUS.search(fields.get("DIMSE Status", ""))
            sent[path] = Sent(
                path,
                int(status["code"], 16) if status else None,
                fields.get("SOP Instance", "").strip(),
                fields.get("Network Xfer", "").partition(" ")[0],
            )
    return sent


def _read_log(output: str, files: Sequence[Path]) -> list[Sent]:
    """The debug log of storescu: a line when a file is begun, the response with its status."""
    names = {str(path): path for path in files}
    statuses: dict[Path, int] = {}
    current: Path | None = None
    for line in output.splitlines():
        _, begun, name = line.partition("Sending file: ")
        if begun:
            current = names.get(name.strip())
        response = _RESPONSE.search(line)
        if response and current is not None:
            statuses[current] = int(response["code"], 16)
    return [Sent(path, statuses.get(path)) for path in files]
