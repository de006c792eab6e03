"""Query strings to queries, on the standard surface and on the strict one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.domain.errors import InvalidQuery
from hilum.domain.identifiers import SeriesInstanceUID, StudyInstanceUID
from hilum.domain.levels import Level
from hilum.domain.queries import (
    Between,
    Condition,
    DateTimeBetween,
    Empty,
    Equals,
    ItemCondition,
    Like,
    Match,
    OneOf,
    Words,
)
from hilum.wire.query_parameters import SearchRequest, accept_of, read_search
from hilum.wire.search_rules import AZURE_V1_SEARCH, AZURE_V2_SEARCH, STANDARD_SEARCH

STUDY = StudyInstanceUID("1.2.3")
SERIES = SeriesInstanceUID("1.2.3.4")


def standard(
    text: str,
    level: Level = Level.STUDY,
    study: StudyInstanceUID | None = None,
    series: SeriesInstanceUID | None = None,
) -> SearchRequest:
    return read_search(text.encode(), STANDARD_SEARCH, level, study, series)


def azure(
    text: str,
    level: Level = Level.STUDY,
    study: StudyInstanceUID | None = None,
    series: SeriesInstanceUID | None = None,
) -> SearchRequest:
    return read_search(text.encode(), AZURE_V2_SEARCH, level, study, series)


def match_of(request: SearchRequest) -> Match:
    (condition,) = request.query.conditions
    assert isinstance(condition, Condition)
    return condition.match


# What a viewer sends: the requests of OHIF, in the order a user makes them.


def test_the_study_list_without_filters_asks_for_nothing_the_index_does_not_hold() -> None:
    request = standard(
        "limit=101&offset=0&fuzzymatching=false"
        "&includefield=00081030%2C00080060%2C00080090%2C00100030"
    )

    assert (request.query.limit, request.query.offset) == (101, 0)
    assert request.query.conditions == []
    assert {"00081030", "00080090", "00100030", "00080061", "00201208"} <= set(request.tags)
    assert not request.limit_capped


def test_all_filters_of_the_study_list_become_conditions() -> None:
    request = standard(
        "PatientName=*smith*&00100020=*123*&AccessionNumber=*A1*&StudyDescription=*chest*"
        "&ModalitiesInStudy=CT%2CMR&limit=101&offset=0&fuzzymatching=false"
        "&StudyDate=20260101-20261121"
    )

    assert request.query.conditions == [
        Condition("PatientName", Level.STUDY, Like("*smith*")),
        Condition("PatientID", Level.STUDY, Like("*123*")),
        Condition("AccessionNumber", Level.STUDY, Like("*a1*")),
        Condition("StudyDescription", Level.STUDY, Like("*chest*")),
        Condition("ModalitiesInStudy", Level.STUDY, OneOf(("ct", "mr"))),
        Condition("StudyDate", Level.STUDY, Between("20260101", "20261121")),
    ]


@pytest.mark.parametrize("separator", ["%5C", "\\", ",", "%2C"])
def test_several_study_uids_are_a_list(separator: str) -> None:
    assert match_of(standard(f"StudyInstanceUID=1.2.3{separator}1.2.4")) == OneOf(
        ("1.2.3", "1.2.4")
    )


def test_an_empty_study_uid_matches_every_study() -> None:
    assert standard("StudyInstanceUID=&00100020=X").query.conditions == [
        Condition("PatientID", Level.STUDY, Equals("x"))
    ]


def test_series_of_a_study_are_named_with_both_uids() -> None:
    request = standard("includefield=0008103E%2C00080021", Level.SERIES, STUDY)

    assert request.query.study == STUDY
    assert {"0020000D", "0020000E", "0008103E", "00080021", "00201209"} <= set(request.tags)
    assert "00100010" not in request.tags


@pytest.mark.parametrize("extra", ["accept=image/jhc", "_=17", "callback=f", "x-token=1", "&", "="])
def test_what_clients_add_for_others_is_passed_over(extra: str) -> None:
    assert standard(f"PatientID=1&{extra}").query.conditions == [
        Condition("PatientID", Level.STUDY, Equals("1"))
    ]


# Matching, PS3.4 section C.2.2.2.


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("PatientName=Müller%5EJörg", Equals("muller jorg")),
        ("PatientName=M%C3%BCller%5EJ*", Like("muller j*")),
        ("PatientName=Doe+John", Equals("doe john")),
        ("PatientName=joh&fuzzymatching=true", Words(("joh",))),
        ("PatientName=*joh*&fuzzymatching=true", Like("*joh*")),
        ("PatientID=%20A1%20", Equals("a1")),
        ("PatientID=A%3F", Like("a?")),
        ("PatientID=%22%22", Empty()),
        ("PatientID=a\\b", OneOf(("a", "b"))),
        ("StudyDescription=a,b", Equals("a,b")),
        ("StudyInstanceUID=1.2.3", Equals("1.2.3")),
        ("StudyDate=20240229", Equals("20240229")),
        ("StudyDate=20240101-", Between("20240101", None)),
        ("StudyDate=-20240101", Between(None, "20240101")),
        ("StudyTime=10", Between("100000.000000", "105959.999999")),
        ("StudyTime=101112.5-", Between("101112.500000", None)),
        ("StudyTime=-1011", Between(None, "101159.999999")),
        ("StudyTime=101112.123456", Equals("101112.123456")),
        ("0020000d=1.2", Equals("1.2")),
        ("00080061=CT", Equals("ct")),
    ],
)
def test_a_value_becomes_the_match_the_standard_defines(text: str, match: Match) -> None:
    assert match_of(standard(text)) == match


@pytest.mark.parametrize("value", ["", "*", "%20", "%2A"])
def test_universal_matching_sets_no_condition_and_returns_the_attribute(value: str) -> None:
    request = standard(f"IssuerOfPatientID={value}")

    assert request.query.conditions == []
    assert "00100021" in request.tags


def test_an_attribute_that_cannot_be_matched_may_be_asked_for_without_a_value() -> None:
    assert "00101010" in standard("PatientAge=").tags


def test_numbers_are_compared_as_numbers() -> None:
    assert match_of(standard("InstanceNumber=%2B0003", Level.INSTANCE)) == Equals(3)


def test_ranges_of_date_and_time_are_one_span() -> None:
    assert match_of(standard("StudyDate=20260101-20260102&StudyTime=10-1830")) == DateTimeBetween(
        "StudyTime", "20260101100000.000000", "20260102183059.999999"
    )
    assert match_of(standard("StudyDate=20260101-&StudyTime=-1830")) == DateTimeBetween(
        "StudyTime", "20260101000000.000000", None
    )


def test_a_single_date_and_a_range_of_times_stay_two_conditions() -> None:
    assert len(standard("StudyDate=20260101&StudyTime=10-12").query.conditions) == 2


@pytest.mark.parametrize(
    "name",
    [
        "RequestAttributesSequence.ScheduledProcedureStepID",
        "00400275.00400009",
        "RequestAttributesSequence.00400009",
    ],
)
def test_sequence_keys_are_named_by_keyword_or_tag(name: str) -> None:
    request = standard(f"{name}=A1", Level.SERIES)

    assert request.query.conditions == [
        ItemCondition(
            "RequestAttributesSequence", Level.SERIES, (("0040027500400009", Equals("a1")),)
        )
    ]
    assert "00400275" in request.tags


def test_keys_of_one_sequence_are_matched_within_one_item() -> None:
    text = "ProcedureCodeSequence.CodeValue=12*&ProcedureCodeSequence.CodingSchemeDesignator=LN"

    (condition,) = standard(text).query.conditions

    assert isinstance(condition, ItemCondition)
    assert condition.keys == (
        ("0008103200080100", Like("12*")),
        ("0008103200080102", Equals("ln")),
    )


@pytest.mark.parametrize(
    "text",
    [
        "PatientNme=x",
        "Modality=CT",
        "00090001=x",
        "PatientAge=040Y",
        "PatientID=1&00100020=2",
        "StudyDate=2024",
        "StudyDate=20240230",
        "StudyDate=-",
        "StudyDate=20240102-20240101",
        "StudyDate=2024*",
        "StudyTime=25",
        "StudyTime=1060",
        "StudyInstanceUID=1.2.*",
        "StudyInstanceUID=a.b",
        "PatientName=%5E&fuzzymatching=true",
        "PatientID=a*\\b",
        "limit=0",
        "limit=-1",
        "limit=x",
        "limit=1&limit=2",
        "offset=1.5",
        "offset=99999999999999999999",
        "fuzzymatching=perhaps",
        "includefield=PatientNme",
        "PatientID=%FF",
        "ProcedureCodeSequence.CodeMeaning=%22%22",
        "RequestAttributesSequence.ScheduledProcedureStepID=1",
        "ProcedureCodeSequence.PatientName=1",
        "StudyInstanceUID=" + ",".join(f"1.{number}" for number in range(1001)),
        "&".join(f"a{number}=1" for number in range(201)),
    ],
)
def test_what_cannot_be_understood_is_refused(text: str) -> None:
    with pytest.raises(InvalidQuery):
        standard(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("PatientID=" + "1" * 40_000, "The query is invalid: it is longer than 32768 bytes"),
        ("&".join(["PatientID=1"] * 1000), "The query is invalid: at most"),
    ],
    ids=["long", "many"],
)
def test_a_query_that_is_too_much_as_a_whole_names_no_parameter(text: str, told: str) -> None:
    with pytest.raises(InvalidQuery) as caught:
        standard(text)

    assert str(caught.value).startswith(told)


def test_a_refusal_names_the_parameter_and_what_can_be_searched_but_never_the_value() -> None:
    with pytest.raises(InvalidQuery) as caught:
        standard("PatientNme=Secret%5ENancy")

    text = str(caught.value)
    assert "PatientNme" in text
    assert "PatientName" in text
    assert "ProcedureCodeSequence.CodeValue" in text
    assert "Secret" not in text


def test_a_limit_above_the_maximum_is_capped_and_said() -> None:
    request = standard("limit=5000")

    assert (request.query.limit, request.limit_capped) == (1000, True)
    assert standard("").limit_capped


def test_includefield_takes_lists_repetitions_keywords_tags_and_sequences() -> None:
    request = standard(
        "includefield=PatientAge,00101020&includefield=00091001"
        "&includefield=ReferencedStudySequence.ReferencedSOPInstanceUID"
    )

    assert {"00101010", "00101020", "00091001", "00081110"} <= set(request.tags)


def test_required_and_named_attributes_are_answered_even_without_a_value() -> None:
    plain = standard("")
    named = standard("StudyDescription=&includefield=PatientAge,00104000,ProcedureCodeSequence")

    assert {"00080020", "00080050", "00100030", "00201208"} <= set(plain.known)
    assert set(named.known) - set(plain.known) == {"00081030", "00101010"}
    assert set(named.known) <= set(named.tags)


def test_modalities_of_a_study_are_left_out_where_no_series_has_one() -> None:
    request = standard("includefield=ModalitiesInStudy")

    assert "00080061" in request.tags
    assert "00080061" not in request.known


def test_including_all_does_not_answer_all_without_a_value() -> None:
    assert standard("includefield=all").known == standard("").known


def test_azure_answers_with_values_only() -> None:
    assert azure("PatientID=1").known == ()


def test_tags_are_in_ascending_order_without_repetition() -> None:
    tags = standard("includefield=all&PatientID=1&includefield=00100020", Level.INSTANCE).tags

    assert list(tags) == sorted(set(tags))


@given(st.binary(max_size=80), st.sampled_from(Level))
def test_any_query_string_is_read_or_refused(query_string: bytes, level: Level) -> None:
    for rules in (STANDARD_SEARCH, AZURE_V1_SEARCH):
        try:
            request = read_search(query_string, rules, level)
        except InvalidQuery:
            continue
        assert 1 <= request.query.limit <= rules.maximum_limit


# The strict surface.


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("PatientName=A*", Equals("a*")),
        ("PatientID=a\\b", Equals("a\\b")),
        ("PatientName=jo%20d&fuzzymatching=TRUE", Words(("jo", "d"))),
        ("StudyDate=20240101-20240102", Between("20240101", "20240102")),
        ("0020000D=1.2.3%20", Equals("1.2.3")),
    ],
)
def test_azure_values_are_literal(text: str, match: Match) -> None:
    assert match_of(azure(text)) == match


@pytest.mark.parametrize(
    "text",
    [
        "accept=x",
        "patientname=x",
        "PatientID=",
        "PatientID=1&PatientID=2",
        "StudyTime=10",
        "IssuerOfPatientID=1",
        "Modality=CT",
        "StudyInstanceUID=1.2,1.3",
        "StudyDate=2024-2025",
        "StudyDate=-",
        "limit=0",
        "limit=201",
        "offset=-1",
        'PatientName="a&fuzzymatching=true',
        "ProcedureCodeSequence.CodeValue=1",
        "includefield=ProcedureCodeSequence.CodeValue",
        "includefield=Nonsense",
    ],
)
def test_azure_refuses_what_it_does_not_offer(text: str) -> None:
    with pytest.raises(InvalidQuery):
        azure(text)


@pytest.mark.parametrize(
    ("level", "study", "series", "allowed", "refused"),
    [
        (Level.STUDY, None, None, "PatientID", "Modality"),
        (Level.SERIES, None, None, "PatientID", "SOPInstanceUID"),
        (Level.SERIES, STUDY, None, "Modality", "StudyInstanceUID"),
        (Level.INSTANCE, None, None, "Modality", ""),
        (Level.INSTANCE, STUDY, None, "SeriesInstanceUID", "PatientID"),
        (Level.INSTANCE, STUDY, SERIES, "SOPInstanceUID", "SeriesInstanceUID"),
    ],
)
def test_azure_filters_by_the_levels_below_the_path(
    level: Level,
    study: StudyInstanceUID | None,
    series: SeriesInstanceUID | None,
    allowed: str,
    refused: str,
) -> None:
    assert len(azure(f"{allowed}=1.2", level, study, series).query.conditions) == 1
    if refused:
        with pytest.raises(InvalidQuery):
            azure(f"{refused}=1.2", level, study, series)


def test_azure_takes_all_over_other_includefields() -> None:
    request = azure("includefield=all,00200060,PatientAge")

    assert "00101010" in request.tags
    assert "00200060" not in request.tags


# The Accept parameter.


def accept(query_string: bytes, *headers: bytes, strict: bool = False) -> str | None:
    scope = {"headers": [(b"accept", header) for header in headers]}
    return accept_of(scope, query_string, strict=strict)


def test_the_accept_parameter_comes_before_the_header() -> None:
    assert accept(b"accept=application/dicom%2Bjson", b"text/html") == "application/dicom+json"
    assert accept(b"a=1&accept=application/dicom+json") == "application/dicom+json"
    assert accept(b"accept=", b"text/html") == "text/html"


def test_the_strict_surface_has_no_accept_parameter() -> None:
    assert accept(b"accept=application/dicom+json", b"text/html", strict=True) == "text/html"


def test_several_accept_headers_are_one_list() -> None:
    assert accept(b"", b"a/b", b"c/d") == "a/b,c/d"
    assert accept(b"") is None
