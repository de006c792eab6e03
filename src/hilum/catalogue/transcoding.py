"""Putting whole instances into another transfer syntax: the header anew, frame after frame."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from hilum.catalogue.conversion import Converted
from hilum.catalogue.frame_pieces import FoundFrames
from hilum.catalogue.frames import Frames
from hilum.catalogue.pixel_data import PixelData, described_by, encapsulated, native
from hilum.catalogue.rest_of_instance import RestOfInstance
from hilum.catalogue.stored_bytes import read_exactly, stream_exactly
from hilum.catalogue.stored_metadata import metadata_of, replaced
from hilum.catalogue.transcoded_frames import TranscodedFrames
from hilum.dicom.derived_images import derived_uid, write_head
from hilum.dicom.explicit_little import FileMetaUIDs, file_meta
from hilum.dicom.transcoding_facts import TranscodingFacts, transcoding_facts
from hilum.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN
from hilum.domain.errors import (
    LimitExceeded,
    NoPixelData,
    NotTranscodable,
    PixelsNotDecodable,
)
from hilum.domain.identifiers import Scope, TransferSyntaxUID
from hilum.domain.images import ImagePixels
from hilum.domain.instances import Metadata
from hilum.domain.records import InstanceRecord
from hilum.imaging.describing import (
    LOSSY_IMAGE_COMPRESSION,
    Attribute,
    Lossy,
    changed_attributes,
)
from hilum.imaging.syntaxes import SYNTAXES, Codec
from hilum.imaging.whole_instances import demand_transcodable
from hilum.ports.index import FrameReader, InstanceReader
from hilum.ports.objects import ObjectStore

REFUSALS = (NotTranscodable, PixelsNotDecodable, LimitExceeded)
"""What an instance is refused with of which all that can be told says no."""


@dataclass(frozen=True, slots=True)
class TranscodingLimits:
    header_bytes: int = 32 << 20
    """Bytes before and after the pixel data that are held in memory."""
    frame_bytes: int = 256 << 20
    """Of a decoded frame; the engine has the same limit."""
    page_metadata_bytes: int = 16 << 20
    """Text of metadata that is looked up at a time."""


class Transcoding:
    """Makes Part 10 files in transfer syntaxes that are not stored.

    Memory is that of a header, of the frames that `Frames` holds, and of two frames.
    """

    def __init__(
        self,
        instances: InstanceReader,
        described: FrameReader,
        objects: ObjectStore,
        frames: Frames,
        limits: TranscodingLimits | None = None,
    ) -> None:
        self._instances = instances
        self._described = described
        self._frames = frames
        self._limits = limits or TranscodingLimits()
        self._objects = objects
        self._rest = RestOfInstance(objects, self._limits.header_bytes)

    def offers(self, stored: str, wanted: str) -> bool:
        """Whether images stored in one transfer syntax are put into another."""
        return self._frames.can_transcode(stored, wanted)

    async def refused(self, wanted: Mapping[int, tuple[InstanceRecord, Sequence[str]]]) -> set[int]:
        """Return those that can be put into none of the transfer syntaxes wanted of them.

        Instances go by their row keys. What is found out of the pixel data only is not told.
        """
        refused: set[int] = set()
        left = sorted(wanted)
        while left:
            most = self._limits.page_metadata_bytes
            page = await self._instances.metadata_of(left, most)
            if not page:
                break
            asked = [(each.key, each.metadata, *wanted[each.key]) for each in page]
            refused |= await asyncio.to_thread(self._refused_of, asked)
            left = [key for key in left if key > page[-1].key]
        return refused

    def _refused_of(
        self, asked: Sequence[tuple[int, Metadata, InstanceRecord, Sequence[str]]]
    ) -> set[int]:
        refused = set()
        for key, metadata, record, syntaxes in asked:
            stored = record.transfer_syntax_uid
            if not any(self._seems_possible(metadata, stored, each) for each in syntaxes):
                refused.add(key)
        return refused

    def _seems_possible(self, metadata: Metadata, stored: TransferSyntaxUID, target: str) -> bool:
        try:
            facts = transcoding_facts(metadata, stored)
        except PixelsNotDecodable:
            return target == EXPLICIT_VR_LITTLE_ENDIAN  # no image, so only its header changes
        try:
            demand_transcodable(facts, target, self._limits.frame_bytes)
        except REFUSALS:
            return False
        return True

    async def __call__(self, scope: Scope, record: InstanceRecord, target: str) -> Converted:
        """Put the one instance of `scope` into the transfer syntax `target`.

        The first frames are made; the others are made while they are read.

        Raises `NotConvertible`, `FramesUnknown`, `NoPixelData`, what `PixelEngine.transcode`
        raises, `ArchiveUnavailable`; `ObjectMissing`, also when `record` is not live any more.
        """
        try:
            found = await self._frames.find_all(scope)
        except NoPixelData:
            if target != EXPLICIT_VR_LITTLE_ENDIAN:
                raise
            return await self._without_pixels(record)
        if found.record.version != record.version:
            raise replaced(record)
        facts = await self._facts(found)
        demand_transcodable(facts, target, self._limits.frame_bytes)
        read = await self._rest.before(found)
        tail = await self._rest.after(found, read.pixels)
        frames = await self._frames.transcode(found, target)
        number = len(found.frames)
        pixels = described_by(frames)
        is_encapsulated = SYNTAXES[target].is_encapsulated
        data = encapsulated(frames, number) if is_encapsulated else native(frames, number)
        changed = _changed(facts, pixels, frames)
        renamed_to = None
        if SYNTAXES[target].may_be_lossy:
            original = found.record.uids.sop_instance
            renamed_to = derived_uid(original, found.dataset_sha256, target)
        meta = await self._meta(found.record, target, renamed_to)
        head = meta + await asyncio.to_thread(write_head, read.elements, changed, renamed_to)
        size = None if data.size_bytes is None else len(head) + data.size_bytes + len(tail)
        return Converted(size, _chunks(head, data, tail), renamed_to)

    async def _facts(self, found: FoundFrames) -> TranscodingFacts:
        metadata = await metadata_of(self._described, found.scope, found.record)
        stored = found.record.transfer_syntax_uid
        return await asyncio.to_thread(transcoding_facts, metadata, stored)

    async def _meta(self, record: InstanceRecord, target: str, renamed_to: str | None) -> bytes:
        stored = b""
        if record.dataset_offset:
            stored = await read_exactly(self._objects, record, 0, record.dataset_offset)
        uids = FileMetaUIDs(record.sop_class_uid, record.uids.sop_instance)
        return await asyncio.to_thread(file_meta, stored, uids, target, renamed_to)

    async def _without_pixels(self, record: InstanceRecord) -> Converted:
        """Without pixel data an encapsulated syntax is explicit little endian (PS3.5 A.4)."""
        meta = await self._meta(record, EXPLICIT_VR_LITTLE_ENDIAN, None)
        start, length = record.dataset_offset, record.size_bytes - record.dataset_offset
        dataset = stream_exactly(self._objects, record, start, length)
        return Converted(len(meta) + length, _chunks(meta, PixelData(length, dataset), b""))


def _changed(
    facts: TranscodingFacts, pixels: ImagePixels, frames: TranscodedFrames
) -> Mapping[int, tuple[str, Sequence[int | str]]]:
    compressions = [Lossy(*each) for each in facts.compressions]
    # Of frames that are not made yet nobody knows: the ratio is that of the first ones.
    mean = sum(frames.made) // len(frames.made)
    changed = dict(
        changed_attributes(facts.pixels, pixels, encoded_bytes=mean, compressions=compressions)
    )
    # Decoded, nothing else would tell of it (PS3.3 C.7.6.1.1.5).
    was_lossy = SYNTAXES[facts.pixels.transfer_syntax_uid].codec is Codec.JPEG
    if was_lossy and not facts.is_told_lossy:
        changed[LOSSY_IMAGE_COMPRESSION] = Attribute("CS", ("01",))
    return changed


async def _chunks(head: bytes, data: PixelData, tail: bytes) -> AsyncGenerator[bytes, None]:
    yield head
    async with aclosing(data.chunks) as chunks:
        async for chunk in chunks:
            yield chunk
    if tail:
        yield tail
