"""From the body of a store request to the pipeline, while the body is still being read."""

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

from hilum.domain.errors import LimitExceeded, UnsupportedMediaType
from hilum.domain.instances import Arrival, Disposition, Outcome, StorePolicy
from hilum.domain.origins import Origin
from hilum.foundation.memory import MemoryBudget
from hilum.ingest.body import InstanceBody
from hilum.ports.objects import Spool
from hilum.wire.external_headers import ExternalLimits
from hilum.wire.multipart_related import (
    ContentType,
    MultipartLimits,
    MultipartReader,
    PartHead,
    boundary_of,
    parse_content_type,
)

Ingest = Callable[[Arrival], Awaitable[Outcome]]

DICOM: Final = "application/dicom"
MULTIPART: Final = "multipart/related"
_PLAIN_TRANSFER_ENCODINGS: Final = frozenset({"", "binary", "8bit", "7bit"})


@dataclass(frozen=True, slots=True)
class StowLimits:
    """Bounds of one store request; fields are named as the settings of the section `stow`."""

    multipart: MultipartLimits = field(default_factory=MultipartLimits)
    memory_part_bytes: int = 1 << 20
    """Instances up to this size stay in memory until they are kept, as far as the budget goes."""
    memory_bytes: int = 256 << 20
    """What the instances of all requests together hold in memory."""
    concurrent_instances: int = 24
    """Instances of one request that are being kept at the same time. Measured: a request of 20
    small instances is kept a quarter to a half faster than with 8, large ones equally fast."""
    strict_expiry: bool = False
    """Every header field of an expiry must be there (`hilum.wire.expiry`)."""
    external: ExternalLimits = field(default_factory=ExternalLimits)


class Intake:
    """The instances of one request on their way; use with `async with`.

    While `concurrent_instances` are being kept no more is read, so that the memory of one request
    is bounded by that number times `memory_part_bytes`; that of all requests that share a `budget`
    by the budget. Leaving waits for what was handed over, whatever went wrong
    with the rest of the request: an instance is kept or it is not. Only a cancelled request does
    not wait for the outcome.
    """

    def __init__(
        self,
        ingest: Ingest,
        spool: Spool,
        limits: StowLimits,
        origin: Origin,
        policy: StorePolicy,
        budget: MemoryBudget | None = None,
    ) -> None:
        self._ingest = ingest
        self._spool = spool
        self._limits = limits
        self._origin = origin
        self._policy = policy
        self._budget = budget or MemoryBudget(limits.memory_bytes)
        self._places = asyncio.Semaphore(limits.concurrent_instances)
        self._tasks: list[asyncio.Task[Outcome]] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, asyncio.CancelledError):
            for task in self._tasks:
                task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def read_parts(self, stream: AsyncIterable[bytes], content_type: ContentType) -> None:
        """Take every part of a multipart/related body.

        Raises `MalformedBody`, `UnsupportedMediaType` or `LimitExceeded`; parts that were complete
        before stay accepted.
        """
        reader = MultipartReader(boundary_of(content_type), self._limits.multipart)
        body = self._body()
        try:
            async for chunk in stream:
                for event in reader.feed(chunk):
                    if isinstance(event, memoryview):
                        await body.write(event)
                    elif isinstance(event, PartHead):
                        _demand_dicom(event, content_type.parameters.get("type", DICOM))
                    else:
                        complete, body = body, self._body()
                        await self._hand_over(complete)
            reader.finish()
        finally:
            await body.discard()

    async def read_single(self, stream: AsyncIterable[bytes]) -> None:
        """Take a body that is one instance. Raises `LimitExceeded`."""
        body = self._body()
        try:
            async for chunk in stream:
                await body.write(memoryview(chunk))
                _demand_size(body.size_bytes, self._limits.multipart.part_bytes)
        except BaseException:
            await body.discard()
            raise
        await self._hand_over(body)

    async def outcomes(self) -> Sequence[Outcome]:
        """Wait for the outcomes of all instances, in the order in which they came."""
        return [await task for task in self._tasks]

    def _body(self) -> InstanceBody:
        return InstanceBody(self._spool, self._limits.memory_part_bytes, self._budget)

    async def _hand_over(self, body: InstanceBody) -> None:
        try:
            await self._places.acquire()
        except asyncio.CancelledError:
            await body.discard()
            raise
        self._tasks.append(asyncio.create_task(self._keep(body)))

    async def _keep(self, body: InstanceBody) -> Outcome:
        try:
            content = await body.finish()
            if content is None:
                return Outcome(Disposition.FAILED, error=body.fault)
            return await self._ingest(Arrival(content, self._origin, self._policy))
        finally:
            await body.discard()
            self._places.release()


def _demand_size(size_bytes: int, allowed: int) -> None:
    if size_bytes > allowed:
        raise LimitExceeded("stow.part_bytes", allowed, "The instance is too large")


def _demand_dicom(part: PartHead, inherited: str) -> None:
    header = part.headers.get("content-type", "")
    media_type = parse_content_type(header).media_type or inherited.lower()
    if media_type != DICOM:
        raise UnsupportedMediaType(
            f"Part {part.number} is no {DICOM}; metadata and bulk data as parts of their own are "
            "not taken."
        )
    for name, plain in (
        ("content-transfer-encoding", _PLAIN_TRANSFER_ENCODINGS),
        ("content-encoding", frozenset({"", "identity"})),
    ):
        if part.headers.get(name, "").lower() not in plain:
            raise UnsupportedMediaType(f"Part {part.number} is encoded: {name} is not taken.")
