import struct
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pynetdicom import dimse_messages
from pynetdicom.dimse_messages import DIMSEMessage
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.pdu_primitives import P_DATA

from hilum.wire.dimse_commands import (
    AFFECTED_SOP_CLASS_UID,
    AFFECTED_SOP_INSTANCE_UID,
    C_STORE_RQ,
    COMMAND_DATA_SET_TYPE,
    COMMAND_FIELD,
    MESSAGE_ID,
    CommandSet,
    MalformedCommand,
    encode_command,
    parse_command,
    store_response,
)
from hilum.wire.dimse_status import DimseStatus

SOP_CLASS = "1.2.840.10008.5.1.4.1.1.2"


def request_of_peer(sop_instance_uid: str = "1.2.3.4") -> bytes:
    """The command set that pynetdicom writes for a C-STORE."""
    request = C_STORE()
    request.MessageID = 7
    request.AffectedSOPClassUID = SOP_CLASS
    request.AffectedSOPInstanceUID = sop_instance_uid
    request.Priority = 2
    request.DataSet = BytesIO(b"\x08\x00")
    message = dimse_messages.C_STORE_RQ()
    message.primitive_to_message(request)
    first = next(iter(message.encode_msg(1, 16384)))
    return first.presentation_data_value_list[0][1][1:]


def read_by_peer(command: bytes) -> C_STORE:
    fragments = P_DATA()
    fragments.presentation_data_value_list.append((1, b"\x03" + command))
    message = DIMSEMessage()
    assert message.decode_msg(fragments)
    return message.message_to_primitive()


def test_a_request_written_by_pynetdicom_is_read() -> None:
    command = parse_command(request_of_peer())

    assert command.number(COMMAND_FIELD) == C_STORE_RQ
    assert command.number(MESSAGE_ID) == 7
    assert command.text(AFFECTED_SOP_CLASS_UID) == SOP_CLASS
    assert command.text(AFFECTED_SOP_INSTANCE_UID) == "1.2.3.4"
    assert command.has_dataset


def test_a_response_is_read_by_pynetdicom() -> None:
    status = DimseStatus(0xA900, "A comment", (0x0020000D, 0x00100020))

    response = read_by_peer(store_response(parse_command(request_of_peer()), status))

    assert response.Status == 0xA900
    assert response.ErrorComment == "A comment"
    assert list(response.OffendingElement) == [0x0020000D, 0x00100020]
    assert response.MessageIDBeingRespondedTo == 7
    assert response.AffectedSOPClassUID == SOP_CLASS
    assert response.AffectedSOPInstanceUID == "1.2.3.4"


def test_a_success_carries_neither_comment_nor_offending_element() -> None:
    response = read_by_peer(store_response(parse_command(request_of_peer()), DimseStatus(0)))

    assert response.Status == 0
    assert response.ErrorComment is None
    assert response.OffendingElement is None


def test_a_response_gives_back_no_uid_that_is_too_long() -> None:
    elements = dict(parse_command(request_of_peer()).elements)
    elements[AFFECTED_SOP_INSTANCE_UID] = b"1" * 70

    response = parse_command(store_response(CommandSet(elements), DimseStatus(0x0117)))

    assert AFFECTED_SOP_INSTANCE_UID not in response.elements


@pytest.mark.parametrize(
    "data",
    [
        request_of_peer()[:-1],
        request_of_peer()[:5],
        struct.pack("<HHI", 8, 0x0018, 0),
        struct.pack("<HHI", 0, 0x0100, 0xFFFFFFFF),
        encode_command({COMMAND_FIELD: b"\1\0"}),
        encode_command({COMMAND_DATA_SET_TYPE: b"\1\1"}),
        request_of_peer() + struct.pack("<HHIH", 0, COMMAND_FIELD, 2, 1),
        b"",
    ],
    ids=["cut value", "cut head", "other group", "lie", "no type", "no field", "twice", "empty"],
)
def test_what_is_no_command_set_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedCommand):
        parse_command(data)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_read_or_refused_but_nothing_else(data: bytes) -> None:
    try:
        command = parse_command(data)
    except MalformedCommand:
        return
    assert command.number(COMMAND_FIELD) is not None


@given(
    st.dictionaries(
        st.integers(1, 0xFFFF).filter(lambda element: element not in {COMMAND_FIELD, 0x0800}),
        st.binary(max_size=20).map(lambda value: value + value),
        max_size=10,
    )
)
def test_what_is_encoded_is_parsed_again(elements: dict[int, bytes]) -> None:
    elements = {**elements, COMMAND_FIELD: b"\1\0", COMMAND_DATA_SET_TYPE: b"\1\1"}

    parsed = dict(parse_command(encode_command(elements)).elements)

    assert parsed.pop(0x0000) == len(encode_command(elements)[12:]).to_bytes(4, "little")
    assert parsed == elements
