"""Command sets: flat, group 0000, Implicit VR Little Endian (PS3.7 6.3.1 and annex E).

pynetdicom can do this through data sets and primitives for every service; a C-STORE pays 0.7 ms
for that, as much as for the rest of its way through the archive, so its two messages are coded
here.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from hilum.domain.identifiers import UID_MAXIMUM_LENGTH
from hilum.wire.dimse_status import DimseStatus

AFFECTED_SOP_CLASS_UID: Final = 0x0002
COMMAND_FIELD: Final = 0x0100
MESSAGE_ID: Final = 0x0110
MESSAGE_ID_BEING_RESPONDED_TO: Final = 0x0120
COMMAND_DATA_SET_TYPE: Final = 0x0800
STATUS: Final = 0x0900
OFFENDING_ELEMENT: Final = 0x0901
ERROR_COMMENT: Final = 0x0902
AFFECTED_SOP_INSTANCE_UID: Final = 0x1000

C_STORE_RQ: Final = 0x0001
C_STORE_RSP: Final = 0x8001
NO_DATA_SET: Final = 0x0101

_ELEMENT = struct.Struct("<HHI")
_US = struct.Struct("<H")
_GROUP_LENGTH: Final = 0x0000


class MalformedCommand(Exception):
    """Bytes that are no command set; the text says where, never what stood there."""


@dataclass(frozen=True, slots=True)
class CommandSet:
    """The elements of group 0000 by element number, as raw values."""

    elements: Mapping[int, bytes]

    def number(self, element: int) -> int | None:
        """Value of an US element; None when it is absent or has another length."""
        value = self.elements.get(element, b"")
        return _US.unpack(value)[0] if len(value) == _US.size else None

    def text(self, element: int) -> str:
        """Value without padding; empty when absent. What is no ASCII becomes U+FFFD."""
        return self.elements.get(element, b"").decode("ascii", "replace").strip(" \0")

    @property
    def has_dataset(self) -> bool:
        """True when a data set follows (PS3.7 E.1: any type but 0101H)."""
        return self.number(COMMAND_DATA_SET_TYPE) != NO_DATA_SET


def parse_command(data: bytes) -> CommandSet:
    """Read a whole command set. Raises `MalformedCommand`."""
    elements: dict[int, bytes] = {}
    offset = 0
    while offset < len(data):
        if offset + _ELEMENT.size > len(data):
            message = f"element header cut at byte {offset}"
            raise MalformedCommand(message)
        group, element, length = _ELEMENT.unpack_from(data, offset)
        offset += _ELEMENT.size
        if group != 0 or element in elements or length > len(data) - offset:
            message = f"no command element at byte {offset - _ELEMENT.size}"
            raise MalformedCommand(message)
        elements[element] = data[offset : offset + length]
        offset += length
    command = CommandSet(elements)
    if command.number(COMMAND_FIELD) is None or command.number(COMMAND_DATA_SET_TYPE) is None:
        message = "command field or data set type is missing"
        raise MalformedCommand(message)
    return command


def encode_command(elements: Mapping[int, bytes]) -> bytes:
    """Write elements, whose values have even lengths, with the group length in front."""
    body = b"".join(
        _ELEMENT.pack(0, element, len(value)) + value for element, value in sorted(elements.items())
    )
    return _ELEMENT.pack(0, _GROUP_LENGTH, 4) + struct.pack("<I", len(body)) + body


def store_response(request: CommandSet, status: DimseStatus) -> bytes:
    """Encode the C-STORE-RSP to `request` (PS3.7 9.3.1.2)."""
    elements = {
        COMMAND_FIELD: _US.pack(C_STORE_RSP),
        MESSAGE_ID_BEING_RESPONDED_TO: request.elements.get(MESSAGE_ID, b"\0\0"),
        COMMAND_DATA_SET_TYPE: _US.pack(NO_DATA_SET),
        STATUS: _US.pack(status.code),
    }
    for element in (AFFECTED_SOP_CLASS_UID, AFFECTED_SOP_INSTANCE_UID):
        value = request.elements.get(element, b"")
        if 0 < len(value) <= UID_MAXIMUM_LENGTH:
            elements[element] = value + b"\0" * (len(value) % 2)
    if status.comment:
        comment = status.comment.encode("ascii")
        elements[ERROR_COMMENT] = comment + b" " * (len(comment) % 2)
    if status.offending_elements:
        elements[OFFENDING_ELEMENT] = b"".join(
            struct.pack("<HH", tag >> 16, tag & 0xFFFF) for tag in status.offending_elements
        )
    return encode_command(elements)
