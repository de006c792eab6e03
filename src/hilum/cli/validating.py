"""`hilum validate`."""

import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum.cli import options
from hilum.cli.console import CannotStart, Ending, WrongUsage, complain, count_progress, end, say

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from hilum.domain.identifiers import InstanceUIDs, StudyInstanceUID
    from hilum.settings import Settings
    from hilum.validation.instance import Examination
    from hilum.validation.profiles import DeepProfile


class DeepProfileChoice(StrEnum):
    """What counts as an error."""

    STANDARD = "standard"
    PRACTICE = "practice"
    STRICT = "strict"


def validate(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH|STUDY...",
            help="Files, folders, and Study Instance UIDs of studies that are held.",
            show_default=False,
        ),
    ],
    data: options.Data = None,
    config: options.Config = None,
    profile: Annotated[
        DeepProfileChoice,
        typer.Option(
            help="standard: as severe as the standard has it; practice: errors only where an "
            "image is lost, mistaken or unreadable; strict: warnings are errors."
        ),
    ] = DeepProfileChoice.STANDARD,
    as_json: options.AsJson = False,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write the report as a page, too."),
    ] = None,
    quiet: options.Quiet = False,
) -> None:
    """Check files to the depth of the standard: encoding, pixel data, modules, whole studies.

    Tells what is wrong, where, what was expected and which section of the standard says so. No
    value that could name a patient is shown. Files in folders that are no DICOM are left out.
    Nothing is changed. An archive is needed for studies that are held only, and a server may use
    it meanwhile. docs/validation.md explains every code. Ends with 1 when there are errors.

    Examples:

        hilum validate scan.dcm

        hilum validate /media/cd --profile practice --html report.html

        hilum validate incoming --json

        hilum validate 1.2.840.113619.2.1 --data /srv/hilum
    """
    from hilum.validation.profiles import deep_profile

    paths, studies = _sorted_out(what)
    settings = options.settings(data, config) if studies else None
    report = Report(deep_profile(profile), as_json=as_json)
    with count_progress(quiet=quiet or as_json) as progress:
        task = progress.add_task("Validating", total=None)
        for path, examination in examined(paths):
            report.add(str(path), examination)
            progress.update(task, completed=report.summary.files)
        if settings is not None:
            asyncio.run(_examine_held(settings, studies, report, progress, task))
    report.finish(html)
    if report.summary.files == 0:
        complain("no DICOM file was found")
    has_errors = any(severity == "error" for severity in report.summary.counts)
    end(Ending.PROBLEMS if has_errors or report.summary.files == 0 else Ending.OK)


def _sorted_out(what: Sequence[str]) -> "tuple[list[Path], list[StudyInstanceUID]]":
    """Part files and folders from studies: what is there is a path, whatever its name."""
    from hilum.domain.errors import InvalidUID
    from hilum.domain.identifiers import StudyInstanceUID, parse_uid

    paths, studies = [], []
    for text in dict.fromkeys(what):
        if Path(text).exists():
            paths.append(Path(text))
            continue
        try:
            studies.append(StudyInstanceUID(parse_uid(text, "STUDY")))
        except InvalidUID as error:
            message = f"there is no file or folder {text}, and it is no Study Instance UID"
            raise WrongUsage(message) from error
    return paths, studies


class Report:
    """What is told while files are looked at, and afterwards."""

    def __init__(self, profile: "DeepProfile", *, as_json: bool) -> None:
        from hilum.validation.summary import Summary
        from hilum.wire.validation_json import JsonReport

        self.summary = Summary()
        self._profile = profile
        self._document = JsonReport() if as_json else None
        self._skipped = 0
        if self._document is not None:
            sys.stdout.write(self._document.start())

    def add(
        self, name: str, examination: "Examination | None", held: "InstanceUIDs | None" = None
    ) -> None:
        """Tell of one file, None for one that is no DICOM; `held` names one of the archive."""
        if examination is None:
            self._skipped += 1
            return
        findings = self._profile.apply(examination.findings)
        self.summary.add(name, examination, findings)
        if self._document is not None:
            path = None if held else name
            sys.stdout.write(self._document.file(path, examination, findings, held))

    def finish(self, html: Path | None) -> None:
        """Tell of the studies, and write the page if one is wanted."""
        from hilum.cli.validation_text import lines
        from hilum.wire.validation_page import page
        from hilum.wire.validation_words import total

        summary, name = self.summary, self._profile.name
        studies = list(summary.studies(self._profile))
        if self._document is not None:
            sys.stdout.write(self._document.close(studies, summary, name, self._skipped))
        else:
            for study in studies:
                for line in lines(study):
                    say(line)
            say(total(summary, name, self._skipped))
        if html is not None:
            try:
                html.write_text(page(studies, summary, name, self._skipped), encoding="utf-8")
            except OSError as error:
                message = f"cannot write {html}: {os.strerror(error.errno or 0)}"
                raise CannotStart(message) from error


async def _examine_held(
    settings: "Settings",
    studies: "Sequence[StudyInstanceUID]",
    report: Report,
    progress: "Progress",
    task: "TaskID",
) -> None:
    from hilum.bootstrap.findings import make_findings
    from hilum.bootstrap.maintenance import open_engines
    from hilum.domain.errors import LimitExceeded, NotHeld
    from hilum.domain.identifiers import Scope

    async with open_engines(settings) as engines:
        findings = make_findings(settings, engines.index, engines.objects)
        for study in studies:
            try:
                await findings.summary(Scope(study))
            except (NotHeld, LimitExceeded) as error:
                raise CannotStart(str(error)) from error
        for study in studies:
            async for each in findings.examined(Scope(study)):
                uids = each.record.uids
                report.add(uids.sop_instance, each.examination, uids)
                progress.update(task, completed=report.summary.files)


def examined(paths: list[Path]) -> Iterator[tuple[Path, "Examination | None"]]:
    """Yield every file with what is wrong; None for one in a folder that is no DICOM."""
    for path in paths:
        if path.is_dir():
            for folder, folders, names in os.walk(path):
                folders.sort()
                for name in sorted(names):
                    inner = Path(folder, name)
                    if inner.is_file():
                        yield inner, _examine(inner, is_named=False)
        else:
            yield path, _examine(path, is_named=True)


def _examine(path: Path, *, is_named: bool) -> "Examination | None":
    from hilum.dicom.sources import FileSource
    from hilum.validation.instance import examine_source, unreadable_file

    try:
        with FileSource(path) as source:
            examination = examine_source(source)
    except OSError as error:
        return unreadable_file(error)
    if not is_named and any(finding.code == "not-dicom" for finding in examination.findings):
        return None
    return examination
