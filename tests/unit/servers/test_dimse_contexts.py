import pytest
from pydicom.uid import AllTransferSyntaxes
from pynetdicom import AllStoragePresentationContexts, build_context
from pynetdicom.presentation import PresentationContext
from pynetdicom.sop_class import _QR_CLASSES, _STORAGE_CLASSES  # type: ignore[attr-defined]

from hilum.dicom.transfer_syntaxes import encoding_of
from hilum.servers.dimse_contexts import STORAGE_SOP_CLASSES, TRANSFER_SYNTAXES, negotiate

RETIRED_ULTRASOUND = "1.2.840.10008.5.1.4.1.1.6"
DIRECTORY_STORAGE = "1.2.840.10008.1.3.10"


def result(context: PresentationContext, *, accept_unknown: bool = True) -> int | None:
    (answer,) = negotiate([context], accept_unknown_sop_classes=accept_unknown)
    return answer.result


@pytest.mark.parametrize("uid", sorted(_STORAGE_CLASSES.values()))
def test_every_storage_class_of_pynetdicom_is_taken(uid: str) -> None:
    assert result(build_context(uid), accept_unknown=False) == 0


@pytest.mark.parametrize("uid", sorted(_QR_CLASSES.values()))
def test_no_query_or_retrieve_class_is_taken(uid: str) -> None:
    assert result(build_context(uid)) == 3


def test_retired_storage_classes_are_taken() -> None:
    assert result(build_context(RETIRED_ULTRASOUND), accept_unknown=False) == 0


def test_directories_are_not_instances() -> None:
    assert result(build_context(DIRECTORY_STORAGE)) == 3


def test_every_syntax_of_pydicom_that_encodes_a_stored_data_set_is_taken() -> None:
    live_video = {uid for uid in AllTransferSyntaxes if uid.startswith("1.2.840.10008.1.2.7.")}

    assert {str(uid) for uid in AllTransferSyntaxes} - TRANSFER_SYNTAXES == live_video


@pytest.mark.parametrize("uid", sorted(TRANSFER_SYNTAXES))
def test_every_taken_syntax_is_one_the_reader_knows_how_to_read(uid: str) -> None:
    """Whatever is neither implicit, big endian nor deflated is explicit little endian."""
    encoding = encoding_of(uid)

    assert encoding.is_deflated == (uid in {f"1.2.840.10008.1.2.{x}" for x in DEFLATED})


DEFLATED = ("1.99", "4.95", "4.205")


def test_all_proposals_of_a_sender_are_answered_under_their_ids() -> None:
    proposals = [build_context(each.abstract_syntax) for each in AllStoragePresentationContexts]
    for index, each in enumerate(proposals[:128]):
        each.context_id = 2 * index + 1

    answers = negotiate(proposals[:128], accept_unknown_sop_classes=False)

    assert [each.context_id for each in answers] == [each.context_id for each in proposals[:128]]
    assert {each.result for each in answers} == {0}


def test_storage_classes_are_counted_so_that_an_update_shows() -> None:
    """The conformance statement tells this number."""
    assert len(STORAGE_SOP_CLASSES) == 196


def test_a_context_without_transfer_syntax_is_refused() -> None:
    context = PresentationContext()
    context.context_id = 1
    context.abstract_syntax = RETIRED_ULTRASOUND

    assert result(context) == 4
