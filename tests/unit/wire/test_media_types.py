"""Accept headers: what is read, what is refused, and which representation wins."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.domain.errors import NotAcceptable
from hilum.domain.levels import Level
from hilum.wire.accept import MAXIMUM_LENGTH, accepts_gzip, parse_accept
from hilum.wire.media_types import (
    InstanceForm,
    likes_bulk_data,
    negotiate_retrieve,
    require_dicom_json,
)
from hilum.wire.retrieve_rules import AZURE_V2_RETRIEVE, DEFAULT, STANDARD_RETRIEVE

EXPLICIT = "1.2.840.10008.1.2.1"
J2K = "1.2.840.10008.1.2.4.90"
OHIF_LIST = "multipart/related; type=application/octet-stream, application/dicom+json"


def negotiate(accept: str | None, level: Level = Level.INSTANCE, *, azure: bool) -> InstanceForm:
    rules = AZURE_V2_RETRIEVE if azure else STANDARD_RETRIEVE
    return negotiate_retrieve(accept, level=level, rules=rules)


@pytest.mark.parametrize(
    "accept",
    [
        "application/dicom+json",
        "Application/DICOM+JSON",
        "application/dicom+json; q=0.1",
        "application/*",
        "*/*",
        "text/html, application/xhtml+xml, */*;q=0.8",
        "application/dicom+json, application/json",
        ", application/dicom+json ,",
    ],
)
@pytest.mark.parametrize("strict", [True, False])
def test_an_accept_header_that_covers_dicom_json_gets_it(accept: str, strict: bool) -> None:
    assert require_dicom_json(accept, strict=strict) == "application/dicom+json"


@pytest.mark.parametrize(
    "accept",
    [
        None,
        "",
        "text/html",
        "application/json",
        "application/dicom+json;q=0",
        'multipart/related; type="application/dicom+xml"',
        "application/dicom+json;",
        OHIF_LIST,
        "application/dicom+json, nonsense",
        'application/dicom+json; a="open',
        "application/dicom+json; q=2",
        "*/dicom+json",
    ],
)
def test_the_strict_reading_refuses_what_is_missing_damaged_or_not_covered(
    accept: str | None,
) -> None:
    with pytest.raises(NotAcceptable):
        require_dicom_json(accept, strict=True)


@pytest.mark.parametrize("accept", [None, "", OHIF_LIST, "application/dicom+json, nonsense"])
def test_the_standard_reading_passes_over_what_it_cannot_read(accept: str | None) -> None:
    assert require_dicom_json(accept, strict=False) == "application/dicom+json"


def test_who_asks_for_json_alone_gets_it_under_that_name_on_the_standard_surface() -> None:
    assert require_dicom_json("application/json", strict=False) == "application/json"


def test_elements_are_ordered_by_quality_and_then_as_written() -> None:
    ranges = parse_accept("a/a;q=0.5, b/b, c/c;q=0.5, d/d;q=0", strict=True)

    assert [each.type for each in ranges] == ["b/b", "a/a", "c/c"]


def test_a_comma_in_a_quoted_string_does_not_part_the_list() -> None:
    ranges = parse_accept(r'a/a; x="1,\"2", b/b', strict=True)

    assert [each.type for each in ranges] == ["a/a", "b/b"]
    assert ranges[0].all("x") == ('1,"2',)


def test_two_parameters_of_one_name_are_both_kept() -> None:
    accept = "multipart/related; type=image/jls; transfer-syntax=1.2.3; transfer-syntax=*"

    assert parse_accept(accept, strict=False)[0].all("transfer-syntax") == ("1.2.3", "*")


def test_a_header_longer_than_the_limit_is_refused() -> None:
    with pytest.raises(NotAcceptable):
        parse_accept("a" * (MAXIMUM_LENGTH + 1), strict=False)


@given(st.text(alphabet='abc/*;=,"\\ q0.1', max_size=60), st.booleans())
def test_any_text_is_read_or_refused(text: str, strict: bool) -> None:
    try:
        ranges = parse_accept(text, strict=strict)
    except NotAcceptable:
        assert strict
    else:
        assert all("/" in each.type and 0 < each.quality <= 1 for each in ranges)


@pytest.mark.parametrize("azure", [True, False])
@pytest.mark.parametrize(
    "accept",
    [
        'multipart/related; type="application/dicom"; transfer-syntax=*',
        "multipart/related; type=application/dicom; transfer-syntax=*",
        'multipart/related; type="application/dicom"; transfer-syntax="*"',
        "MULTIPART/RELATED; TYPE=application/dicom; Transfer-Syntax=*",
        "*/*",
    ],
)
def test_stored_bytes_are_asked_for_with_a_star(accept: str, azure: bool) -> None:
    for level in Level:
        assert negotiate(accept, level, azure=azure) == InstanceForm(True, ("*",))


def test_without_a_transfer_syntax_it_is_explicit_little_endian() -> None:
    accept = 'multipart/related; type="application/dicom"'

    assert negotiate(accept, azure=True).syntaxes == (EXPLICIT,)
    # What is lossy, or cannot be converted, goes out as stored, where the client does not insist.
    assert negotiate(accept, azure=False).syntaxes == (DEFAULT, "*")


def test_a_missing_accept_header_is_refused_only_where_the_surface_is_strict() -> None:
    with pytest.raises(NotAcceptable):
        negotiate(None, azure=True)
    assert negotiate(None, azure=False) == InstanceForm(True, (DEFAULT, "*"))


@pytest.mark.parametrize("azure", [True, False])
def test_a_single_part_is_given_for_an_instance_only(azure: bool) -> None:
    assert not negotiate("application/dicom", azure=azure).multipart
    for level in (Level.STUDY, Level.SERIES):
        with pytest.raises(NotAcceptable):
            negotiate("application/dicom", level, azure=azure)


def test_the_best_quality_decides_between_single_part_and_multipart() -> None:
    multipart = "multipart/related; type=application/dicom; transfer-syntax=*"

    assert not negotiate(f"{multipart};q=0.5, application/dicom", azure=False).multipart
    assert negotiate(f"application/dicom;q=0.5, {multipart}", azure=False).multipart


def test_syntaxes_follow_quality_and_the_star_comes_first_among_equals() -> None:
    accept = (
        f"application/dicom; transfer-syntax={EXPLICIT}, application/dicom; transfer-syntax=*, "
        f"application/dicom; transfer-syntax={J2K};q=0.9"
    )

    assert negotiate(accept, azure=True).syntaxes == ("*", EXPLICIT, J2K)


def test_a_viewers_two_transfer_syntaxes_are_both_acceptable() -> None:
    accept = f"application/dicom; transfer-syntax={J2K}; transfer-syntax=*"

    assert negotiate(accept, azure=False).syntaxes == ("*", J2K)


def test_azure_offers_three_transfer_syntaxes_and_the_standard_any() -> None:
    jpeg_ls = "application/dicom; transfer-syntax=1.2.840.10008.1.2.4.80"

    with pytest.raises(NotAcceptable):
        negotiate(jpeg_ls, azure=True)
    assert negotiate(jpeg_ls, azure=False).syntaxes == ("1.2.840.10008.1.2.4.80",)


@pytest.mark.parametrize(
    "accept",
    [
        'multipart/related; type="application/octet-stream"',
        "image/jpeg",
        "application/dicom+json",
        "nonsense",
    ],
)
def test_other_media_types_are_not_acceptable_for_instances(accept: str) -> None:
    for azure in (True, False):
        with pytest.raises(NotAcceptable):
            negotiate(accept, azure=azure)


@pytest.mark.parametrize(
    ("accept", "liked"),
    [
        ('multipart/related; type="application/octet-stream"', True),
        ("multipart/related; type=application/octet-stream; transfer-syntax=*, */*", True),
        ('image/png, multipart/related; type="application/octet-stream"', True),
        ('*/*, multipart/related; type="application/octet-stream"', False),
        ('application/dicom, multipart/related; type="application/octet-stream"', False),
        ("application/octet-stream", False),
        ("multipart/related", False),
        ("", False),
        (None, False),
    ],
)
def test_octets_in_parts_mean_the_bulk_data_of_a_resource(accept: str | None, liked: bool) -> None:
    assert likes_bulk_data(accept, level=Level.INSTANCE, rules=STANDARD_RETRIEVE) is liked
    assert not likes_bulk_data(accept, level=Level.INSTANCE, rules=AZURE_V2_RETRIEVE)


@pytest.mark.parametrize(
    ("accept_encoding", "accepted"),
    [
        (None, False),
        ("", False),
        ("gzip", True),
        ("gzip, deflate, br", True),
        ("GZIP;q=0.5", True),
        ("gzip;q=0", False),
        ("*", True),
        ("*;q=0", False),
        ("gzip;q=0, *", False),
        ("identity", False),
        ("br", False),
        ("gzip;q=nonsense", False),
    ],
)
def test_gzip_goes_only_to_clients_that_take_it(
    accept_encoding: str | None, accepted: bool
) -> None:
    assert accepts_gzip(accept_encoding) is accepted
