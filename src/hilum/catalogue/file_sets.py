"""Instances as a DICOM file-set: which files there are, their names, and their DICOMDIR."""

import asyncio
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from hilum.catalogue.retrieve import OpenInstance, Plan, Retrieve
from hilum.dicom.dicomdir import Dicomdir, ListedFile, NotInDicomdir
from hilum.dicom.json_values import as_written
from hilum.domain.errors import LimitExceeded
from hilum.domain.instances import Metadata
from hilum.domain.records import InstanceRecord

_PAGE: Final = 200


@dataclass(frozen=True, slots=True)
class FileOfSet:
    """A file before its bytes are read."""

    record: InstanceRecord
    name: str
    """Its path in the set: of File ID components, and nothing of the patient."""
    listed: ListedFile | None
    """Its entry in the directory; None when no record can be made for it."""


@dataclass(frozen=True, slots=True)
class FileSet:
    """What a file-set consists of."""

    plan: Plan
    files: Sequence[FileOfSet]
    directory: Dicomdir


class FileSets:
    """Lays out file-sets and opens their files."""

    def __init__(self, retrieve: Retrieve) -> None:
        self._retrieve = retrieve

    async def lay_out(self, plan: Plan) -> FileSet:
        """Name the files of what goes out by `plan`, by their metadata; none of them is opened.

        Raises `LimitExceeded`.
        """
        allowed = self._retrieve.limits.zip_instances
        files: list[FileOfSet] = []
        directory = Dicomdir()
        page: list[InstanceRecord] = []
        async for record in self._retrieve.records(plan):
            page.append(record)
            if len(files) + len(page) > allowed:
                message = "There are more instances than one archive may hold; ask for each series"
                raise LimitExceeded("retrieve.zip_instances", allowed, message)
            if len(page) == _PAGE:
                files += await self._named(page, directory, len(files))
                page.clear()
        files += await self._named(page, directory, len(files))
        return FileSet(plan, files, directory)

    async def open(self, file_set: FileSet) -> AsyncGenerator[tuple[FileOfSet, OpenInstance], None]:
        """Open the files in their order; the directory learns what those became that are converted.

        Raises what `Retrieve.instance` raises; what was yielded before stays good.
        """
        number = 0
        opened_instances = self._retrieve.open_each(file_set.plan, _records(file_set.files))
        async with aclosing(opened_instances):
            async for opened in opened_instances:
                file = file_set.files[number]
                number += 1
                if file.listed is not None:
                    file.listed.transfer_syntax_uid = opened.transfer_syntax_uid
                    if opened.renamed_to is not None:
                        file.listed.sop_instance_uid = opened.renamed_to
                yield file, opened

    async def _named(
        self, page: Sequence[InstanceRecord], directory: Dicomdir, count: int
    ) -> list[FileOfSet]:
        """Name the files of a page; `count` were named before."""
        listed: dict[int, ListedFile] = {}
        records = {record.key: record for record in page}
        async for described in self._retrieve.metadata_of(page):
            metadata = {each.key: each.metadata for each in described}
            listed |= await asyncio.to_thread(_entered, directory, records, metadata)
        return [
            FileOfSet(record, str(file.name), file)
            if (file := listed.get(record.key)) is not None
            else FileOfSet(record, f"OTHER/FI{count + number:06d}", None)
            for number, record in enumerate(page)
        ]


async def _records(files: Sequence[FileOfSet]) -> AsyncIterator[InstanceRecord]:
    for file in files:
        yield file.record


def _entered(
    directory: Dicomdir,
    records: Mapping[int, InstanceRecord],
    metadata: Mapping[int, Metadata],
) -> dict[int, ListedFile]:
    """Enter instances into the directory; left out are those that no record can be made for."""
    listed = {}
    for key, described in metadata.items():
        one = records[key]
        try:
            dataset = as_written(described.text())
            listed[key] = directory.add(
                one.uids, one.sop_class_uid, one.transfer_syntax_uid, dataset
            )
        except (NotInDicomdir, ValueError, zlib.error):
            continue  # the file goes out all the same
    return listed
