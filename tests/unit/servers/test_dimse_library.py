"""What is taken from pynetdicom by inheritance stands on its private names."""

import socket

import pynetdicom
import pytest
from pynetdicom import _config
from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dul import DULServiceProvider
from pynetdicom.fsm import TRANSITION_TABLE
from pynetdicom.pdu import P_DATA_TF
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.transport import AssociationSocket

from hilum.servers.dimse_library import configure_pynetdicom
from hilum.servers.dimse_transport import BoundedSocket


def test_pynetdicom_is_of_the_series_that_our_modules_were_written_against() -> None:
    assert pynetdicom.__version__.startswith("3.0.")


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (Association, "run_reactor"),
        (Association, "_serve_request"),
        (Association, "_run_reactor"),
        (DIMSEServiceProvider, "get_msg"),
        (DULServiceProvider, "run_reactor"),
        (DULServiceProvider, "_is_transport_event"),
        (DULServiceProvider, "_process_recv_primitive"),
        (DULServiceProvider, "_read_pdu_data"),
        (DULServiceProvider, "_decode_pdu"),
        (DULServiceProvider, "idle_timer_expired"),
        (DULServiceProvider, "kill_dul"),
        (DULServiceProvider, "stop_dul"),
        (AssociationSocket, "send"),
        (AssociationSocket, "_shutdown_socket"),
    ],
)
def test_every_method_that_is_replaced_is_there(owner: type, name: str) -> None:
    assert name in vars(owner)


@pytest.mark.parametrize(
    ("event", "state", "action"),
    [
        ("Evt19", "Sta2", "AA-1"),
        ("Evt19", "Sta6", "AA-8"),
        ("Evt17", "Sta2", "AA-5"),
        ("Evt17", "Sta6", "AA-4"),
        ("Evt17", "Sta13", "AR-5"),
    ],
)
def test_the_events_that_are_raised_lead_to_an_abort_or_an_end(
    event: str, state: str, action: str
) -> None:
    assert TRANSITION_TABLE[event, state] == action


def test_the_module_wide_switches_keep_patient_data_out_of_logs() -> None:
    configure_pynetdicom()

    assert _config.LOG_HANDLER_LEVEL == "none"
    assert not _config.LOG_REQUEST_IDENTIFIERS
    assert not _config.LOG_RESPONSE_IDENTIFIERS


class CountingSocket:
    """A connected socket that counts what is written in one call."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.writes: list[int] = []

    def sendall(self, data: bytes) -> None:
        self.writes.append(len(data))
        self._connection.sendall(data)

    def __getattr__(self, name: str) -> object:
        return getattr(self._connection, name)


def test_a_response_pdu_leaves_in_one_write() -> None:
    """DCMTK's receivers write head and data apart, which stalls every response by 40 ms."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        far, _ = listener.accept()
    association = Association(ApplicationEntity("HILUM"), "acceptor")
    counting = CountingSocket(near)
    connection = BoundedSocket(association, counting)  # type: ignore[arg-type]
    association.set_socket(connection)
    fragment = P_DATA()
    fragment.presentation_data_value_list.append((1, b"\x03" + bytes(180)))

    association.dul._send(P_DATA_TF(fragment))

    assert counting.writes == [6 + 4 + 2 + 180]
    assert near.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    far.close()
    near.close()
