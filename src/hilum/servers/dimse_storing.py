"""C-STORE on one association: from a whole request to its response."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog
from pynetdicom.pdu_primitives import P_DATA

from hilum.domain.errors import HilumError, ShuttingDown, UnreadableInstance
from hilum.domain.instances import Content
from hilum.inbound.dimse.part10_head import part10_head
from hilum.inbound.dimse.store import CStoreDoor, ReceivedInstance
from hilum.ports.dimse_telemetry import DimseMeter
from hilum.servers.dimse_admission import Admission
from hilum.servers.dimse_bridge import LoopBridge
from hilum.servers.dimse_dataset import DatasetSink, SpoolAccess
from hilum.servers.dimse_messages import StoreRequest
from hilum.servers.dimse_options import DimseOptions
from hilum.wire.dimse_commands import (
    AFFECTED_SOP_CLASS_UID,
    AFFECTED_SOP_INSTANCE_UID,
    CommandSet,
    store_response,
)
from hilum.wire.dimse_status import DimseStatus, status_of_error

if TYPE_CHECKING:
    from hilum.servers.dimse_association import DimseAssociation

_log = structlog.get_logger(__name__)

_PDV_HEAD_BYTES: Final = 6


@dataclass(frozen=True, slots=True)
class Storing:
    """What it takes to serve C-STORE; shared by all associations."""

    door: CStoreDoor
    bridge: LoopBridge
    spool: SpoolAccess
    admission: Admission
    meter: DimseMeter
    options: DimseOptions

    def new_sink(
        self, association: "DimseAssociation", context_id: int, command: CommandSet
    ) -> DatasetSink:
        """Begin a file for the data set that follows `command` in an accepted context."""
        _, transfer_syntax = association.syntaxes(context_id)
        head = part10_head(
            sop_class_uid=command.text(AFFECTED_SOP_CLASS_UID),
            sop_instance_uid=command.text(AFFECTED_SOP_INSTANCE_UID),
            transfer_syntax_uid=transfer_syntax,
            source_ae_title=association.calling_ae_title,
        )
        return DatasetSink(
            head,
            self.spool,
            memory_bytes=self.options.memory_dataset_bytes,
            dataset_bytes=self.options.dataset_bytes,
        )

    def serve(
        self, association: "DimseAssociation", request: StoreRequest, correlation_id: str
    ) -> None:
        """Have the instance kept and answer; called on the association's thread, never raises."""
        size_bytes = request.sink.size_bytes if request.sink is not None else 0
        try:
            status = self._status(association, request, correlation_id, size_bytes)
            _respond(association, request, status)
        finally:
            if request.sink is not None:
                request.sink.close()
        self.meter.stored(status.code, size_bytes)

    def _status(
        self,
        association: "DimseAssociation",
        request: StoreRequest,
        correlation_id: str,
        size_bytes: int,
    ) -> DimseStatus:
        abstract_syntax, _ = association.syntaxes(request.context_id)
        try:
            received = ReceivedInstance(
                sop_class_uid=request.command.text(AFFECTED_SOP_CLASS_UID),
                sop_instance_uid=request.command.text(AFFECTED_SOP_INSTANCE_UID),
                abstract_syntax=abstract_syntax,
                content=self._content(request),
                size_bytes=size_bytes,
                peer=association.peer,
                correlation_id=correlation_id,
            )
            return self.bridge.call(self.door.store(received), self.options.store_seconds)
        except HilumError as error:
            _log.warning("c_store_unanswered", correlation_id=correlation_id, code=error.code)
            return status_of_error(error)
        except Exception as error:  # noqa: BLE001 - a sender must be answered whatever happens
            _log.error("c_store_failed", correlation_id=correlation_id, exc_info=error)
            return status_of_error(error)

    def _content(self, request: StoreRequest) -> Content | HilumError:
        if self.admission.closed:
            message = "The server is shutting down."
            return ShuttingDown(message)
        if request.sink is None:
            message = "The request carries no data set."
            return UnreadableInstance(message)
        return request.sink.finish()


def _respond(association: "DimseAssociation", request: StoreRequest, status: DimseStatus) -> None:
    """Queue the response, in one PDU when the peer takes one that long."""
    response = store_response(request.command, status)
    room = association.peer_maximum_length - _PDV_HEAD_BYTES
    step = room if room > 0 else len(response)
    for start in range(0, len(response), step):
        control = b"\x03" if start + step >= len(response) else b"\x01"
        fragment = P_DATA()
        fragment.presentation_data_value_list.append(
            (request.context_id, control + response[start : start + step])
        )
        association.upper_layer.send_pdu(fragment)
