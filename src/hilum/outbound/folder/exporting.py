"""Export: studies leave as the files that came, each proven by the digests it was kept with."""

import asyncio
import secrets
import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

from hilum.catalogue.proving import DamagedObject, proven_chunks
from hilum.dicom.dicomdir import Dicomdir, NotInDicomdir
from hilum.dicom.json_values import as_written
from hilum.domain.errors import HilumError
from hilum.domain.identifiers import Scope, StudyInstanceUID
from hilum.domain.records import InstanceRecord
from hilum.outbound.folder.sinks import Sink
from hilum.ports.index import InstanceReader
from hilum.ports.maintenance import RemembersDigests
from hilum.ports.objects import ObjectStore

_PAGE: Final = 200
_IN_MEMORY_BYTES: Final = 4 << 20


@dataclass(slots=True)
class ExportReport:
    """What left, and what could not."""

    studies: int = 0
    instances: int = 0
    size_bytes: int = 0
    not_exported: list[tuple[str, str]] = field(default_factory=list)
    """SOP Instance UID and why."""


@dataclass(frozen=True, slots=True)
class ExportStudies:
    """The use case behind `hilum export`."""

    index: InstanceReader
    kept: RemembersDigests
    objects: ObjectStore
    progress: Callable[[ExportReport], None] = lambda _report: None

    async def not_held(self, studies: Sequence[StudyInstanceUID]) -> list[StudyInstanceUID]:
        """Which of these studies are not here."""
        return [study for study in studies if await self.index.summary(Scope(study)) is None]

    async def to_files(self, studies: Sequence[StudyInstanceUID], sink: Sink) -> ExportReport:
        """Write `<study>/<series>/<instance>.dcm` by UIDs: safe names that name no patient.

        An instance whose bytes are not those that were kept is left out and reported.
        """
        report = ExportReport()
        for study in studies:
            async for record, content in self._verified(study, sink.staging, report):
                uids = record.uids
                name = PurePosixPath(uids.study, uids.series, f"{uids.sop_instance}.dcm")
                await asyncio.to_thread(sink.add, name, content)
                self._count(record, report)
            report.studies += 1
        await asyncio.to_thread(sink.publish)
        return report

    async def to_medium(self, studies: Sequence[StudyInstanceUID], sink: Sink) -> ExportReport:
        """Write the files under the names of a DICOM file-set, with a DICOMDIR."""
        report = ExportReport()
        listing = Dicomdir()
        seen: set[str] = set()
        for study in studies:
            async for record, content in self._verified(study, sink.staging, report):
                uid = record.uids.sop_instance
                if uid in seen:
                    reason = "another instance of this export has the same SOP Instance UID"
                    report.not_exported.append((uid, reason))
                    continue
                try:
                    name = await self._listed(listing, record)
                except NotInDicomdir as error:
                    report.not_exported.append((uid, str(error)))
                    continue
                seen.add(uid)
                await asyncio.to_thread(sink.add, name, content)
                self._count(record, report)
            report.studies += 1
        directory = sink.staging / "DICOMDIR"
        await asyncio.to_thread(_write, listing, directory)
        await asyncio.to_thread(sink.add, PurePosixPath("DICOMDIR"), directory)
        await asyncio.to_thread(sink.publish)
        return report

    async def _listed(self, listing: Dicomdir, record: InstanceRecord) -> PurePosixPath:
        """Enter an instance into the DICOMDIR and return its name. Raises `NotInDicomdir`."""
        described = await self.index.metadata_of([record.key])
        if not described:
            message = "it was deleted or replaced during the export"
            raise NotInDicomdir(message)
        metadata, syntax = described[0].metadata, record.transfer_syntax_uid
        try:
            dataset = as_written(metadata.text())
        except (ValueError, zlib.error) as error:
            message = "its metadata is damaged (`hilum rebuild` makes it again)"
            raise NotInDicomdir(message) from error
        return listing.add(record.uids, record.sop_class_uid, syntax, dataset).name

    def _count(self, record: InstanceRecord, report: ExportReport) -> None:
        report.instances += 1
        report.size_bytes += record.size_bytes
        self.progress(report)

    async def _verified(
        self, study: StudyInstanceUID, staging: Path, report: ExportReport
    ) -> AsyncIterator[tuple[InstanceRecord, bytes | Path]]:
        after = 0
        while page := await self.index.instances(Scope(study), after, _PAGE):
            after = page[-1].key
            digests = await self.kept.digests([record.version for record in page])
            for record in page:
                try:
                    content = await self._fetch(record, digests.get(record.version), staging)
                except (HilumError, DamagedObject) as error:
                    report.not_exported.append((record.uids.sop_instance, str(error)))
                else:
                    yield record, content

    async def _fetch(
        self, record: InstanceRecord, expected: tuple[bytes, bytes] | None, staging: Path
    ) -> bytes | Path:
        """Return the bytes, or a file of `staging` that has them, after comparing digests."""
        chunks = proven_chunks(self.objects, record, expected)
        if record.size_bytes <= _IN_MEMORY_BYTES:
            return b"".join([chunk async for chunk in chunks])
        path = staging / secrets.token_hex(8)
        with path.open("xb") as file:
            async for chunk in chunks:
                await asyncio.to_thread(file.write, chunk)
        return path


def _write(listing: Dicomdir, path: Path) -> None:
    with path.open("wb") as file:
        file.writelines(listing.chunks())
