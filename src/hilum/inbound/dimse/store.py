"""The C-STORE door: decides nothing, asks the same use case as every other door in."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from hilum.domain.errors import HilumError, InvalidUID
from hilum.domain.identifiers import SOPClassUID, SOPInstanceUID, parse_uid
from hilum.domain.instances import Arrival, Content, OnConflict, Outcome, StorePolicy
from hilum.domain.origins import Door, Origin
from hilum.wire.dimse_status import (
    INVALID_SOP_INSTANCE,
    SOP_CLASS_NOT_SUPPORTED,
    DimseStatus,
    comment_of,
    status_of,
    status_of_error,
)

_log = structlog.get_logger(__name__)

Ingest = Callable[[Arrival], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class ReceivedInstance:
    """One C-STORE request with its data set, and the association it came over."""

    sop_class_uid: str
    """Affected SOP Class UID of the command, as it came."""
    sop_instance_uid: str
    """Affected SOP Instance UID of the command, as it came."""
    abstract_syntax: str
    """Of the presentation context it was sent in."""
    content: Content | HilumError
    """A Part 10 file whose data set is what was received, or why it could not be taken."""
    size_bytes: int
    """Length of the data set as received."""
    peer: str
    """`AE_TITLE@address`."""
    correlation_id: str


@dataclass(frozen=True, slots=True)
class CStoreDoor:
    """Turns a request into an Arrival and its Outcome into a status."""

    ingest: Ingest
    profile: str = "standard"
    on_conflict: OnConflict = OnConflict.REFUSE

    async def store(self, received: ReceivedInstance) -> DimseStatus:
        """Keep the instance and say what became of it; logs one event `c_store`."""
        started = time.perf_counter()
        status, disposition = await self._answer(received)
        _log.info(
            "c_store",
            status=f"0x{status.code:04X}",
            disposition=disposition,
            comment=status.comment,
            size_bytes=received.size_bytes,
            milliseconds=round((time.perf_counter() - started) * 1000, 1),
            peer=received.peer,
            correlation_id=received.correlation_id,
        )
        return status

    async def _answer(self, received: ReceivedInstance) -> tuple[DimseStatus, str]:
        if isinstance(received.content, HilumError):
            return status_of_error(received.content), received.content.code
        if received.sop_class_uid != received.abstract_syntax:
            # PS3.7 D.3.3.1: a message belongs to the SOP class its context was negotiated for.
            comment = "The SOP class is not that of the presentation context"
            return DimseStatus(SOP_CLASS_NOT_SUPPORTED, comment), "sop-class-not-negotiated"
        try:
            policy = self._policy(received)
        except InvalidUID as error:
            return DimseStatus(INVALID_SOP_INSTANCE, comment_of(str(error))), error.code
        origin = Origin(Door.C_STORE, received.correlation_id, received.peer)
        outcome = await self.ingest(Arrival(received.content, origin, policy))
        return status_of(outcome), outcome.disposition.value

    def _policy(self, received: ReceivedInstance) -> StorePolicy:
        sop_class = parse_uid(received.sop_class_uid, "Affected SOP Class UID")
        sop_instance = parse_uid(received.sop_instance_uid, "Affected SOP Instance UID")
        return StorePolicy(
            profile=self.profile,
            on_conflict=self.on_conflict,
            sop_class=SOPClassUID(sop_class),
            sop_instance=SOPInstanceUID(sop_instance),
        )
