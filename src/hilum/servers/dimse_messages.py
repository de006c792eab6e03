"""DIMSE messages of one association, put together from fragments within bounds (PS3.8 annex E).

What pynetdicom 3.0.4 does and why it is replaced here: fragments are not checked for order or
context, a command set may grow without end, data sets are held in memory or in files of the
system's temporary folder with File Meta that names pynetdicom, and messages are queued as fast as
a peer sends them, whether or not they are answered.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import Empty
from typing import TYPE_CHECKING, Final

from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import DIMSEMessage
from pynetdicom.dimse_primitives import C_CANCEL
from pynetdicom.pdu_primitives import P_DATA
from typing_extensions import override

from hilum.servers.dimse_dataset import DatasetSink
from hilum.wire.dimse_commands import (
    C_STORE_RQ,
    COMMAND_FIELD,
    CommandSet,
    MalformedCommand,
    parse_command,
)

if TYPE_CHECKING:
    from pynetdicom.dimse import _QueueItem
    from pynetdicom.dimse_primitives import DimsePrimitiveType

    from hilum.servers.dimse_association import DimseAssociation

_PDV: Final = struct.Struct(">LBB")
_COMMAND: Final = 0b01
_LAST: Final = 0b10
_COMMAND_BYTES: Final = 65_536
_IDENTIFIER_BYTES: Final = 1 << 20
"""Data sets of other requests than C-STORE, such as the identifier of a query."""
_CANCELS: Final = 10
_IDLE_SECONDS: Final = 1.0
"""How late the end of an idle association may be noticed; everything else is told at once."""


class ProtocolViolation(Exception):
    """A peer broke a rule or a limit and will be aborted.

    `reason` is a word of a small, fixed set: it labels metrics.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class StoreRequest:
    """A whole C-STORE-RQ."""

    context_id: int
    command: CommandSet
    sink: DatasetSink | None
    """None when the command says that no data set follows."""


@dataclass(slots=True)
class _Partial:
    """What was received of the message that is coming in."""

    context_id: int = 0
    """0, which is no context's id, before the first fragment."""
    command_bytes: bytearray = field(default_factory=bytearray)
    command: CommandSet | None = None
    """Set once the command set is whole."""
    sink: DatasetSink | None = None
    identifier: bytearray = field(default_factory=bytearray)
    fragments: int = 0
    """Fragments of the data set."""

    @property
    def is_store(self) -> bool:
        return self.command is not None and self.command.number(COMMAND_FIELD) == C_STORE_RQ


class MessageReceiver(DIMSEServiceProvider):
    """Puts messages together on the upper layer's thread, hands them to the association's."""

    def __init__(
        self,
        association: "DimseAssociation",
        new_sink: Callable[[int, CommandSet], DatasetSink],
        dataset_fragments: int,
    ) -> None:
        super().__init__(association)
        self._association = association
        self._new_sink = new_sink
        self._dataset_fragments = dataset_fragments
        self._unanswered = False
        self._partial = _Partial()

    @property
    def may_receive(self) -> bool:
        """False from the end of a request until it is answered.

        The asynchronous operations window is never more than one (PS3.7 D.3.3.3), so a peer that
        sends on meanwhile is held up by TCP and fills no memory.
        """
        return not self._unanswered

    def answered(self) -> None:
        """Let the next request come."""
        self._unanswered = False
        self._association.upper_layer.resume()

    def receive(self, body: memoryview) -> None:
        """Take the variable field of a P-DATA-TF PDU. Raises `ProtocolViolation`."""
        if not body:
            raise ProtocolViolation("empty-pdu")
        offset = 0
        while offset < len(body):
            if offset + _PDV.size > len(body):
                raise ProtocolViolation("pdv-length")
            length, context_id, control = _PDV.unpack_from(body, offset)
            end = offset + 4 + length
            if length < 2 or end > len(body):
                raise ProtocolViolation("pdv-length")
            self._take(context_id, control, body[offset + _PDV.size : end])
            offset = end

    def close(self) -> None:
        """Let go of what was received of a request that will never be complete."""
        sink = self._partial.sink
        self._partial = _Partial()
        if sink is not None:
            sink.close()

    @override
    def get_msg(self, block: bool = False) -> "_QueueItem":
        """Wait for a message, or for a sign that the association should look around."""
        try:
            return self.msg_queue.get(timeout=_IDLE_SECONDS)
        except Empty:
            return None, None

    def _take(self, context_id: int, control: int, fragment: memoryview) -> None:
        if self._unanswered:
            raise ProtocolViolation("unexpected-message")
        if control & _COMMAND:
            self._take_command(context_id, control, fragment)
        else:
            self._take_dataset(context_id, control, fragment)

    def _take_command(self, context_id: int, control: int, fragment: memoryview) -> None:
        partial = self._partial
        if partial.command is not None or partial.context_id not in (0, context_id):
            raise ProtocolViolation("fragment-order")
        if len(partial.command_bytes) + len(fragment) > _COMMAND_BYTES or not fragment:
            raise ProtocolViolation("command-length")
        partial.context_id = context_id
        partial.command_bytes += fragment
        if control & _LAST:
            self._start()

    def _start(self) -> None:
        """Make ready for the data set, if there is one."""
        partial = self._partial
        if not self._association.has_context(partial.context_id):
            raise ProtocolViolation("unknown-context")
        try:
            partial.command = parse_command(bytes(partial.command_bytes))
        except MalformedCommand as error:
            raise ProtocolViolation("malformed-command") from error
        if not partial.command.has_dataset:
            self._complete()
        elif partial.is_store:
            partial.sink = self._new_sink(partial.context_id, partial.command)

    def _take_dataset(self, context_id: int, control: int, fragment: memoryview) -> None:
        partial = self._partial
        if partial.command is None or context_id != partial.context_id:
            raise ProtocolViolation("fragment-order")
        partial.fragments += 1
        if partial.fragments > self._dataset_fragments:
            raise ProtocolViolation("dataset-fragments")
        if partial.sink is not None:
            partial.sink.write(fragment)
        elif len(partial.identifier) + len(fragment) > _IDENTIFIER_BYTES:
            raise ProtocolViolation("identifier-length")
        else:
            partial.identifier += fragment
        if control & _LAST:
            self._complete()

    def _complete(self) -> None:
        partial, self._partial = self._partial, _Partial()
        if partial.command is not None and partial.is_store:
            request = StoreRequest(partial.context_id, partial.command, partial.sink)
            self._hand_over(partial.context_id, request)
            return
        primitive = _primitive(partial)
        if not isinstance(primitive, C_CANCEL):
            self._hand_over(partial.context_id, primitive)
        elif len(self.cancel_req) < _CANCELS and primitive.MessageIDBeingRespondedTo is not None:
            self.cancel_req[primitive.MessageIDBeingRespondedTo] = primitive

    def _hand_over(self, context_id: int, message: "StoreRequest | DimsePrimitiveType") -> None:
        self._unanswered = True
        # pynetdicom only passes on what stands here, to our own `_serve_request`.
        self.msg_queue.put((context_id, message))  # type: ignore[arg-type]


def _primitive(partial: _Partial) -> "DimsePrimitiveType":
    """Let pynetdicom read the message, for its own service classes."""
    fragments = P_DATA()
    fragments.presentation_data_value_list.append(
        (partial.context_id, b"\x03" + bytes(partial.command_bytes))
    )
    if partial.identifier:
        fragments.presentation_data_value_list.append(
            (partial.context_id, b"\x02" + bytes(partial.identifier))
        )
    message = DIMSEMessage()
    try:
        message.decode_msg(fragments)
        return message.message_to_primitive()
    except Exception as error:  # whatever pynetdicom's decoders stumble over
        raise ProtocolViolation("malformed-command") from error
