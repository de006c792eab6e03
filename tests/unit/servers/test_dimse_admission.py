import threading

import pytest

from hilum.servers.dimse_admission import (
    ASSOCIATIONS,
    ASSOCIATIONS_PER_PEER,
    CALLED_AE_TITLE,
    CALLING_AE_TITLE,
    SHUTTING_DOWN,
    Admission,
    WorkInProgress,
)
from hilum.servers.dimse_options import DimseOptions

HERE = "127.0.0.1"
THERE = "192.0.2.1"


def test_anybody_on_loopback_may_associate_when_no_titles_are_listed() -> None:
    admission = Admission(DimseOptions())

    assert admission.associate(HERE, "ANY", "ANY") is None
    assert admission.associate("::1", "ANY", "ANY") is None
    assert admission.associate("::ffff:127.0.0.1", "ANY", "ANY") is None


def test_nobody_else_may_associate_when_no_titles_are_listed() -> None:
    assert Admission(DimseOptions()).associate(THERE, "ANY", "HILUM") is CALLING_AE_TITLE


def test_everybody_may_associate_when_the_operator_insists() -> None:
    admission = Admission(DimseOptions(any_calling_ae_title=True))

    assert admission.associate(THERE, "ANY", "HILUM") is None


def test_listed_titles_may_associate_from_anywhere_and_others_from_nowhere() -> None:
    admission = Admission(DimseOptions(allowed_calling_ae_titles=frozenset({"CT1"})))

    assert admission.associate(THERE, "CT1", "HILUM") is None
    assert admission.associate(HERE, "CT2", "HILUM") is CALLING_AE_TITLE
    assert admission.associate(HERE, "ct1", "HILUM") is CALLING_AE_TITLE


def test_the_called_title_must_be_ours_when_that_is_asked_for() -> None:
    admission = Admission(DimseOptions(ae_title="ARCHIVE", require_called_ae_title=True))

    assert admission.associate(HERE, "CT1", "HILUM") is CALLED_AE_TITLE
    assert admission.associate(HERE, "CT1", "ARCHIVE") is None


def test_places_are_counted_in_total_and_per_peer_and_given_back() -> None:
    options = DimseOptions(associations=3, associations_per_peer=2, any_calling_ae_title=True)
    admission = Admission(options)

    assert [admission.associate(HERE, "A", "H") for _ in range(3)] == [
        None,
        None,
        ASSOCIATIONS_PER_PEER,
    ]
    assert [admission.associate(THERE, "A", "H") for _ in range(2)] == [None, ASSOCIATIONS]

    admission.connect(HERE)
    admission.disconnect(HERE, associated=True)

    assert admission.associate(THERE, "A", "H") is None


@pytest.mark.parametrize("address", [HERE, THERE])
def test_connections_are_taken_up_to_a_few_beyond_the_limit(address: str) -> None:
    admission = Admission(DimseOptions(associations=64, associations_per_peer=8))

    taken = [admission.connect(address) for _ in range(30)]

    assert taken.count(True) == 16
    admission.disconnect(address, associated=False)
    assert admission.connect(address)


def test_a_closed_door_takes_neither_connection_nor_association() -> None:
    admission = Admission(DimseOptions())
    admission.close()

    assert not admission.connect(HERE)
    assert admission.associate(HERE, "A", "H") is SHUTTING_DOWN


def test_work_in_progress_is_waited_for_but_not_for_ever() -> None:
    work, begun, end = WorkInProgress(), threading.Event(), threading.Event()

    def serve() -> None:
        with work:
            begun.set()
            end.wait(10)

    thread = threading.Thread(target=serve)
    thread.start()
    begun.wait(10)

    assert work.wait_for_end(0.01) == 1
    end.set()
    assert work.wait_for_end(10) == 0
    thread.join()
