"""Receiving an upload: its files come in, lie on stable storage, become a submission.

Nothing of them is read but the first bytes. Whoever sends the same again gets another submission:
the archive knows the bytes it has.
"""

import asyncio
import hashlib
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

import structlog

from hilum.domain.errors import (
    ArchiveFault,
    LimitExceeded,
    MalformedBody,
    NothingUsable,
)
from hilum.domain.instances import Content, InMemory, StorePolicy
from hilum.domain.origins import Origin
from hilum.domain.submissions import NewFile, NewSubmission, StudyId
from hilum.foundation.memory import MemoryBudget
from hilum.ingest.body import InstanceBody
from hilum.ingest.sniffing import looks_like_dicom, looks_like_zip
from hilum.ports.holding import Holding
from hilum.ports.objects import Spool
from hilum.ports.submissions import SubmissionNotes
from hilum.submissions.names import shown_name
from hilum.submissions.room import QuarantineRoom

log = structlog.get_logger()

_HEAD_BYTES: Final = 132
"""Preamble and prefix (PS3.10 section 7.1)."""
_NOTHING: Final = InMemory(b"")


@dataclass(frozen=True, slots=True)
class ReceivingLimits:
    """Bounds; fields are named as the settings of the section `upload`."""

    file_bytes: int = 100 << 20
    files: int = 10_000
    memory_file_bytes: int = 1 << 20
    memory_bytes: int = 64 << 20
    kept_at_once: int = 8
    """Files of one upload that are brought to stable storage at the same time."""


@dataclass(frozen=True, slots=True)
class Received:
    """What an upload became."""

    study_id: StudyId
    files: int
    size_bytes: int


@dataclass(slots=True)
class _File:
    """One file on its way."""

    name: str
    body: InstanceBody
    head: bytes = b""
    digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    content: Content = _NOTHING
    placed: bool = False
    """It lies on stable storage, under its place."""

    @property
    def hopeful(self) -> bool:
        """Whether its first bytes are those of something that may hold an instance."""
        return looks_like_dicom(self.head) or looks_like_zip(self.head)


class Receiving:
    """The use case behind every door that takes what is answered later."""

    def __init__(
        self,
        notes: SubmissionNotes,
        holding: Holding,
        spool: Spool,
        policy: StorePolicy,
        limits: ReceivingLimits | None = None,
        room: QuarantineRoom | None = None,
    ) -> None:
        """Without `room` uploads are taken however much of them is in quarantine."""
        self._notes = notes
        self._holding = holding
        self._spool = spool
        self._policy = policy
        self._limits = limits or ReceivingLimits()
        self._room = room
        self._budget = MemoryBudget(self._limits.memory_bytes)

    @asynccontextmanager
    async def begin(self, origin: Origin) -> AsyncIterator["Reception"]:
        """One upload. Leaving without `Reception.accept` leaves nothing behind.

        Raises `ArchiveFull` when uploads have filled the quarantine.
        """
        if self._room is not None:
            await self._room.demand()
        reception = Reception(
            self._notes, self._holding, self._spool, self._policy, origin, self._limits,
            self._budget,
        )  # fmt: skip
        try:
            yield reception
        finally:
            await reception.discard()


class Reception:
    """The files of one upload, one after the other: `begin`, `write`, `end`; then `accept`."""

    def __init__(
        self,
        notes: SubmissionNotes,
        holding: Holding,
        spool: Spool,
        policy: StorePolicy,
        origin: Origin,
        limits: ReceivingLimits,
        budget: MemoryBudget,
    ) -> None:
        self._notes = notes
        self._holding = holding
        self._spool = spool
        self._policy = policy
        self._origin = origin
        self._limits = limits
        self._budget = budget
        self._files: list[_File] = []
        self._began = time.monotonic()
        self._failed = False

    def begin(self, name: str) -> None:
        """A file begins; `name` is what its sender calls it. Raises `LimitExceeded`."""
        limits = self._limits
        if len(self._files) >= limits.files:
            raise LimitExceeded("upload.files", limits.files, "The upload has too many files")
        body = InstanceBody(self._spool, limits.memory_file_bytes, self._budget)
        self._files.append(_File(shown_name(name), body))

    async def write(self, piece: memoryview) -> None:
        """Append to the file that began last; the buffer of `piece` must not change afterwards.

        Raises `LimitExceeded`, and what the spool says.
        """
        file, allowed = self._files[-1], self._limits.file_bytes
        if len(file.head) < _HEAD_BYTES:
            file.head += piece[: _HEAD_BYTES - len(file.head)]
        file.digest.update(piece)
        await file.body.write(piece)
        if file.body.size_bytes > allowed:
            raise LimitExceeded("upload.file_bytes", allowed, "A file of the upload is too large")
        if file.body.fault is not None:
            raise file.body.fault

    async def end(self) -> None:
        """The file that began last is whole. Raises what the spool says."""
        file = self._files[-1]
        content = await file.body.finish()
        if file.body.fault is not None:
            raise file.body.fault
        if content is not None:
            file.content = content

    async def accept(self) -> Received:
        """Bring everything to stable storage and make it a submission.

        Raises `MalformedBody` when there is no file, `NothingUsable` when the first bytes of every
        one say that it can be neither DICOM nor a zip file, and `ArchiveFault`; then nothing was
        accepted.
        """
        if not self._files:
            raise MalformedBody("The upload has no file: send at least one part with a filename.")
        if not any(file.hopeful for file in self._files):
            raise NothingUsable(len(self._files))
        study_id = StudyId(str(uuid.uuid4()))
        try:
            await self._keep_all(study_id)
        except ArchiveFault:
            await self._forget(study_id)
            raise
        # Whether a commit that failed took place is not known: the files stay until it is.
        await self._notes.receive(self._submission(study_id))
        received = Received(study_id, len(self._files), self._size_bytes)
        log.info(
            "upload_received",
            submission=study_id,
            files=received.files,
            bytes=received.size_bytes,
            seconds=round(time.monotonic() - self._began, 3),
        )
        return received

    async def discard(self) -> None:
        """Free what is held in memory and in the spool."""
        for file in self._files:
            await file.body.discard()

    @property
    def _size_bytes(self) -> int:
        return sum(file.body.size_bytes for file in self._files)

    async def _keep_all(self, study_id: StudyId) -> None:
        waiting = iter(enumerate(self._files))
        workers = [self._keep(study_id, waiting) for _ in range(self._limits.kept_at_once)]
        for ended in await asyncio.gather(*workers, return_exceptions=True):
            if isinstance(ended, BaseException):
                raise ended

    async def _keep(self, study_id: StudyId, waiting: Iterator[tuple[int, _File]]) -> None:
        for number, file in waiting:
            if self._failed:
                return
            try:
                await self._holding.keep(place_of(study_id, number), file.content)
            except BaseException:
                self._failed = True
                raise
            file.placed, file.content = True, _NOTHING
            await file.body.discard()

    async def _forget(self, study_id: StudyId) -> None:
        """What is left where even this fails, `hilum.submissions.orphans` removes."""
        with suppress(ArchiveFault):
            for number, file in enumerate(self._files):
                if file.placed:
                    await self._holding.discard(place_of(study_id, number))

    def _submission(self, study_id: StudyId) -> NewSubmission:
        first = self._holding.path(place_of(study_id, 0))
        return NewSubmission(
            study_id,
            self._origin,
            self._policy,
            [
                NewFile(
                    number,
                    file.name,
                    place_of(study_id, number),
                    file.body.size_bytes,
                    file.digest.digest(),
                )
                for number, file in enumerate(self._files)
            ],
            str(first if len(self._files) == 1 else first.parent),
        )


def place_of(study_id: StudyId, number: int) -> str:
    """Where a file of a submission is held."""
    return f"{study_id}/{number}"
