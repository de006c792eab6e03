import httpx
import pytest

from hilum.domain.errors import NotAcceptable
from hilum.wire.dataset_forms import DataSetForm, negotiate_datasets, xml_body
from tests.conformance.multipart import parts
from tests.native_model import Attribute, read_model

PARTS = 'multipart/related; type="application/dicom+xml"'
JSON = DataSetForm("application/dicom+json")
PLAIN = DataSetForm("application/json")
XML_PARTS = DataSetForm("application/dicom+xml", multipart=True)
XML = DataSetForm("application/dicom+xml")


def negotiate(accept: str | None, *, single: bool = False, offers_xml: bool = True) -> DataSetForm:
    return negotiate_datasets(accept, strict=False, offers_xml=offers_xml, single=single)


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (None, JSON),
        ("*/*", JSON),
        ("text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8", JSON),
        (PARTS, XML_PARTS),
        ("multipart/related; type=application/dicom+xml", XML_PARTS),
        ('Multipart/Related; Type="Application/DICOM+XML"; charset=utf-8', XML_PARTS),
        (f"{PARTS}, application/dicom+json", XML_PARTS),
        (f"application/dicom+json, {PARTS}", JSON),
        (f"application/dicom+json;q=0.5, {PARTS};q=0.7", XML_PARTS),
        (f"application/dicom+json;q=0.7, {PARTS};q=0.5", JSON),
        (f"application/json, {PARTS};q=0.5", PLAIN),
        (f"{PARTS};q=0, application/json", PLAIN),
        (f"{PARTS}, */*;q=0.1", XML_PARTS),
        (f"application/dicom+xml, {PARTS};q=0.5", XML_PARTS),
    ],
)
def test_the_form_that_is_liked_best_wins(accept: str | None, form: DataSetForm) -> None:
    assert negotiate(accept) == form


def test_one_data_set_may_be_a_document_of_its_own() -> None:
    assert negotiate("application/dicom+xml", single=True) == XML
    with pytest.raises(NotAcceptable, match='type="application/dicom\\+xml"'):
        negotiate("application/dicom+xml", single=False)


@pytest.mark.parametrize(
    "accept", ["application/xml", "multipart/related; type=text/xml", f"{PARTS};q=0"]
)
def test_other_xml_is_not_acceptable(accept: str) -> None:
    with pytest.raises(NotAcceptable):
        negotiate(accept, single=True)


@pytest.mark.parametrize("strict", [True, False])
def test_a_surface_that_offers_no_xml_gives_none(strict: bool) -> None:
    with pytest.raises(NotAcceptable):
        negotiate_datasets(PARTS, strict=strict, offers_xml=False, single=True)


def test_each_data_set_is_a_part() -> None:
    datasets = [{"00080050": {"vr": "SH", "Value": [text]}} for text in ("one", "two")]

    content_type, body = xml_body(datasets, XML_PARTS)

    found = parts(httpx.Response(200, headers={"content-type": content_type}, content=body))
    assert [headers["Content-Type"] for headers, _ in found] == ["application/dicom+xml"] * 2
    assert [read_model(document) for _, document in found] == [
        {"00080050": Attribute("SH", "AccessionNumber", [text])} for text in ("one", "two")
    ]
