"""Import: what the walk finds goes through the same pipeline as everything else, several at once.

Memory holds `workers` files of at most `in_memory_bytes`; larger ones pass through the spool. A
file that belongs to the person is only ever read.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final, Protocol, TypeVar

from hilum.domain.errors import ArchiveFault, ArchiveFull, LimitExceeded, ShuttingDown
from hilum.domain.identifiers import Version
from hilum.domain.instances import (
    Arrival,
    Content,
    Disposition,
    InMemory,
    Outcome,
    Spooled,
    StorePolicy,
)
from hilum.domain.origins import Origin
from hilum.inbound.folder.candidates import (
    Candidate,
    Reads,
    Refused,
    Skip,
    Skipped,
    what_the_system_says,
)
from hilum.inbound.folder.ledger import HeldAs
from hilum.inbound.folder.report import ImportReport, why_not_held
from hilum.inbound.folder.walking import Walk
from hilum.ingest.sniffing import looks_like_dicom
from hilum.ingest.zip_files import ZipLimits
from hilum.ports.maintenance import RemembersDigests
from hilum.ports.objects import Spool

_CHUNK_BYTES: Final = 1 << 20
_WALKED_AT_ONCE: Final = 32
_PAUSES: Final = (0.2, 1.0, 5.0)
"""Seconds to wait before trying again what the archive could not do."""
_FAILURES_IN_A_ROW: Final = 10
"""So many files that fail one after another end the import: the archive is not coming back."""

T = TypeVar("T")


class Accepted(Protocol):
    """What the import needs of a ledger."""

    def held_as(self, identity: bytes) -> HeldAs | None: ...

    def accepted(self, identity: bytes, version: Version, dataset_sha256: bytes) -> None: ...


class Listener(Protocol):
    """Hears of the progress; called on the event loop."""

    def settled(self, report: ImportReport) -> None:
        """One more file is done with."""
        ...

    def not_accepted(self, name: str, reason: str) -> None:
        """A file that is DICOM, or was named, and is not held."""
        ...


class Silent:
    """A listener that does not listen."""

    def settled(self, report: ImportReport) -> None: ...

    def not_accepted(self, name: str, reason: str) -> None: ...


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What to import and how."""

    paths: Sequence[Path]
    origin: Origin
    policy: StorePolicy
    ledger: Accepted
    listener: Listener = field(default_factory=Silent)


@dataclass(frozen=True, slots=True)
class ImportFiles:
    """The use case behind `hilum import`."""

    ingest: Callable[[Arrival], Awaitable[Outcome]]
    spool: Spool
    kept: RemembersDigests
    """Asked whether what an earlier run brought in is still held."""
    workers: int = 8
    in_memory_bytes: int = 1 << 20
    file_bytes: int = 16 << 30
    zip_limits: ZipLimits = field(default_factory=ZipLimits)
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def __call__(self, request: ImportRequest) -> ImportReport:
        """Import everything below the request's paths; never raises for a bad file.

        An archive that is full, shutting down, or fails again and again ends the import early:
        the report says so, and a rerun goes on where it stopped.
        """
        with ThreadPoolExecutor(self.workers + 1, thread_name_prefix="import") as threads:
            run = _Run(self, request, threads)
            return await run.all()


class _Run:
    """One import under way."""

    def __init__(
        self, files: ImportFiles, request: ImportRequest, threads: ThreadPoolExecutor
    ) -> None:
        self._files = files
        self._request = request
        self._threads = threads
        self._queue: asyncio.Queue[Candidate | None] = asyncio.Queue(2 * files.workers)
        self._failures_in_a_row = 0
        self.report = ImportReport()

    async def all(self) -> ImportReport:
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._files.workers):
                    group.create_task(self._work())
                await self._walk()
                for _ in range(self._files.workers):
                    await self._queue.put(None)
        finally:
            self._release_waiting()
        return self.report

    def _release_waiting(self) -> None:
        while not self._queue.empty():
            candidate = self._queue.get_nowait()
            if candidate is not None:
                candidate.release()

    async def _walk(self) -> None:
        found = iter(Walk(self._request.paths, self._files.zip_limits))
        while some := await self._in_thread(_take, found):
            still_held = await self._still_held(some)
            for index, item in enumerate(some):
                if self.report.stopped_because is not None:
                    _release(some[index:])
                    return
                await self._meet(item, still_held)

    async def _still_held(self, some: Sequence[Candidate | Skipped]) -> set[bytes]:
        """Identities of the files that were accepted before and that the archive still has.

        What cannot be asked for is read again.
        """
        accepted: dict[bytes, HeldAs] = {}
        for item in some:
            if isinstance(item, Candidate) and (
                held_as := self._request.ledger.held_as(item.identity)
            ):
                accepted[item.identity] = held_as
        if not accepted:
            return set()
        try:
            kept = await self._files.kept.digests([held.version for held in accepted.values()])
        except ArchiveFault:
            return set()
        return {identity for identity, held in accepted.items() if held.is_kept_in(kept)}

    async def _meet(self, item: Candidate | Skipped, still_held: set[bytes]) -> None:
        if isinstance(item, Skipped):
            self.report.skipped(item)
            if item.kind.is_fault:
                self._request.listener.not_accepted(item.name, item.reason)
        elif item.identity in still_held:
            item.release()
            self.report.skipped_accepted_before += 1
            self.report.seen_weight_bytes += item.weight_bytes
        else:
            await self._queue.put(item)
            return
        self._request.listener.settled(self.report)

    async def _work(self) -> None:
        while (candidate := await self._queue.get()) is not None:
            try:
                if self.report.stopped_because is None:
                    await self._settle(candidate)
            finally:
                candidate.release()

    async def _settle(self, candidate: Candidate) -> None:
        try:
            outcome, size_bytes = await self._bring_in(candidate)
        except Refused as refused:
            self.report.passed_over(candidate.name, refused)
            if refused.kind.is_fault:
                self._request.listener.not_accepted(candidate.name, refused.reason)
        except OSError as error:
            reason = what_the_system_says(error)
            self.report.refuse(candidate.name, reason)
            self._request.listener.not_accepted(candidate.name, reason)
        except ArchiveFault as error:  # the spool could not take it
            self._count(candidate, Outcome(Disposition.FAILED, error=error), 0)
        else:
            self._count(candidate, outcome, size_bytes)
        self.report.seen_weight_bytes += candidate.weight_bytes
        self._request.listener.settled(self.report)

    def _count(self, candidate: Candidate, outcome: Outcome, size_bytes: int) -> None:
        self.report.count(candidate.name, outcome, size_bytes)
        if outcome.held:
            if outcome.version is not None and outcome.dataset_sha256 is not None:
                self._request.ledger.accepted(
                    candidate.identity, outcome.version, outcome.dataset_sha256
                )
        else:
            self._request.listener.not_accepted(candidate.name, why_not_held(outcome))
        self._consider_stopping(outcome)

    def _consider_stopping(self, outcome: Outcome) -> None:
        if outcome.disposition is not Disposition.FAILED:
            self._failures_in_a_row = 0
            return
        self._failures_in_a_row += 1
        hopeless = isinstance(outcome.error, (ArchiveFull, ShuttingDown))
        if hopeless or self._failures_in_a_row >= _FAILURES_IN_A_ROW:
            self.report.stopped_because = str(outcome.error)

    async def _bring_in(self, candidate: Candidate) -> tuple[Outcome, int]:
        for pause in (*_PAUSES, None):
            async with self._content(candidate) as content:
                arrival = Arrival(content, self._request.origin, self._request.policy)
                size_bytes = content.size_bytes
                outcome = await self._files.ingest(arrival)
            if pause is None or not _worth_another_try(outcome):
                return outcome, size_bytes
            await self._files.pause(pause)
        raise AssertionError  # the last round returns

    @asynccontextmanager
    async def _content(self, candidate: Candidate) -> AsyncIterator[Content]:
        """Read a candidate: whole when small, through the spool when large."""
        async with AsyncExitStack() as stack:
            stream: Reads = await self._in_thread(candidate.open)
            stack.callback(stream.close)
            head = await self._in_thread(_read_up_to, stream, self._files.in_memory_bytes + 1)
            _check(candidate, head)
            if len(head) <= self._files.in_memory_bytes:
                yield InMemory(head)
                return
            file = await stack.enter_async_context(self._files.spool.create())
            size_bytes = 0
            while head:
                size_bytes += len(head)
                if size_bytes > self._files.file_bytes:
                    raise Refused(Skip.UNSAFE, _too_large(self._files.file_bytes))
                await file.write(head)
                head = await self._in_thread(stream.read, _CHUNK_BYTES)
            yield Spooled(file.path, await file.finish())

    async def _in_thread(self, work: Callable[..., T], *arguments: object) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, work, *arguments)


def _take(found: Iterator[Candidate | Skipped]) -> list[Candidate | Skipped]:
    return list(islice(found, _WALKED_AT_ONCE))


def _release(items: Sequence[Candidate | Skipped]) -> None:
    for item in items:
        if isinstance(item, Candidate):
            item.release()


def _read_up_to(stream: Reads, size: int) -> bytes:
    """Read until `size` bytes are there or the file ends; never allocates ahead of the data."""
    parts: list[bytes] = []
    missing = size
    while missing and (part := stream.read(min(missing, _CHUNK_BYTES))):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _too_large(allowed: int) -> str:
    return f"larger than {allowed:,} bytes (setting importing.file_bytes)"


def _check(candidate: Candidate, head: bytes) -> None:
    if looks_like_dicom(head):
        return
    if candidate.named:
        raise Refused(Skip.UNREADABLE, "not a DICOM file")
    raise Refused(Skip.NOT_DICOM, "not a DICOM file")


def _worth_another_try(outcome: Outcome) -> bool:
    """True for an outage that may pass: a locked database, a disk that does not answer."""
    if outcome.disposition is not Disposition.FAILED:
        return False
    passing = isinstance(outcome.error, (ArchiveFault, LimitExceeded))
    return passing and not isinstance(outcome.error, (ArchiveFull, ShuttingDown))
