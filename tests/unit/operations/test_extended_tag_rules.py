"""Which attributes can become extended query tags."""

import pytest

from hilum.domain.extended_tags import InvalidExtendedTag, NewExtendedTag
from hilum.domain.levels import Level
from hilum.operations.extended_tags.rules import CORE_KEYWORDS as CORE
from hilum.operations.extended_tags.rules import AskedTag, checked, checked_tags, parse_path
from hilum.wire.search_rules import AZURE_V2_SEARCH


def asked(
    path: str, vr: str | None = None, creator: str | None = None, level: str = "Instance"
) -> AskedTag:
    return AskedTag(path, vr, creator, level)


def test_core_attributes_are_those_that_the_azure_surfaces_always_search_by() -> None:
    found = {attribute.keyword for attribute in AZURE_V2_SEARCH.searchable.values()}

    assert set(CORE) == found
    for keyword in CORE:
        with pytest.raises(InvalidExtendedTag, match="already supported"):
            checked(asked(keyword))


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        (asked("PatientAge"), NewExtendedTag("00101010", "AS", "", Level.INSTANCE)),
        (asked("0018115a", "cs"), NewExtendedTag("0018115A", "CS", "", Level.INSTANCE)),
        (
            asked("00101010", level="series"),
            NewExtendedTag("00101010", "AS", "", Level.SERIES),
        ),
        (
            asked("00281101", "SS"),
            NewExtendedTag("00281101", "SS", "", Level.INSTANCE),
        ),
        (
            asked("00091002", "lo", " Acme "),
            NewExtendedTag("00091002", "LO", "Acme", Level.INSTANCE),
        ),
    ],
)
def test_what_is_asked_for_is_read(tag: AskedTag, expected: NewExtendedTag) -> None:
    assert checked(tag) == expected


@pytest.mark.parametrize(
    "tag",
    [
        asked("00281101"),  # US or SS: which one is for the client to say
        asked("00081111"),
        asked("7FE00010"),
        asked("00080000"),
        asked("00020010"),
        asked("00990010"),
        asked("00090999", "LO", "Acme"),
        asked("00091002", "LO"),
        asked("00091002", None, "Acme"),
        asked("00091002", "UN", "Acme"),
        asked("00091002", "LO", "A\tB"),
        asked(""),
        asked("0010101"),
        asked("PatientAge", level="Study Level"),
        AskedTag(None, None, None, None),
    ],
)
def test_what_cannot_be_indexed_is_refused(tag: AskedTag) -> None:
    with pytest.raises(InvalidExtendedTag):
        checked(tag)


@pytest.mark.parametrize(
    ("tag", "mending"),
    [
        (asked("00281101"), 'has VR US or SS: name one as "vr"'),
        (asked("PatientAge", "LO"), '"vr" should be that, or be left out'),
        (asked("PatientAge", creator="Acme"), 'leave "privateCreator" out'),
    ],
)
def test_what_is_refused_is_told_how_to_mend(tag: AskedTag, mending: str) -> None:
    with pytest.raises(InvalidExtendedTag, match=mending):
        checked(tag)


def test_an_attribute_is_named_once_however_it_is_written() -> None:
    with pytest.raises(InvalidExtendedTag, match="more than once"):
        checked_tags([asked("PatientAge"), asked("00101010")])
    with pytest.raises(InvalidExtendedTag, match="at least one"):
        checked_tags([])


def test_a_path_that_names_nothing_is_not_repeated_at_length() -> None:
    with pytest.raises(InvalidExtendedTag) as refused:
        parse_path("x" * 10_000)

    assert len(str(refused.value)) < 300
