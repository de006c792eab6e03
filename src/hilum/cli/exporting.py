"""`hilum export`."""

import asyncio
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
    print_json,
    print_table,
    say,
    size_text,
)
from hilum.foundation.counting import counted

if TYPE_CHECKING:
    from hilum.domain.identifiers import StudyInstanceUID
    from hilum.outbound.folder.exporting import ExportReport
    from hilum.outbound.folder.sinks import FolderSink, ZipSink
    from hilum.settings import Settings


def export(
    studies: Annotated[
        list[str],
        typer.Argument(metavar="STUDY...", help="Study Instance UIDs.", show_default=False),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR|FILE.zip",
            help="Where to: a folder, or a zip file when the name ends in .zip.",
            show_default=False,
        ),
    ],
    data: options.Data = None,
    config: options.Config = None,
    dicomdir: Annotated[
        bool,
        typer.Option(
            "--dicomdir", help="Lay the files out as a DICOM file-set with a DICOMDIR (for CDs)."
        ),
    ] = False,
    compress: Annotated[
        bool, typer.Option("--compress", help="Compress a zip file (slower, often half the size).")
    ] = False,
    force: Annotated[bool, typer.Option("--force", "-f", help="Replace what is there.")] = False,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Write studies as files, byte for byte as they came.

    Names are made of UIDs (`study/series/instance.dcm`) and tell nothing of the patient. Each
    file is compared with the digests that were noted when it was kept; one that differs is left
    out and reported. Nothing shows under its final name before it is complete.

    Examples:

        hilum export 1.2.840.113619.2.1 -o study.zip

        hilum export 1.2.3 1.2.4 -o /mnt/transfer

        hilum export 1.2.3 -o /mnt/usb --dicomdir
    """
    wanted = _parsed(studies)
    is_zip = output.suffix.lower() == ".zip" and not output.is_dir()
    if compress and not is_zip:
        message = "--compress is for zip files (-o FILE.zip)."
        raise WrongUsage(message)
    if not output.absolute().parent.is_dir():
        message = f"there is no folder {output.parent}; make it first."
        raise WrongUsage(message)
    settings = options.settings(data, config)
    sink = _sink(output, wanted, is_zip=is_zip, dicomdir=dicomdir, compress=compress, force=force)
    report = asyncio.run(_export(settings, wanted, sink, dicomdir=dicomdir, quiet=quiet or as_json))
    if as_json:
        print_json(
            {
                "output": str(output),
                "studies": report.studies,
                "instances": report.instances,
                "bytes": report.size_bytes,
                "notExported": [
                    {"sopInstanceUID": uid, "reason": reason} for uid, reason in report.not_exported
                ],
            }
        )
    else:
        if report.not_exported:
            print_table("Not exported", ("instance", "why"), report.not_exported)
        what = f"{counted(report.instances, 'instance')} of "
        what += counted(report.studies, "study", "studies")
        say(f"{what} written to {output} ({size_text(report.size_bytes)}).")
    end(Ending.PROBLEMS if report.not_exported else Ending.OK)


def _parsed(studies: list[str]) -> "list[StudyInstanceUID]":
    from hilum.domain.errors import InvalidUID
    from hilum.domain.identifiers import StudyInstanceUID, parse_uid

    try:
        return [StudyInstanceUID(parse_uid(text, "STUDY")) for text in dict.fromkeys(studies)]
    except InvalidUID as error:
        raise WrongUsage(str(error)) from error


def _sink(
    output: Path,
    studies: "list[StudyInstanceUID]",
    *,
    is_zip: bool,
    dicomdir: bool,
    compress: bool,
    force: bool,
) -> "FolderSink | ZipSink":
    from hilum.outbound.folder.sinks import AlreadyThere, FolderSink, ZipSink

    try:
        if is_zip:
            into_zip = ZipSink(output, overwrite=force, compress=compress)
            into_zip.refuse_existing()
            return into_zip
        into_folder = FolderSink(output, overwrite=force)
        into_folder.refuse_existing(["DICOMDIR", "PT000000"] if dicomdir else studies)
    except AlreadyThere as error:
        raise WrongUsage(str(error)) from error
    return into_folder


async def _export(
    settings: "Settings",
    studies: "list[StudyInstanceUID]",
    sink: "FolderSink | ZipSink",
    *,
    dicomdir: bool,
    quiet: bool,
) -> "ExportReport":
    from hilum.bootstrap.maintenance import open_engines
    from hilum.domain.identifiers import Scope
    from hilum.outbound.folder.exporting import ExportStudies
    from hilum.outbound.folder.sinks import AlreadyThere

    async with open_engines(settings) as engines:
        with count_progress(quiet=quiet) as progress:
            use_case = ExportStudies(
                engines.index,
                engines.index.maintenance,
                engines.objects,
                progress=lambda report: progress.update(task, completed=report.instances),
            )
            if missing := await use_case.not_held(studies):
                for study in missing:
                    complain(f"no instance of study {study} is held here.")
                message = "nothing was exported."
                raise CannotStart(message)
            total = 0
            for study in studies:
                summary = await engines.index.summary(Scope(study))
                total += 0 if summary is None else summary.instances
            task = progress.add_task("Exporting", total=total)
            try:
                with sink:
                    if dicomdir:
                        return await use_case.to_medium(studies, sink)
                    return await use_case.to_files(studies, sink)
            except AlreadyThere as error:
                raise CannotStart(str(error)) from error
