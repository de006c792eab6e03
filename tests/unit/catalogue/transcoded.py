"""One instance in an archive of its own, and what it is in another transfer syntax."""

import asyncio
import io
import warnings
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pydicom
from pydicom.dataset import Dataset

from hilum.catalogue.conversion import Conversion
from hilum.catalogue.frames import FrameLimits, Frames
from hilum.catalogue.instance_syntaxes import Wanted
from hilum.catalogue.retrieve import OpenInstance, Retrieve, RetrieveLimits
from hilum.catalogue.transcoding import Transcoding, TranscodingLimits
from hilum.dicom.limits import HeaderLimits
from hilum.domain.identifiers import ObjectKey, Scope, TransferSyntaxUID, Version
from hilum.domain.images import EncodedFrame, TranscodedFrame
from hilum.domain.instances import InMemory, StorePolicy
from hilum.domain.records import (
    FramesRecord,
    InstanceRecord,
    MetadataRecord,
    ScopeSummary,
    VersionedMetadata,
)
from hilum.imaging.transcoding import transcode
from hilum.ingest.examine import examine
from hilum.ports.telemetry import NoIngestMeter
from tests.twins import MemoryObjects

KEY = ObjectKey("1/1.2/1.2.3/1.2.3.4.1.dcm")


class InlineEngine:
    """Works at once, in the test's own process."""

    async def transcode(self, frame: EncodedFrame, target: TransferSyntaxUID) -> TranscodedFrame:
        await asyncio.sleep(0)
        return transcode(frame, target, 1 << 30)


@dataclass
class OneInstance:
    """The part of an index that retrieving needs, of one instance that a test may change."""

    held: FramesRecord
    described_as: VersionedMetadata

    async def frames(self, scope: Scope) -> FramesRecord | None:
        assert scope.sop_instance is not None
        return self.held

    async def described(self, scope: Scope) -> VersionedMetadata | None:
        assert scope.sop_instance is not None
        return self.described_as

    async def instances(self, scope: Scope, after: int, limit: int) -> Sequence[InstanceRecord]:
        assert scope.study == self.held.instance.uids.study
        return [self.held.instance][: limit if after < self.held.instance.key else 0]

    async def metadata_of(
        self, keys: Sequence[int], limit_bytes: int | None = None
    ) -> Sequence[MetadataRecord]:
        assert limit_bytes is None or limit_bytes > 0
        return [MetadataRecord(key, self.described_as.metadata, ()) for key in keys]

    async def metadata(
        self, scope: Scope, after: int, limit: int, limit_bytes: int | None = None
    ) -> Sequence[MetadataRecord]:
        found = await self.instances(scope, after, limit)
        return await self.metadata_of([each.key for each in found], limit_bytes)

    async def summary(self, scope: Scope) -> ScopeSummary | None:
        found = await self.instances(scope, 0, 1)
        return ScopeSummary(len(found), self.described_as.version)

    async def referenced(self, keys: Sequence[ObjectKey]) -> set[ObjectKey]:
        return {KEY} & set(keys)


def examined(data: bytes) -> OneInstance:
    """What the index says of an instance."""
    found = examine(InMemory(data), StorePolicy("minimal"), HeaderLimits(), NoIngestMeter())
    description = found.description
    assert description is not None, found
    record = InstanceRecord(
        1, description.uids, description.sop_class_uid, description.transfer_syntax_uid,
        Version(1), KEY, len(data), description.dataset_offset,
    )  # fmt: skip
    held = FramesRecord(record, found.dataset_sha256, description.frame_table)
    return OneInstance(held, VersionedMetadata(Version(1), description.metadata))


class Archived:
    """One instance, and the use case over it."""

    def __init__(
        self,
        data: bytes,
        limits: FrameLimits | None = None,
        *,
        transcoding: TranscodingLimits | None = None,
        retrieve: RetrieveLimits | None = None,
    ) -> None:
        self.index = examined(data)
        uids = self.index.held.instance.uids
        self.scope = Scope(uids.study, uids.series, uids.sop_instance)
        self.objects = MemoryObjects()
        self.objects.held[KEY] = data
        self._limits = limits, transcoding, retrieve
        self._conversion = Conversion(self.objects, 1)
        self.use(InlineEngine())

    def use(self, engine: InlineEngine) -> None:
        """Put another engine under the use case."""
        frames, transcoding, retrieve = self._limits
        self.frames = Frames(self.index, self.objects, engine, frames)
        whole = Transcoding(self.index, self.index, self.objects, self.frames, transcoding)
        self.retrieve = Retrieve(self.index, self.objects, self._conversion, retrieve, whole)

    def close(self) -> None:
        self._conversion.close()


@asynccontextmanager
async def archived(data: bytes, limits: FrameLimits | None = None) -> AsyncIterator[Archived]:
    """An archive that ends with the block."""
    archive = Archived(data, limits)
    try:
        yield archive
    finally:
        archive.close()


async def opened_as(archive: Archived, syntax: str) -> OpenInstance:
    return await archive.retrieve.instance(archive.scope, Wanted((syntax,)))


async def whole(opened: OpenInstance) -> bytes:
    """All bytes of an instance, as many as it said."""
    content = opened.content
    data = content if isinstance(content, bytes) else b"".join([each async for each in content])
    assert opened.size_bytes in {None, len(data)}
    return data


async def put_into(data: bytes, syntax: str, limits: FrameLimits | None = None) -> bytes:
    """The instance in a transfer syntax."""
    async with archived(data, limits) as archive:
        return await whole(await opened_as(archive, syntax))


def read(data: bytes) -> pydicom.FileDataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(io.BytesIO(data))


def beside_pixels(dataset: Dataset) -> dict[str, Any]:
    """The data set as JSON, without the Image Pixel module and what changes with the encoding."""
    plain: dict[str, Any] = dataset.to_json_dict(bulk_data_threshold=1 << 40)
    dropped = {"7FE00010", "7FE00001", "7FE00002", "00280004", "00280006", "00280102"}
    return {
        key: value
        for key, value in plain.items()
        if key not in dropped and not (key.endswith("0000") and value["vr"] == "UL")
    }
