"""Export: studies leave as the files that came, each proven by the digests it was kept with."""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final, Protocol

from hilum.domain.errors import HilumError
from hilum.domain.identifiers import Scope, StudyInstanceUID
from hilum.domain.records import InstanceRecord
from hilum.outbound.folder.dicomdir import DicomdirBuilder, NotInDicomdir
from hilum.outbound.folder.sinks import Sink
from hilum.ports.index import InstanceReader
from hilum.ports.maintenance import RemembersDigests
from hilum.ports.objects import ObjectStore

_PAGE: Final = 200
_IN_MEMORY_BYTES: Final = 4 << 20


class ExportedIndex(InstanceReader, RemembersDigests, Protocol):
    """What an export asks of the index."""


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

    index: ExportedIndex
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
        builder = DicomdirBuilder()
        files: dict[str, Path] = {}
        for study in studies:
            async for record, content in self._verified(study, sink.staging, report):
                uid = record.uids.sop_instance
                if uid in files:
                    reason = "another instance of this export has the same SOP Instance UID"
                    report.not_exported.append((uid, reason))
                    continue
                try:
                    await asyncio.to_thread(builder.add, record, content)
                except NotInDicomdir as error:
                    report.not_exported.append((uid, str(error)))
                    continue
                files[uid] = await asyncio.to_thread(_on_disk, content, sink.staging)
                self._count(record, report)
            report.studies += 1
        for uid, name in builder.names().items():
            await asyncio.to_thread(sink.add, name, files[uid])
        directory = sink.staging / "DICOMDIR"
        await asyncio.to_thread(builder.write, directory)
        await asyncio.to_thread(sink.add, PurePosixPath("DICOMDIR"), directory)
        await asyncio.to_thread(sink.publish)
        return report

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
            digests = await self.index.digests([record.version for record in page])
            for record in page:
                try:
                    expected = digests.get(record.version)
                    yield record, await self._fetch(record, expected, staging)
                except HilumError as error:
                    report.not_exported.append((record.uids.sop_instance, str(error)))

    async def _fetch(
        self, record: InstanceRecord, expected: tuple[bytes, bytes] | None, staging: Path
    ) -> bytes | Path:
        """Return the bytes, or a file with them, after comparing digests."""
        head, dataset = hashlib.sha256(), hashlib.sha256()
        left = record.dataset_offset
        path = staging / secrets.token_hex(8)
        parts: list[bytes] = []
        small = record.size_bytes <= _IN_MEMORY_BYTES
        with _opened(path, small=small) as write:
            async for chunk in self.objects.stream(record.object_key):
                head.update(chunk[:left])
                dataset.update(chunk[left:])
                left -= min(left, len(chunk))
                if write is None:
                    parts.append(chunk)
                else:
                    await asyncio.to_thread(write, chunk)
        if expected is not None and expected != (head.digest(), dataset.digest()):
            path.unlink(missing_ok=True)
            raise DamagedObject
        return b"".join(parts) if small else path
