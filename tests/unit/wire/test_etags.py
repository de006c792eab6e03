"""Entity tags: how they are made, written and compared."""

import pytest

from hilum.domain.identifiers import Version
from hilum.domain.levels import Level
from hilum.domain.records import ScopeSummary
from hilum.wire.etags import entity_tag, etag_header, none_match
from hilum.wire.retrieve_rules import AZURE_V2_RETRIEVE, STANDARD_RETRIEVE

SUMMARY = ScopeSummary(instances=3, newest_version=Version(17))


def test_an_instance_is_tagged_by_its_version_and_what_is_above_by_count_too() -> None:
    assert entity_tag(SUMMARY, Level.INSTANCE) == "17"
    assert entity_tag(SUMMARY, Level.SERIES) == "17-3"
    assert entity_tag(SUMMARY, Level.STUDY) == "17-3"


def test_the_standard_surface_quotes_tags_and_the_azure_surface_does_not() -> None:
    assert etag_header("17-3", STANDARD_RETRIEVE) == 'W/"17-3"'
    assert etag_header("17-3", AZURE_V2_RETRIEVE) == "17-3"


@pytest.mark.parametrize(
    "header",
    ["17-3", '"17-3"', 'W/"17-3"', 'w/"17-3"', "*", " * ", '"a", W/"17-3" , "b"', '"a","17-3"'],
)
def test_a_tag_the_client_holds_is_recognised(header: str) -> None:
    assert not none_match(header, "17-3")


@pytest.mark.parametrize(
    "header", [None, "", "17-4", '"17"', '"a", "b"', '"17-3', "17 -3", '"17-3" "b"', ",,,"]
)
def test_any_other_header_gets_the_whole_answer(header: str | None) -> None:
    assert none_match(header, "17-3")


def test_letters_compare_without_case() -> None:
    assert not none_match('"AbC"', "aBc")
