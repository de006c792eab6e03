"""`hilum import`."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import Progress

from hilum.cli import options
from hilum.cli.console import (
    CannotStart,
    Ending,
    WrongUsage,
    complain,
    end,
    note,
    print_json,
    print_table,
    printable,
    say,
    size_text,
    transfer_progress,
)
from hilum.foundation.counting import counted

if TYPE_CHECKING:
    from hilum.inbound.folder.report import ImportReport
    from hilum.inbound.folder.walking import Survey
    from hilum.settings import Settings


class OnConflictChoice(StrEnum):
    """What to do when other bytes are held under the same UIDs."""

    REFUSE = "refuse"
    NEW_VERSION = "new-version"


class ProfileChoice(StrEnum):
    """Which rules an instance must pass."""

    STANDARD = "standard"
    STRICT = "strict"
    MINIMAL = "minimal"


def import_files(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...",
            help="Files, folders, zip files, DICOMDIRs.",
            show_default=False,
        ),
    ],
    data: options.Data = None,
    config: options.Config = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Read everything again, what was accepted too.")
    ] = False,
    on_conflict: Annotated[
        OnConflictChoice,
        typer.Option(help="When other bytes are held under the same UIDs."),
    ] = OnConflictChoice.REFUSE,
    profile: Annotated[
        ProfileChoice, typer.Option(help="Which rules an instance must pass.")
    ] = ProfileChoice.STANDARD,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            "-j",
            min=1,
            max=256,
            metavar="N",
            help="Files at once  [default: 8]",
            show_default=False,
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write one line of JSON for each file that was not accepted.",
            show_default=False,
        ),
    ] = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Bring files into the archive, as if they had been sent.

    Folders are walked, zip files looked into (nothing is unpacked to disk by its name, zip files
    inside zip files are not followed), and a DICOMDIR that is named leads to the files it refers
    to. What is not DICOM is passed by. Works beside a running server and without one.

    Run the same command again to go on after an interruption: what was accepted is skipped
    when the archive still holds it.

    Ends with 1 when a file was refused or failed, and when nothing that is DICOM was found.

    Examples:

        hilum import /media/cdrom studies.zip

        hilum import ~/dicom --jobs 16 --report refused.jsonl

        hilum import /media/cdrom/DICOMDIR --on-conflict new-version
    """
    for path in paths:
        if not path.exists():
            message = f"there is no {path}."
            raise WrongUsage(message)
    settings = options.settings(data, config, importing__concurrent_instances=jobs)
    with _report_file(report) as lines:
        result = asyncio.run(
            _import(
                settings,
                paths,
                _Policy(on_conflict.value, profile.value),
                _Telling(lines, quiet=quiet or as_json),
                restart=restart,
            )
        )
    if as_json:
        print_json(_document(result))
    else:
        _tell(result, settings.data_dir)
    if result.stopped_because is not None:
        complain(f"stopped: {result.stopped_because} Mend that and run the same command again.")
    elif result.complete and not result.held:
        complain("nothing that is DICOM was found.")
    end(Ending.OK if result.complete and result.held else Ending.PROBLEMS)


class _Policy:
    """What the person chose, as plain words."""

    def __init__(self, on_conflict: str, profile: str) -> None:
        self.on_conflict = on_conflict
        self.profile = profile


async def _import(
    settings: "Settings",
    paths: list[Path],
    policy: _Policy,
    telling: "_Telling",
    *,
    restart: bool,
) -> "ImportReport":
    from hilum.bootstrap.archive import open_archive
    from hilum.domain.instances import OnConflict, StorePolicy
    from hilum.domain.origins import Door, Origin
    from hilum.foundation.ids import new_correlation_id
    from hilum.inbound.folder.importing import ImportFiles, ImportRequest
    from hilum.inbound.folder.ledger import ImportRunning, Ledger, ledger_path
    from hilum.inbound.folder.walking import Survey
    from hilum.ingest.zip_files import ZipLimits

    chosen = settings.importing
    survey = Survey()
    async with open_archive(settings) as archive:
        try:
            ledger = Ledger(ledger_path(settings.data_dir / "imports", paths))
        except ImportRunning as error:
            message = "another import of the same paths is running."
            raise CannotStart(message) from error
        with ledger, telling.progress(survey):
            if restart:
                ledger.forget()
            elif len(ledger):
                before = counted(len(ledger), "file")
                note(f"Going on: {before} accepted before; what is still held is skipped.")
            import_files = ImportFiles(
                archive.ingest,
                archive.spool,
                archive.index.maintenance,
                workers=chosen.concurrent_instances,
                in_memory_bytes=chosen.memory_file_bytes,
                file_bytes=chosen.file_bytes,
                zip_limits=ZipLimits(
                    member_bytes=chosen.zip_member_bytes,
                    ratio=chosen.zip_ratio,
                    free_bytes=chosen.zip_free_bytes,
                    members=chosen.zip_members,
                ),
            )
            request = ImportRequest(
                paths,
                Origin(Door.IMPORT, new_correlation_id()),
                StorePolicy(policy.profile, on_conflict=OnConflict(policy.on_conflict)),
                ledger,
                telling,
            )
            counting = asyncio.create_task(asyncio.to_thread(survey.run, paths))
            try:
                return await import_files(request)
            finally:
                survey.stopped = True
                await counting


class _Telling:
    """Shows the progress, and writes down what was not accepted."""

    def __init__(self, lines: IO[str] | None, *, quiet: bool) -> None:
        self._lines = lines
        self._quiet = quiet
        self._progress: Progress | None = None
        self._survey: Survey | None = None

    @contextmanager
    def progress(self, survey: "Survey") -> Iterator[None]:
        with transfer_progress(quiet=self._quiet) as progress:
            self._progress, self._survey = progress, survey
            self._task = progress.add_task("Importing", total=None, files="")
            yield

    def settled(self, report: "ImportReport") -> None:
        if self._progress is None or self._survey is None or self._progress.disable:
            return
        total = self._survey.size_bytes if self._survey.finished else None
        self._progress.update(
            self._task,
            total=total,
            completed=report.seen_weight_bytes,
            files=counted(report.seen, "file"),
        )

    def not_accepted(self, name: str, reason: str) -> None:
        if self._lines is not None:
            self._lines.write(json.dumps({"file": name, "reason": reason}) + "\n")


@contextmanager
def _report_file(path: Path | None) -> Iterator[IO[str] | None]:
    with ExitStack() as stack:
        yield None if path is None else stack.enter_context(path.open("w", encoding="utf-8"))


def _document(result: "ImportReport") -> dict[str, Any]:
    return {
        "created": result.created,
        "newVersions": result.new_versions,
        "alreadyHeld": result.already_held,
        "skippedAcceptedBefore": result.skipped_accepted_before,
        "notDicom": result.not_dicom,
        "refused": result.refused,
        "quarantined": result.quarantined,
        "failed": result.failed,
        "newBytes": result.new_bytes,
        "alreadyHeldBytes": result.already_held_bytes,
        "stoppedBecause": result.stopped_because,
        "reasons": [
            {"reason": group.reason, "count": group.count, "examples": group.examples}
            for group in result.largest_groups()
        ],
    }


def _tell(result: "ImportReport", folder: Path) -> None:
    groups = result.largest_groups()
    if groups:
        print_table(
            "Not accepted",
            ("files", "why", "for example"),
            ((f"{group.count:,}", group.reason, printable(group.examples[0])) for group in groups),
        )
        say("")
    parts = [
        f"{result.created:,} new",
        *([f"{result.new_versions:,} new versions"] if result.new_versions else []),
        f"{result.already_held:,} held before",
        *(
            [f"{result.skipped_accepted_before:,} skipped (accepted by an earlier run)"]
            if result.skipped_accepted_before
            else []
        ),
        f"{result.refused:,} refused",
        *([f"{result.quarantined:,} of them in quarantine"] if result.quarantined else []),
        *([f"{result.failed:,} failed"] if result.failed else []),
        f"{result.not_dicom:,} not DICOM",
    ]
    stored = f"{size_text(result.new_bytes)} newly stored in {folder}"
    if result.already_held_bytes:
        stored += f", {size_text(result.already_held_bytes)} held before"
    say(f"{counted(result.seen, 'file')}: {', '.join(parts)}. {stored}.")
