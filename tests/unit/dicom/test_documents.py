"""What an instance can be shown as."""

import json
from typing import Any

import pytest

from hilum.dicom.documents import TYPE_OF_CLASS, document_facts, may_be_document

DOCUMENTS: list[dict[str, Any]] = [
    *({"00080016": {"vr": "UI", "Value": [sop_class]}} for sop_class in TYPE_OF_CLASS),
    {"00420012": {"vr": "LO", "Value": ["application/pdf"]}},
    {"0040A040": {"vr": "CS", "Value": ["CONTAINER"]}},
    {"0040A730": {"vr": "SQ"}},
]


@pytest.mark.parametrize("dataset", DOCUMENTS)
def test_documents_are_known_before_their_metadata_is_read(dataset: dict[str, Any]) -> None:
    assert document_facts(dataset) is not None
    assert may_be_document(json.dumps(dataset).encode())


def test_what_is_no_document_need_not_be_read() -> None:
    dataset = {
        "00080016": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.481.3"]},
        "30060039": {"vr": "SQ", "Value": [{"30060050": {"vr": "DS", "Value": [1, 2, 3]}}]},
    }

    assert document_facts(dataset) is None
    assert not may_be_document(json.dumps(dataset).encode())


@pytest.mark.parametrize(
    "named",
    ["application/javascript", "TEXT/JavaScript; charset=x", "text/css", "application/wasm"],
)
def test_what_would_act_in_a_page_is_bytes_and_nothing_more(named: str) -> None:
    facts = document_facts({"00420012": {"vr": "LO", "Value": [named]}})

    assert facts is not None
    assert facts.media_types == ("application/octet-stream",)
