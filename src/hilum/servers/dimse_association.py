"""One association: pynetdicom's threads and state machine with our bounds and our C-STORE.

All that is taken from pynetdicom by inheritance is in `dimse_association`, `dimse_messages`,
`dimse_transport` and `dimse_upper_layer`. It is written against the 3.0 series, whose private names
it uses; a test fails when another series is installed.
"""

import socket
from dataclasses import dataclass, field
from typing import Any

import structlog
from pynetdicom._globals import MODE_ACCEPTOR
from pynetdicom.acse import ACSE
from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import A_ASSOCIATE
from pynetdicom.transport import AddressInformation
from typing_extensions import override

from hilum.foundation.ids import new_correlation_id
from hilum.ports.dimse_telemetry import DimseMeter
from hilum.servers.dimse_admission import Admission, Refusal, WorkInProgress
from hilum.servers.dimse_contexts import ACCEPTANCE, negotiate
from hilum.servers.dimse_dataset import DatasetSink
from hilum.servers.dimse_messages import MessageReceiver, StoreRequest
from hilum.servers.dimse_options import DimseOptions
from hilum.servers.dimse_storing import Storing
from hilum.servers.dimse_transport import BoundedSocket
from hilum.servers.dimse_upper_layer import UpperLayer
from hilum.wire.dimse_commands import CommandSet

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AssociationServices:
    """What every association of a server shares."""

    application_entity: ApplicationEntity
    options: DimseOptions
    admission: Admission
    in_progress: WorkInProgress
    storing: Storing
    meter: DimseMeter


@dataclass(slots=True)
class _Course:
    """How an association goes."""

    has_place: bool = False
    """`Admission` counts it."""
    was_accepted: bool = False
    cause: str = ""
    messages: int = 0
    correlation_id: str = field(default_factory=new_correlation_id)


class DimseAssociation(Association):
    """An association that a peer requested; a thread, and another one for its upper layer."""

    def __init__(
        self, services: AssociationServices, connection: socket.socket, peer_address: str
    ) -> None:
        super().__init__(services.application_entity, MODE_ACCEPTOR)
        options = services.options
        self.name = "dimse-association"
        self._services = services
        self._peer_address = peer_address
        self._course = _Course()
        self.messages = MessageReceiver(self, self._new_sink, options.dataset_fragments)
        self.dimse = self.messages
        self.upper_layer = UpperLayer(self, options)
        self.dul = self.upper_layer
        self.acse = _Acceptance(self)
        self.acse_timeout = options.artim_seconds
        self.network_timeout = options.network_seconds
        self._connection = BoundedSocket(self, connection)
        self._connection.bound_waits(options.network_seconds)
        self.set_socket(self._connection)

    @property
    def peer(self) -> str:
        """`AE_TITLE@address`; only the address before the association was requested."""
        title = self.calling_ae_title
        return f"{title}@{self._peer_address}" if title else self._peer_address

    @property
    def calling_ae_title(self) -> str:
        """Without padding; empty before the association was requested."""
        return self.requestor.ae_title.strip()

    @property
    def peer_maximum_length(self) -> int:
        """Largest variable field of a P-DATA-TF that the peer takes; 0 when it sets no limit."""
        return self.requestor.maximum_length or 0

    def has_context(self, context_id: int) -> bool:
        """True when a presentation context with this id was accepted."""
        return context_id in self._accepted_cx

    def syntaxes(self, context_id: int) -> tuple[str, str]:
        """Abstract and transfer syntax of an accepted presentation context."""
        context = self._accepted_cx[context_id]
        return str(context.abstract_syntax), str(context.transfer_syntax[0])

    def notice(self) -> None:
        """Make the association's thread look around."""
        if self.messages.msg_queue.empty():
            self.messages.msg_queue.put((None, None))

    def end(self, cause: str) -> None:
        """Abort; returns at once."""
        self._course.cause = self._course.cause or cause
        if self.is_established:
            self.abort(block=False)
        else:
            self._connection.cut()
        self.notice()

    def cut(self) -> None:
        """End whatever still waits for the peer."""
        self._connection.cut()

    def discard(self) -> None:
        """Let go of the connection and of all that was received; no thread is at work on it."""
        self._connection.close()
        self.upper_layer.close()
        self.messages.close()

    @override
    def run_reactor(self) -> None:
        try:
            self._introduce()
            super().run_reactor()
        except Exception as error:  # noqa: BLE001 - the edge of this thread
            self.failed(error)
        finally:
            self._leave()

    def failed(self, error: Exception) -> None:
        """Tell of an error that nobody expected, in whichever of the two threads."""
        self._course.cause = self._course.cause or "internal-error"
        _log.error("association_failed", correlation_id=self._course.correlation_id, exc_info=error)

    def admit(self, request: A_ASSOCIATE) -> Refusal | None:
        """Ask for a place; None when it is granted."""
        refusal = self._services.admission.associate(
            self._peer_address,
            str(request.calling_ae_title).strip(),
            str(request.called_ae_title).strip(),
        )
        self._course.has_place = refusal is None
        return refusal

    def answer_contexts(self, request: A_ASSOCIATE) -> None:
        """Accept or reject every proposed presentation context."""
        answers = negotiate(
            request.presentation_context_definition_list,
            accept_unknown_sop_classes=self._services.options.accept_unknown_sop_classes,
        )
        self._accepted_cx = {
            each.context_id: each
            for each in answers
            if each.result == ACCEPTANCE and each.context_id is not None
        }
        self._rejected_cx = [each for each in answers if each.result != ACCEPTANCE]

    def tell_refused(self, refusal: Refusal) -> None:
        self._course.cause = refusal.reason
        self._services.meter.association_refused(refusal.reason)
        _log.warning("association_rejected", reason=refusal.reason, peer=self.peer)

    def tell_accepted(self) -> None:
        self._course.was_accepted = True
        self._services.meter.association_opened()
        _log.info(
            "association_accepted",
            peer=self.peer,
            contexts=len(self._accepted_cx),
            contexts_rejected=len(self._rejected_cx),
            correlation_id=self._course.correlation_id,
        )

    def _introduce(self) -> None:
        """Fill in what pynetdicom's own request handler would."""
        entity = self._services.application_entity
        local = self._connection.local_address
        self.acceptor.ae_title = entity.ae_title
        self.acceptor.maximum_length = self._services.options.maximum_pdu_bytes
        self.acceptor.implementation_class_uid = entity.implementation_class_uid
        self.acceptor.implementation_version_name = entity.implementation_version_name
        self.acceptor.address_info = AddressInformation.from_tuple(local)
        self.requestor.address_info = AddressInformation(self._peer_address, 0)

    def _leave(self) -> None:
        """Give back everything, however the association ended."""
        self.upper_layer.kill_dul()
        self._connection.cut()
        if self.upper_layer.is_alive():
            self.upper_layer.join()
        self.discard()
        course = self._course
        self._services.admission.disconnect(self._peer_address, associated=course.has_place)
        if self.upper_layer.violation:
            self._services.meter.protocol_violated(self.upper_layer.violation)
        if course.was_accepted:
            self._tell_end()
        elif not self.is_rejected:
            _log.info("connection_without_association", peer=self.peer, cause=self._cause)

    def _tell_end(self) -> None:
        facts = {
            "peer": self.peer,
            "cause": self._cause,
            "messages": self._course.messages,
            "correlation_id": self._course.correlation_id,
        }
        if self.is_released:
            how = "released"
            _log.info("association_released", **facts)
        elif self._connection.broken and not self.upper_layer.violation:
            how = "lost"
            _log.info("association_lost", **facts)
        else:
            how = "aborted"
            _log.info("association_aborted", **facts)
        self._services.meter.association_closed(how)

    @property
    def _message_id(self) -> str:
        """Correlation id of the message that is being served."""
        return f"{self._course.correlation_id}-{self._course.messages}"

    @property
    def _cause(self) -> str:
        if self.is_released:
            return "peer"
        idle = "idle" if self.upper_layer.was_idle else "peer"
        return self.upper_layer.violation or self._course.cause or idle

    def _new_sink(self, context_id: int, command: CommandSet) -> DatasetSink:
        return self._services.storing.new_sink(self, context_id, command)

    @override
    def _serve_request(self, msg: Any, context_id: int) -> None:
        self._course.messages += 1
        try:
            with self._services.in_progress:
                if isinstance(msg, StoreRequest):
                    self._services.storing.serve(self, msg, self._message_id)
                else:
                    super()._serve_request(msg, context_id)
        finally:
            # The time the archive took is not idleness of the peer.
            self.upper_layer._idle_timer.restart()
            self.messages.answered()


class _Acceptance(ACSE):
    """Answers association requests by `Admission` and `negotiate`.

    pynetdicom's own way knows one list of supported contexts, which is copied deeply for each
    connection, and takes unknown SOP classes only by a switch of the whole library.
    """

    assoc: DimseAssociation

    @override
    def _negotiate_as_acceptor(self) -> None:
        association = self.assoc
        request = self.requestor.primitive
        if not isinstance(request, A_ASSOCIATE):
            # The peer went away between its request and our answer.
            association.kill()
            return
        self.requestor.ae_title = request.calling_ae_title or ""
        refusal = association.admit(request)
        if refusal is not None:
            association.tell_refused(refusal)
            self.send_reject(refusal.result, refusal.source, refusal.diagnostic)
            association.kill()
            return
        association.answer_contexts(request)
        self.send_accept()
        association.is_established = True
        association.tell_accepted()
