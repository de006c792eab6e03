import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import pytest
from pynetdicom.status import STORAGE_SERVICE_CLASS_STATUS

from hilum.dicom.errors import TruncatedInstance
from hilum.domain import errors
from hilum.domain.findings import Finding, Severity
from hilum.domain.instances import Disposition, Outcome
from hilum.wire.dimse_status import (
    CANNOT_UNDERSTAND,
    DATASET_DOES_NOT_MATCH,
    DUPLICATE_SOP_INSTANCE,
    INVALID_SOP_INSTANCE,
    LIMIT_EXCEEDED,
    NO_SUCH_SOP_INSTANCE,
    NOT_AUTHORISED,
    OUT_OF_RESOURCES,
    PROCESSING_FAILURE,
    SUCCESS,
    comment_of,
    status_of,
    status_of_error,
)

OF_DISPOSITION = {
    Disposition.CREATED: SUCCESS,
    Disposition.NEW_VERSION: SUCCESS,
    Disposition.ALREADY_HELD: SUCCESS,
    Disposition.CONFLICT: DUPLICATE_SOP_INSTANCE,
    Disposition.REFUSED: DATASET_DOES_NOT_MATCH,
    Disposition.UNREADABLE: CANNOT_UNDERSTAND,
    Disposition.FAILED: OUT_OF_RESOURCES,
}

OF_ERROR = {
    "HilumError": PROCESSING_FAILURE,
    "InvalidRequest": CANNOT_UNDERSTAND,
    "InvalidUID": INVALID_SOP_INSTANCE,
    "InvalidQuery": CANNOT_UNDERSTAND,
    "MalformedBody": CANNOT_UNDERSTAND,
    "NotAcceptable": CANNOT_UNDERSTAND,
    "UnsupportedMediaType": CANNOT_UNDERSTAND,
    "LimitExceeded": LIMIT_EXCEEDED,
    "NotHeld": NO_SUCH_SOP_INSTANCE,
    "StudyNotFound": NO_SUCH_SOP_INSTANCE,
    "SeriesNotFound": NO_SUCH_SOP_INSTANCE,
    "InstanceNotFound": NO_SUCH_SOP_INSTANCE,
    "UnreadableInstance": CANNOT_UNDERSTAND,
    "NotDicom": CANNOT_UNDERSTAND,
    "TruncatedInstance": CANNOT_UNDERSTAND,
    "MalformedElement": CANNOT_UNDERSTAND,
    "DamagedDeflate": CANNOT_UNDERSTAND,
    "AccessDenied": NOT_AUTHORISED,
    "NotAuthenticated": NOT_AUTHORISED,
    "NotAllowed": NOT_AUTHORISED,
    "ArchiveFault": OUT_OF_RESOURCES,
    "ArchiveFull": OUT_OF_RESOURCES,
    "ArchiveUnavailable": OUT_OF_RESOURCES,
    "ObjectMissing": OUT_OF_RESOURCES,
    "QueryTooCostly": OUT_OF_RESOURCES,
    "ShuttingDown": OUT_OF_RESOURCES,
}


def kinds_of(error: type[errors.HilumError]) -> Iterator[type[errors.HilumError]]:
    yield error
    for kind in error.__subclasses__():
        yield from kinds_of(kind)


def status_of_family(kind: type[errors.HilumError]) -> int:
    """What the table says of the error, or of the nearest kind above it."""
    return next(OF_ERROR[each.__name__] for each in kind.__mro__ if each.__name__ in OF_ERROR)


def error_of_kind(kind: type[errors.HilumError]) -> errors.HilumError:
    """An instance without knowing the parameters of its constructor."""
    error = kind.__new__(kind)
    for name in inspect.signature(kind.__init__).parameters:
        if name in {"tag", "offset", "allowed"}:
            setattr(error, name, 0x00100010)
    return error


@pytest.mark.parametrize("disposition", list(Disposition))
def test_every_disposition_has_its_status(disposition: Disposition) -> None:
    assert status_of(Outcome(disposition)).code == OF_DISPOSITION[disposition]


def test_every_error_of_the_product_has_its_status() -> None:
    for package in ("hilum.domain", "hilum.dicom"):
        for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
            importlib.import_module(f"{package}.{module.name}")
    kinds = {
        kind
        for kind in kinds_of(errors.HilumError)
        if kind.__module__.startswith("hilum.do") or kind.__module__ == "hilum.dicom.errors"
    }

    statuses = {kind: status_of_error(error_of_kind(kind)).code for kind in kinds}

    assert statuses == {kind: status_of_family(kind) for kind in kinds}
    assert set(OF_ERROR) <= {kind.__name__ for kind in kinds}


def test_a_failed_outcome_tells_the_status_of_its_error() -> None:
    outcome = Outcome(Disposition.FAILED, error=errors.NotAllowed("write"))

    assert status_of(outcome).code == NOT_AUTHORISED


def test_a_bug_is_a_processing_failure_that_says_nothing() -> None:
    status = status_of(Outcome(Disposition.FAILED, error=KeyError("Doe^Jane")))

    assert status.code == PROCESSING_FAILURE
    assert "Doe" not in status.comment


def test_a_refusal_names_the_first_reason_and_all_offending_elements() -> None:
    findings = (
        Finding("a", Severity.WARNING, 0x00080020, "Only a warning."),
        Finding("b", Severity.ERROR, 0x0020000D, "The required tag is missing."),
        Finding("c", Severity.ERROR, 0x00100020, "Too long."),
        Finding("d", Severity.ERROR, 0x00100020, "Twice."),
        Finding("e", Severity.ERROR, None, "The whole."),
    )

    status = status_of(Outcome(Disposition.REFUSED, findings=findings))

    assert status.comment == "(0020,000d) The required tag is missing."
    assert status.offending_elements == (0x0020000D, 0x00100020)


def test_damage_names_the_element_it_was_found_in() -> None:
    error = TruncatedInstance(0x7FE00010, 1234, "4 bytes are missing")

    status = status_of(Outcome(Disposition.UNREADABLE, error=error))

    assert status.offending_elements == (0x7FE00010,)
    assert status.comment.startswith("The file ends inside element (7fe0,0010)")


@pytest.mark.parametrize(
    ("text", "comment"),
    [
        ("short", "short"),
        ("back\\slash", "back/slash"),
        ("two\r\nlines\tand  blanks", "two lines and blanks"),
        ("größer", "gr er"),
        ("x" * 80, "x" * 64),
        ("x" * 63 + " y", "x" * 63),
    ],
)
def test_a_comment_fits_its_value_representation(text: str, comment: str) -> None:
    assert comment_of(text) == comment


def test_every_status_we_send_is_known_to_the_storage_service_class() -> None:
    sent = {*OF_DISPOSITION.values(), *OF_ERROR.values()}

    assert sent <= set(STORAGE_SERVICE_CLASS_STATUS)
