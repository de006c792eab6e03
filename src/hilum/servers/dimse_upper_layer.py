"""The upper layer of an association (PS3.8): pynetdicom's state machine, fed within bounds.

What pynetdicom 3.0.4 does and why it is replaced here: a PDU may claim 4 GiB before anybody has
associated, and after that more than was negotiated; a P-DATA-TF is copied six times and passed
through two queues.
"""

import struct
from typing import TYPE_CHECKING, Final

from pynetdicom.dul import DULServiceProvider
from typing_extensions import override

from hilum.servers.dimse_messages import ProtocolViolation
from hilum.servers.dimse_options import DimseOptions
from hilum.servers.dimse_transport import BoundedSocket, NotifyingQueue, Wakeup

if TYPE_CHECKING:
    from hilum.servers.dimse_association import DimseAssociation

_HEAD: Final = struct.Struct(">BxL")
_A_ASSOCIATE_RQ: Final = 1
_P_DATA_TF: Final = 4
_A_RELEASE_RQ: Final = 5
_A_ABORT: Final = 7
_CONTROL_PDU_BYTES: Final = 4
"""Length of release and abort PDUs (PS3.8 9.3.6 to 9.3.8)."""
_STEP_BYTES: Final = 65_536
_WAIT_SECONDS: Final = 0.5
"""How late an expired ARTIM timer may be noticed; everything else ends the wait at once."""

_AWAITING_REQUEST: Final = "Sta2"
_ESTABLISHED: Final = "Sta6"
_AWAITING_CLOSE: Final = "Sta13"
_INVALID_PDU: Final = "Evt19"

_EXPECTED: Final = {
    _AWAITING_REQUEST: frozenset({_A_ASSOCIATE_RQ}),
    _ESTABLISHED: frozenset({_P_DATA_TF, _A_RELEASE_RQ}),
}
"""What a requestor may send, besides an abort; nothing while it awaits an answer."""


class UpperLayer(DULServiceProvider):
    """Reads PDUs on its own thread, at most one ahead of what is being served."""

    socket: BoundedSocket | None

    def __init__(self, association: "DimseAssociation", options: DimseOptions) -> None:
        super().__init__(association)
        self._association = association
        self._options = options
        self._wakeup = Wakeup()
        self._body = bytearray()
        self._run_loop_delay = 0
        self.daemon = True
        self.name = "dimse-upper-layer"
        self.to_provider_queue = NotifyingQueue(self._wakeup.set)
        self.to_user_queue = NotifyingQueue(association.notice)
        self.violation = ""
        """Reason of the abort, when the peer broke a rule."""
        self.was_idle = False
        """True once the association was found idle for too long."""

    def resume(self) -> None:
        """Look again whether PDUs may be read."""
        self._wakeup.set()

    def close(self) -> None:
        """Let go of descriptors and buffers; the thread has ended or was never started."""
        self._wakeup.close()
        self._body = bytearray()

    @override
    def idle_timer_expired(self) -> bool:
        self.was_idle = self.was_idle or super().idle_timer_expired()
        return self.was_idle

    @override
    def kill_dul(self) -> None:
        super().kill_dul()
        self._wakeup.set()

    @override
    def stop_dul(self) -> bool:
        if self.state_machine.current_state != "Sta1":
            return False
        self.kill_dul()
        self.join()
        return True

    @override
    def run_reactor(self) -> None:
        try:
            super().run_reactor()
        except Exception as error:  # noqa: BLE001 - the edge of this thread
            self._association.failed(error)
        finally:
            # The association may still wait for the request, or for the next message.
            self.to_user_queue.put(None)

    @override
    def _process_recv_primitive(self) -> bool:
        if not self.event_queue.empty():
            # pynetdicom takes the primitive with its event: a second event would find none.
            return False
        if self.state_machine.current_state == _AWAITING_CLOSE:
            # Nothing may be said any more (PS3.8 table 9-10 has no such transitions).
            while not self.to_provider_queue.empty():
                self.to_provider_queue.get_nowait()
            return False
        return super()._process_recv_primitive()

    @override
    def _is_transport_event(self) -> bool:
        connection = self.socket
        if connection is None:
            return False
        if self.state_machine.current_state == _AWAITING_CLOSE:
            connection.close()
            return True
        if not self.event_queue.empty():
            # What a PDU means depends on the state that this event leads to.
            return False
        reading = self._association.messages.may_receive
        if not connection.wait(self._wakeup, _WAIT_SECONDS, reading=reading):
            return False
        if reading:
            self._read_pdu_data()
        else:
            connection.lose()
        return True

    @override
    def _read_pdu_data(self) -> None:
        connection = self.socket
        if connection is None:
            return
        try:
            self._read_pdu(connection, self._time_left())
        except TimeoutError:
            self._violated("stalled-pdu")
        except (OSError, EOFError):
            connection.lose()
        except ProtocolViolation as violation:
            self._violated(violation.reason)

    def _read_pdu(self, connection: BoundedSocket, seconds: float) -> None:
        head = bytearray(6)
        connection.receive_into(memoryview(head), seconds)
        kind, length = _HEAD.unpack(head)
        self._check(kind, length)
        if kind == _P_DATA_TF:
            if len(self._body) < length:
                self._body = bytearray(self._options.maximum_pdu_bytes)
            body = memoryview(self._body)[:length]
            connection.receive_into(body, seconds)
            self._association.messages.receive(body)
            return
        while len(head) < 6 + length:  # step by step: a claimed length is not yet a length
            step = bytearray(min(_STEP_BYTES, 6 + length - len(head)))
            connection.receive_into(memoryview(step), seconds)
            head += step
        self._accept(head)

    def _accept(self, pdu: bytearray) -> None:
        try:
            decoded, event = self._decode_pdu(pdu)
            # What the state machine will do: it would not survive values that are not allowed.
            decoded.to_primitive()
        except Exception as error:  # whatever pynetdicom's decoders stumble over
            raise ProtocolViolation("undecodable-pdu") from error
        self._recv_pdu.put(decoded)
        self.event_queue.put(event)

    def _check(self, kind: int, length: int) -> None:
        """Refuse a PDU by its head alone."""
        state = self.state_machine.current_state
        if not _A_ASSOCIATE_RQ <= kind <= _A_ABORT:
            raise ProtocolViolation("unknown-pdu")
        if kind != _A_ABORT and kind not in _EXPECTED.get(state, ()):
            raise ProtocolViolation("unexpected-pdu")
        if kind in {_A_RELEASE_RQ, _A_ABORT}:
            if length != _CONTROL_PDU_BYTES:
                raise ProtocolViolation("pdu-length")
        elif length > self._longest(kind):
            raise ProtocolViolation("pdu-too-long")

    def _longest(self, kind: int) -> int:
        if kind == _A_ASSOCIATE_RQ:
            return self._options.pdu_bytes_before_association
        return self._options.maximum_pdu_bytes

    def _time_left(self) -> float:
        if self.state_machine.current_state == _AWAITING_REQUEST:
            return max(float(self.artim_timer.remaining), 0.01)
        return self._options.network_seconds

    def _violated(self, reason: str) -> None:
        self.violation = reason
        self.event_queue.put(_INVALID_PDU)
