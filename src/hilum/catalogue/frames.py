"""Giving frames back: as stored by their place in the object, or in another transfer syntax."""

import asyncio
import struct
from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from hilum.catalogue.derivations import Derivations
from hilum.catalogue.float_pixels import demand_whole_numbers
from hilum.catalogue.frame_pieces import FoundFrames, FrameContent, FramePiece
from hilum.catalogue.kept_frames import KeptFrames, is_worth_keeping
from hilum.catalogue.known_images import KnownImages
from hilum.catalogue.not_held import not_held
from hilum.catalogue.stored_frames import StoredFrames
from hilum.catalogue.stored_metadata import IN_THREAD_BYTES, metadata_of, read_metadata
from hilum.catalogue.transcoded_frames import TranscodedFrames
from hilum.dicom.frame_places import FramePlaces
from hilum.dicom.frames import FrameTable
from hilum.dicom.image_facts import image_pixels
from hilum.dicom.transfer_syntaxes import EXPLICIT_VR_BIG_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN
from hilum.domain.errors import (
    LimitExceeded,
    NoPixelData,
    NotAcceptable,
    NotTranscodable,
    ObjectMissing,
    PixelsNotDecodable,
)
from hilum.domain.identifiers import Scope, TransferSyntaxUID
from hilum.domain.images import ImagePixels
from hilum.domain.records import FramesRecord
from hilum.foundation.memory import HeldMemory, MemoryBudget
from hilum.imaging.syntaxes import SYNTAXES
from hilum.ports.derived import DerivedStore
from hilum.ports.index import FrameReader
from hilum.ports.objects import ObjectStore
from hilum.ports.pixels import PixelEngine
from hilum.validation.decoding import StoredImage

_ELEMENT_HEAD: Final = struct.Struct(">HH2sHI")
"""Tag, VR and length of pixel data in Explicit VR Big Endian (PS3.5 7.1.2)."""
_MAY_BE_FLOAT: Final = 32
"""Bits Allocated from which on samples may be floating point numbers."""
_NUMBER_BYTES: Final = {b"OW": 2, b"OF": 4, b"OD": 8}


@dataclass(frozen=True, slots=True)
class FrameLimits:
    """Bounds on one retrieve of frames; the settings have the same names."""

    whole_object_bytes: int = 4 << 20
    """Frames up to this size are read in one piece, neighbours together; larger ones stream."""
    frames_per_request: int = 10_000
    frames_per_instance: int = 100_000
    """Of an instance that is put into another transfer syntax as a whole."""
    decoded_frame_bytes: int = 256 << 20
    """Largest frame, as stored, that is decoded."""
    held_frames_bytes: int = 16 << 20
    """Transcoded frames that are made before the answer begins."""
    transcoding_memory_bytes: int = 1 << 30
    """Memory of all frames that are being transcoded or sent afterwards; further requests wait."""
    frame_tables_bytes: int = 64 << 20
    """Memory for frame tables of instances that were asked for lately."""
    lossy: bool = False
    """Whether frames are put into a lossy syntax for who asks for it by name."""


class OpenableFrames(Protocol):
    """Frames whose bytes can be had."""

    @property
    def sizes(self) -> Sequence[int] | None:
        """Bytes of each wanted frame; None when they are not known before they are made."""
        ...

    async def read(self, position: int) -> bytes:
        """Return the only wanted frame, whose size is known and small."""
        ...

    def open(self, pieces: Iterable[FramePiece]) -> AsyncGenerator[FrameContent, None]:
        """Yield the bytes of the pieces in order."""
        ...


@dataclass(frozen=True, slots=True)
class FramePlan:
    """What will go out."""

    choice: int
    """Which of the syntaxes that were wanted."""
    frames: OpenableFrames


class Frames:
    """Finds frames and opens them in a transfer syntax that is wanted."""

    def __init__(
        self,
        reader: FrameReader,
        objects: ObjectStore,
        engine: PixelEngine | None = None,
        limits: FrameLimits | None = None,
        derived: DerivedStore | None = None,
    ) -> None:
        """`engine` decodes and encodes; without one, frames go out as stored only.

        `derived` keeps frames that took long to make.
        """
        self._derivations = None if derived is None else Derivations(derived)
        self._reader = reader
        self._objects = objects
        self._engine = engine
        self._limits = limits or FrameLimits()
        self._known = KnownImages(self._limits.frame_tables_bytes)
        self._memory = MemoryBudget(self._limits.transcoding_memory_bytes)

    async def find(self, scope: Scope, frames: Sequence[int]) -> FoundFrames:
        """Find frames, which count from 0, of the one instance of `scope`.

        Raises `InstanceNotFound`, `NoPixelData`, `NoSuchFrame`, `FramesUnknown`, `LimitExceeded`.
        """
        most = self._limits.frames_per_request
        if len(frames) > most:
            what = "More frames are asked for in one request than are given"
            raise LimitExceeded("retrieve.frames_per_request", most, what)
        held = await self._held(scope)
        places = await self._places(held)
        for frame in frames:
            places.check(frame)
        return FoundFrames(scope, held.instance, held.dataset_sha256, places, frames)

    async def find_all(self, scope: Scope) -> FoundFrames:
        """Find every frame of the one instance of `scope`. Raises as `find` does."""
        held = await self._held(scope)
        places = await self._places(held)
        places.check(0)
        number, most = places.table.number_of_frames, self._limits.frames_per_instance
        if number > most:
            what = "The instance has more frames than are put into another transfer syntax at once"
            raise LimitExceeded("retrieve.frames_per_instance", most, what)
        return FoundFrames(scope, held.instance, held.dataset_sha256, places, range(number))

    async def image(self, scope: Scope) -> StoredImage:
        """All frames of the one instance of `scope`, as somebody judges them.

        Raises `InstanceNotFound`, `NoPixelData`, and `PixelsNotDecodable` where nothing says how
        large the image is. Reading raises `ObjectMissing`, `ArchiveUnavailable`.
        """
        held = await self._held(scope)
        places = await self._places(held)
        every = range(places.table.number_of_frames)
        found = FoundFrames(scope, held.instance, held.dataset_sha256, places, every)
        pixels, stored = await self._pixels(found), self._stored(found, 1)
        return StoredImage(places.table, pixels, stored.read, self._limits.decoded_frame_bytes)

    async def _held(self, scope: Scope) -> FramesRecord:
        held = await self._reader.frames(scope)
        if held is None:
            raise not_held(scope)
        if not held.frame_table:
            message = f"Instance {held.instance.uids.sop_instance} has no pixel data."
            raise NoPixelData(message)
        return held

    async def _places(self, held: FramesRecord) -> FramePlaces:
        version = held.instance.version
        places = self._known.places(version)
        if places is None:
            if len(held.frame_table) < IN_THREAD_BYTES:
                places = _unpacked(held.frame_table)
            else:
                places = await asyncio.to_thread(_unpacked, held.frame_table)
            self._known.keep_places(version, places)
        return places

    async def plan(
        self,
        found: FoundFrames,
        syntaxes: Sequence[str],
        maximum_conversion_bytes: int | None = None,
    ) -> FramePlan:
        """Choose the first of `syntaxes`, in order of liking, that the frames can go out in.

        Instances above `maximum_conversion_bytes` go out in the syntax they are stored in only.

        Raises `NotAcceptable`, and what `PixelEngine.transcode` raises, when there is none;
        `ObjectMissing` when the instance was replaced or deleted meanwhile; `ArchiveUnavailable`.
        """
        record = found.record
        failure: NotTranscodable | PixelsNotDecodable | None = None
        for choice, syntax in enumerate(syntaxes):
            if syntax == record.transfer_syntax_uid and _is_aligned(found):
                return FramePlan(choice, self._stored(found, 1))
            if (
                maximum_conversion_bytes is not None
                and record.size_bytes > maximum_conversion_bytes
            ):
                continue
            if syntax == EXPLICIT_VR_LITTLE_ENDIAN and found.is_native:
                return FramePlan(choice, await self._in_order(found))
            if not self.can_transcode(record.transfer_syntax_uid, syntax):
                continue
            try:
                return FramePlan(choice, await self._transcoded(found, syntax))
            except (NotTranscodable, PixelsNotDecodable) as error:
                failure = failure or error  # the next syntax the client likes may still be had
        if failure is not None:
            raise failure
        asked = ", ".join(dict.fromkeys(syntaxes))
        message = f"Frames of instance {record.uids.sop_instance} cannot be given in {asked}."
        raise NotAcceptable(message)

    def can_transcode(self, stored: str, wanted: str) -> bool:
        """Whether frames in one transfer syntax are put into another here, as far as that tells."""
        source, target = SYNTAXES.get(stored), SYNTAXES.get(wanted)
        if self._engine is None or source is None or target is None:
            return False
        if not (source.decodes and target.encodes):
            return False
        return self._limits.lossy or not target.may_be_lossy

    def _stored(self, found: FoundFrames, swap_unit: int) -> StoredFrames:
        whole_bytes = self._limits.whole_object_bytes
        return StoredFrames(self._objects, found, swap_unit=swap_unit, whole_bytes=whole_bytes)

    async def as_decoded(self, found: FoundFrames) -> StoredFrames:
        """Open frames as a pixel engine takes them: native ones in little endian order.

        Raises `ObjectMissing`, `ArchiveUnavailable`.
        """
        return await self._in_order(found) if found.is_native else self._stored(found, 1)

    async def _in_order(self, found: FoundFrames) -> StoredFrames:
        """Native frames in little endian order."""
        swap_unit = 1
        if found.record.transfer_syntax_uid == EXPLICIT_VR_BIG_ENDIAN:
            swap_unit = await self._swap_unit(found)
        return self._stored(found, swap_unit)

    async def _swap_unit(self, found: FoundFrames) -> int:
        """Width of the numbers that writers of big endian swap: whole samples where they can be."""
        start = found.places.table.start - _ELEMENT_HEAD.size
        head = await self._objects.read(found.record.object_key, start, _ELEMENT_HEAD.size)
        if len(head) < _ELEMENT_HEAD.size:
            message = "The stored object is too short."
            raise ObjectMissing(message)
        unit = _NUMBER_BYTES.get(_ELEMENT_HEAD.unpack(head)[2], 1)
        if unit > 1:
            allocated = (await self._pixels(found)).bits_allocated
            unit = allocated // 8 if allocated in {32, 64} else unit
        return unit

    async def _transcoded(self, found: FoundFrames, syntax: str) -> TranscodedFrames:
        kept = None
        if self._derivations and is_worth_keeping(found.record.transfer_syntax_uid, syntax):
            kept = KeptFrames(self._derivations, found, syntax)
        return await self.transcode(found, syntax, kept)

    async def transcode(
        self, found: FoundFrames, syntax: str, kept: KeptFrames | None = None
    ) -> TranscodedFrames:
        """Put frames into a transfer syntax; the first of them are made, unless they are `kept`.

        Raises `NotAcceptable`, `ObjectMissing`, `ArchiveUnavailable`, and what
        `PixelEngine.transcode` raises.
        """
        engine = self._engine
        if engine is None or not self.can_transcode(found.record.transfer_syntax_uid, syntax):
            message = f"Frames are not put into transfer syntax {syntax} here."
            raise NotAcceptable(message)
        pixels, target = await self._pixels(found), TransferSyntaxUID(syntax)
        if found.is_native and pixels.bits_allocated >= _MAY_BE_FLOAT:
            await demand_whole_numbers(self._objects, found)
        stored = await self.as_decoded(found)
        memory = HeldMemory(self._memory)
        frames = TranscodedFrames(engine, found, stored, pixels, target, memory, kept)
        limits = self._limits
        await frames.prepare(limits.held_frames_bytes, limits.decoded_frame_bytes)
        return frames

    async def _pixels(self, found: FoundFrames) -> ImagePixels:
        record = found.record
        pixels = self._known.pixels(record.version)
        if pixels is not None:
            return pixels
        metadata = await metadata_of(self._reader, found.scope, record)
        syntax = record.transfer_syntax_uid
        pixels = await read_metadata(metadata, lambda it: image_pixels(it, syntax))
        self._known.keep_pixels(record.version, pixels)
        return pixels


def _unpacked(table: bytes) -> FramePlaces:
    return FramePlaces(FrameTable.unpack(table))


def _is_aligned(found: FoundFrames) -> bool:
    """False for bits in big endian words: they cannot begin at the first bit as they are."""
    if found.record.transfer_syntax_uid != EXPLICIT_VR_BIG_ENDIAN:
        return True
    return found.places.table.frame_bits % 16 == 0
