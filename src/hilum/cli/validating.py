"""`hilum validate`."""

import os
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum.cli import options
from hilum.cli.console import CannotStart, Ending, WrongUsage, complain, count_progress, end, say

if TYPE_CHECKING:
    from hilum.validation.instance import Examination
    from hilum.validation.profiles import DeepProfile
    from hilum.validation.summary import Summary


class DeepProfileChoice(StrEnum):
    """What counts as an error."""

    STANDARD = "standard"
    PRACTICE = "practice"
    STRICT = "strict"


def validate(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH...", help="Files and folders.", show_default=False),
    ],
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
    Nothing is changed, and no archive is needed. docs/validation.md explains every code. Ends
    with 1 when there are errors.

    Examples:

        hilum validate scan.dcm

        hilum validate /media/cd --profile practice --html report.html

        hilum validate incoming --json
    """
    from hilum.cli.validation_json import JsonReport
    from hilum.validation.profiles import deep_profile
    from hilum.validation.summary import Summary

    for path in paths:
        if not path.exists():
            message = f"there is no {path}"
            raise WrongUsage(message)
    chosen = deep_profile(profile)
    summary = Summary()
    document = JsonReport() if as_json else None
    skipped = 0
    with count_progress(quiet=quiet or as_json) as progress:
        task = progress.add_task("Validating", total=None)
        for path, examination in examined(paths):
            if examination is None:
                skipped += 1
                continue
            findings = chosen.apply(examination.findings)
            summary.add(str(path), examination, findings)
            if document is not None:
                document.file(path, examination, findings)
            progress.update(task, completed=summary.files)
    _report(summary, chosen, document, html, skipped)
    if summary.files == 0:
        complain("no DICOM file was found")
    has_errors = any(severity == "error" for severity in summary.counts)
    end(Ending.PROBLEMS if has_errors or summary.files == 0 else Ending.OK)


def _report(
    summary: "Summary",
    profile: "DeepProfile",
    document: object,
    html: Path | None,
    skipped: int,
) -> None:
    from hilum.cli.validation_json import JsonReport
    from hilum.cli.validation_page import page
    from hilum.cli.validation_text import lines, total

    studies = list(summary.studies(profile))
    if isinstance(document, JsonReport):
        document.close(studies, summary, profile.name, skipped)
    else:
        for study in studies:
            for line in lines(study):
                say(line)
        say(total(summary, profile.name, skipped))
    if html is not None:
        try:
            html.write_text(page(studies, summary, profile.name, skipped), encoding="utf-8")
        except OSError as error:
            message = f"cannot write {html}: {os.strerror(error.errno or 0)}"
            raise CannotStart(message) from error


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
