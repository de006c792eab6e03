"""Reading a request of the URI service (PS3.18 chapter 9)."""

import pytest
from hypothesis import given, strategies

from hilum.domain.errors import InvalidQuery, InvalidUID, NotAcceptable
from hilum.wire.rendering_parameters import LARGEST_SIDE
from hilum.wire.wado_uri import PARAMETERS, Kind, UriRequest, read_uri_request

UIDS = "requestType=WADO&studyUID=1.2&seriesUID=1.2.3&objectUID=1.2.3.4"


def asked(more: str = "", accept: str | None = None) -> UriRequest:
    return read_uri_request(f"{UIDS}&{more}".encode(), accept)


def test_the_instance_is_the_one_that_the_uids_name() -> None:
    scope = asked().scope

    assert (scope.study, scope.series, scope.sop_instance) == ("1.2", "1.2.3", "1.2.3.4")


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("studyUID=1.2&seriesUID=1.2.3&objectUID=1.2.3.4", "requestType"),
        ("requestType=wado&studyUID=1.2&seriesUID=1.2.3&objectUID=1.2.3.4", "requestType"),
        ("requestType=WADO&seriesUID=1.2.3&objectUID=1.2.3.4", "studyUID"),
        ("requestType=WADO&studyUID=1.2&objectUID=1.2.3.4", "seriesUID"),
        ("requestType=WADO&studyUID=1.2&seriesUID=1.2.3&objectUID=", "objectUID"),
        ("requestType=WADO&studyuid=1.2&seriesUID=1.2.3&objectUID=1.2.3.4", "studyUID"),
        (f"{UIDS}&objectUID=1.2.3.4", "objectUID"),
    ],
)
def test_what_is_required_is_named_when_it_is_missing_or_wrong(query: str, named: str) -> None:
    with pytest.raises(InvalidQuery) as caught:
        read_uri_request(query.encode(), None)

    assert caught.value.parameter == named


def test_a_uid_that_is_none_is_refused_by_its_name() -> None:
    with pytest.raises(InvalidUID, match="seriesUID"):
        read_uri_request(b"requestType=WADO&studyUID=1.2&seriesUID=../x&objectUID=1.2.3.4", None)


@pytest.mark.parametrize(
    ("query", "accept", "kind", "ranges"),
    [
        ("", None, Kind.EITHER, "*/*"),
        ("", "*/*", Kind.EITHER, "*/*"),
        ("", "image/*,*/*;q=0.8", Kind.EITHER, "image/*, */*"),
        ("", "image/png", Kind.RENDERED, "image/png"),
        ("", "application/dicom", Kind.DICOM, ""),
        ("", "image/gif;q=0.5, application/dicom", Kind.DICOM, ""),
        ("", "image/gif, application/dicom;q=0.5", Kind.EITHER, "image/gif"),
        ("contentType=application%2Fdicom", "image/*", Kind.DICOM, ""),
        ("contentType=application/dicom", None, Kind.DICOM, ""),
        ("contentType=image/gif;q=0.2,image/png", "*/*", Kind.RENDERED, "image/png, image/gif"),
        ("contentType=text%2Fhtml", None, Kind.RENDERED, "text/html"),
        ("contentType=application/dicom+json", None, Kind.RENDERED, "application/dicom+json"),
        ("contentType=", "application/dicom", Kind.DICOM, ""),
        ("", 'multipart/related; type="image/png", image/gif', Kind.RENDERED, "image/gif"),
    ],
)
def test_the_media_types_say_which_transaction_is_meant(
    query: str, accept: str | None, kind: Kind, ranges: str
) -> None:
    request = asked(query, accept)

    assert (request.kind, request.accept) == (kind, ranges)


@pytest.mark.parametrize("accept", ["multipart/related", "nonsense", "image/png;q=0"])
def test_an_accept_that_names_nothing_of_one_instance_is_not_acceptable(accept: str) -> None:
    with pytest.raises(NotAcceptable):
        asked(accept=accept)


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("contentType=application/dicom,image/jpeg", "contentType"),
        ("contentType=nonsense", "contentType"),
        ("anonymize=yes", "anonymize"),
        ("presentationUID=1.2.3", "presentationUID"),
        ("presentationSeriesUID=1.2.3", "presentationSeriesUID"),
        ("charset=ISO-8859-1", "charset"),
        ("frameNumber=0", "frameNumber"),
        ("frameNumber=-1", "frameNumber"),
        ("frameNumber=1,2", "frameNumber"),
        ("frameNumber=99999999999", "frameNumber"),
        ("rows=0", "rows"),
        ("rows=65536", "rows"),
        ("columns=1.5", "columns"),
        ("imageQuality=0", "imageQuality"),
        ("imageQuality=101", "imageQuality"),
        ("imageQuality=", "imageQuality"),
        ("windowCenter=40", "windowWidth"),
        ("windowWidth=40", "windowCenter"),
        ("windowCenter=nan&windowWidth=40", "windowCenter"),
        ("windowCenter=1e309&windowWidth=40", "windowCenter"),
        ("windowCenter=40&windowWidth=0.5", "windowWidth"),
        (f"windowCenter={'1' * 33}&windowWidth=40", "windowCenter"),
        ("region=0,0,1", "region"),
        ("region=0,0,1,1,1", "region"),
        ("region=0.5,0,0.5,1", "region"),
        ("region=0,0.9,1,0.1", "region"),
        ("region=0,0,1,1.1", "region"),
        ("region=-0.1,0,1,1", "region"),
        ("region=inf,0,1,1", "region"),
        ("rows=10&rows=10", "rows"),
    ],
)
def test_what_is_wrong_or_not_offered_is_named(query: str, named: str) -> None:
    with pytest.raises(InvalidQuery) as caught:
        asked(query)

    assert caught.value.parameter == named


def test_what_viewers_add_is_passed_over() -> None:
    assert asked("useOrig=true&_=1700000000&anonymize=&Rows=5") == asked()


def test_rendering_says_nothing_about_an_instance() -> None:
    request = asked("contentType=application/dicom&rows=abc&frameNumber=7&windowCenter=1")

    assert (request.rows, request.frame, request.rendering) == (None, None, {})


@pytest.mark.parametrize(
    ("syntax", "accept"),
    [
        ("", "application/dicom; q=0.9"),
        ("*", 'application/dicom; transfer-syntax="*", application/dicom; q=0.9'),
        (
            "1.2.840.10008.1.2.4.80",
            'application/dicom; transfer-syntax="1.2.840.10008.1.2.4.80", application/dicom; q=0.9',
        ),
        ("1.2.840.10008.1.2", "application/dicom; q=0.9"),
        ("1.2.840.10008.1.2.2", "application/dicom; q=0.9"),
    ],
)
def test_a_transfer_syntax_is_a_wish_beside_the_default(syntax: str, accept: str) -> None:
    request = asked(f"contentType=application/dicom&transferSyntax={syntax}")

    assert request.accept_dicom == accept


def test_a_transfer_syntax_that_is_no_uid_is_refused() -> None:
    with pytest.raises(InvalidUID, match="transferSyntax"):
        asked("contentType=application/dicom&transferSyntax=jpeg")


@pytest.mark.parametrize("charset", ["UTF-8", "utf-8,ISO-8859-1;q=0.5", "", "%22ISO_IR%20192%22"])
def test_text_is_utf_8(charset: str) -> None:
    assert asked(f"charset={charset}") == asked()


@pytest.mark.parametrize(
    ("query", "viewport"),
    [
        ("", None),
        ("rows=20", f"{LARGEST_SIDE},20"),
        ("columns=10", f"10,{LARGEST_SIDE}"),
        ("rows=20&columns=10", "10,20"),
        ("region=0.25,0.5,0.75,1", f"50,{LARGEST_SIDE},25,100,50,100"),
        ("region=0.25,0.5,0.75,1&rows=20", f"{LARGEST_SIDE},20,25,100,50,100"),
        ("region=0,0,1,1&rows=20&columns=10", "10,20,0,0,100,200"),
        ("region=0,0,0.001,0.001", f"1,{LARGEST_SIDE},0,0,0.1,0.2"),
    ],
)
def test_size_and_region_are_a_viewport(query: str, viewport: str | None) -> None:
    assert asked(query).viewport(image_rows=200, image_columns=100) == viewport


def test_the_other_parameters_have_the_names_of_rendered_resources() -> None:
    query = "windowCenter=-600&windowWidth=1500&imageQuality=50&annotation=patient"

    rendering = asked(f"{query}&imageAnnotation=technique&frameNumber=007").rendering

    assert rendering == {
        "window": "-600.0,1500.0,linear",
        "quality": "50",
        "annotation": "patient,technique",
    }


@given(
    strategies.lists(
        strategies.tuples(strategies.sampled_from(PARAMETERS), strategies.text(max_size=12)),
        max_size=8,
    ).map(lambda pairs: "&".join(f"{name}={value}" for name, value in pairs)),
    strategies.text(strategies.characters(max_codepoint=255), max_size=30),
)
def test_any_query_string_is_read_or_refused(query: str, accept: str) -> None:
    try:
        request = read_uri_request(f"{UIDS}&{query}".encode(), accept)
    except (InvalidQuery, InvalidUID, NotAcceptable):
        return
    assert request.scope.sop_instance == "1.2.3.4"
