"""`hilum validate`."""

import asyncio
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum.cli import options
from hilum.cli.console import (
    CannotStart,
    Ending,
    WrongUsage,
    complain,
    count_progress,
    end,
    printable,
    say,
)

if TYPE_CHECKING:
    from hilum.domain.identifiers import InstanceUIDs, StudyInstanceUID
    from hilum.ports.pixels import ImageEngine
    from hilum.settings import Settings
    from hilum.validation.decoding import FrameJudge
    from hilum.validation.findings import Finding
    from hilum.validation.instance import Examination
    from hilum.validation.profiles import DeepProfile


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
        str,
        typer.Option(
            metavar="NAME",
            help="standard: as severe as the standard has it; practice: errors only where an "
            "image is lost, mistaken or unreadable; strict: warnings are errors; or one of the "
            "setting `validation.profiles`.",
        ),
    ] = "standard",
    decode: Annotated[
        bool, typer.Option("--decode", help="Decode every compressed frame, too.")
    ] = False,
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

        hilum validate /media/cd --profile practice --decode --html report.html

        hilum validate incoming --json

        hilum validate 1.2.840.113619.2.1 --data /srv/hilum
    """
    from hilum.validation.profiles import DEEP_PROFILES

    paths, studies = _sorted_out(what)
    settings = None
    if studies or decode or profile not in DEEP_PROFILES:
        settings = options.settings(data, config)
    report = Report(_profile(profile, settings), as_json=as_json)
    with count_progress(quiet=quiet or as_json) as progress:
        task = progress.add_task("Validating", total=None)
        look = Look(report, lambda: progress.update(task, completed=report.summary.files))
        if settings is None:
            for path, examination in examined(paths, report.profile.required):
                look.at(str(path), examination)
        else:
            asyncio.run(_examine(settings, paths, studies, look, decode=decode))
    report.finish(html)
    if report.summary.files == 0:
        complain("no DICOM file was found")
    has_errors = any(severity == "error" for severity in report.summary.counts)
    end(Ending.PROBLEMS if has_errors or report.summary.files == 0 else Ending.OK)


def _profile(name: str, settings: "Settings | None") -> "DeepProfile":
    from hilum.validation.profiles import DEEP_PROFILES, deep_profile

    profiles = DEEP_PROFILES
    if settings is not None:
        from hilum.bootstrap.validation import deep_profiles

        profiles = deep_profiles(settings)
    try:
        return deep_profile(name, profiles)
    except KeyError as error:
        raise WrongUsage(str(error.args[0])) from error


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
        self.profile = profile
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
        findings = self.profile.apply(examination.findings)
        self.summary.add(printable(name), examination, findings)
        if self._document is not None:
            path = None if held else name
            sys.stdout.write(self._document.file(path, examination, findings, held))

    def finish(self, html: Path | None) -> None:
        """Tell of the studies, and write the page if one is wanted."""
        from hilum.cli.validation_text import lines
        from hilum.wire.validation_page import page
        from hilum.wire.validation_words import total

        summary, name = self.summary, self.profile.name
        studies = list(summary.studies(self.profile))
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


@dataclass(frozen=True, slots=True)
class Look:
    """Adds files to a report, and says each time that it did."""

    report: Report
    moved: Callable[[], None]

    def at(
        self, name: str, examination: "Examination | None", held: "InstanceUIDs | None" = None
    ) -> None:
        """See `Report.add`."""
        self.report.add(name, examination, held)
        self.moved()


async def _examine(
    settings: "Settings",
    paths: list[Path],
    studies: "Sequence[StudyInstanceUID]",
    look: Look,
    *,
    decode: bool,
) -> None:
    """Look at files and held studies, with pixel workers if frames are to be decoded."""
    from hilum.bootstrap.pixels import make_pixels

    async with AsyncExitStack() as stack:
        judge = None
        if decode:
            judge = await stack.enter_async_context(make_pixels(settings, None))
        for path, examination in examined(paths, look.report.profile.required):
            found = examination
            if judge is not None and found is not None and found.facts is not None:
                frames = await _frame_findings(path, settings, judge)
                found = replace(found, findings=(*found.findings, *frames))
            look.at(str(path), found)
        if studies:
            await _examine_held(settings, studies, look, judge)


async def _frame_findings(
    path: Path, settings: "Settings", judge: "FrameJudge"
) -> "tuple[Finding, ...]":
    from hilum.bootstrap.options import header_limits
    from hilum.domain.errors import ArchiveUnavailable
    from hilum.ingest.frame_reading import image_of_file
    from hilum.validation.decoding import check_frames
    from hilum.validation.instance import lost_file, unreadable_file

    limits, most_bytes = header_limits(settings), settings.pixels.maximum_frame_bytes
    try:
        image = image_of_file(path, limits, most_bytes)
        if image is None:
            return ()
        return await check_frames(image, judge, settings.pixels.workers)
    except OSError as error:
        return unreadable_file(error).findings
    except ArchiveUnavailable as error:
        return lost_file(str(error)).findings


async def _examine_held(
    settings: "Settings",
    studies: "Sequence[StudyInstanceUID]",
    look: Look,
    judge: "ImageEngine | None",
) -> None:
    from hilum.bootstrap.findings import make_findings
    from hilum.bootstrap.maintenance import open_engines
    from hilum.bootstrap.options import frame_limits
    from hilum.catalogue.frames import Frames
    from hilum.catalogue.judged_frames import JudgedFrames
    from hilum.catalogue.study_findings import Depth
    from hilum.domain.errors import LimitExceeded, NotHeld
    from hilum.domain.identifiers import Scope

    async with open_engines(settings) as engines:
        index, objects = engines.index, engines.objects
        frames = None
        if judge is not None:
            held = Frames(index, objects, judge, frame_limits(settings))
            frames = JudgedFrames(held, judge)
        findings = make_findings(settings, index, objects, frames)
        for study in studies:
            try:
                await findings.summary(Scope(study))
            except (NotHeld, LimitExceeded) as error:
                raise CannotStart(str(error)) from error
        depth = Depth(look.report.profile.required, decode=judge is not None)
        for study in studies:
            async for each in findings.examined(Scope(study), depth):
                uids = each.record.uids
                look.at(uids.sop_instance, each.examination, uids)


def examined(
    paths: list[Path], required: tuple[int, ...] = ()
) -> Iterator[tuple[Path, "Examination | None"]]:
    """Yield every file with what is wrong; None for one in a folder that is no DICOM."""
    for path in paths:
        if path.is_dir():
            for folder, folders, names in os.walk(path):
                folders.sort()
                for name in sorted(names):
                    inner = Path(folder, name)
                    if inner.is_file():
                        yield inner, _examine_file(inner, required, is_named=False)
        else:
            yield path, _examine_file(path, required, is_named=True)


def _examine_file(path: Path, required: tuple[int, ...], *, is_named: bool) -> "Examination | None":
    from hilum.dicom.sources import FileSource
    from hilum.validation.instance import examine_source, unreadable_file

    try:
        with FileSource(path) as source:
            examination = examine_source(source, required=required)
    except OSError as error:
        return unreadable_file(error)
    if not is_named and any(finding.code == "not-dicom" for finding in examination.findings):
        return None
    return examination
