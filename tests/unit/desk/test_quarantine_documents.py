"""What is shown of something in quarantine has bounds, and says when it is not all."""

from hilum.desk.quarantine_documents import MOST_TOLD, prospect_document
from hilum.dicom.elements import ElementPath
from hilum.domain.findings import Finding, Severity
from hilum.submissions.mending.draft import Change
from hilum.submissions.mending.mend import Applied
from hilum.submissions.repairing import Proposal, Prospect

FINDING = Finding("value-invalid", Severity.ERROR, 0x00080020, "wrong")
CHANGE = Change(ElementPath((), 0x00080020), "written in the form of its VR")


def a_prospect(times: int) -> Prospect:
    applied = Applied("fix-vr-values", [CHANGE] * times)
    return Prospect([Proposal(applied, [FINDING] * times)], [FINDING] * times)


def test_few_things_are_told_whole() -> None:
    document = prospect_document(a_prospect(MOST_TOLD))

    (repair,) = document["repairs"]
    assert len(document["remaining"]) == len(repair["changes"]) == len(repair["mends"]) == MOST_TOLD
    assert document["remaining_complete"]
    assert repair["changes_complete"]
    assert repair["mends_complete"]


def test_of_very_many_the_first_are_told() -> None:
    document = prospect_document(a_prospect(10_000))

    (repair,) = document["repairs"]
    assert len(document["remaining"]) == len(repair["changes"]) == len(repair["mends"]) == MOST_TOLD
    assert not document["remaining_complete"]
    assert not repair["changes_complete"]
    assert not repair["mends_complete"]
