"""What an instance says in extended query tags."""

import base64
from dataclasses import replace
from typing import Any

import orjson
import pytest

from hilum.domain.errors import ArchiveUnavailable
from hilum.domain.extended_tags import (
    NO_EXTENDED_TAGS,
    ExtendedTag,
    ExtendedTags,
    TagStatus,
)
from hilum.domain.levels import Level
from hilum.ingest.current_tags import CurrentTags
from hilum.ingest.extended import extended_values

TAG = ExtendedTag(
    1, "00181030", "LO", "", Level.SERIES, TagStatus.READY, query_enabled=True, errors=0,
    job_id=None,
)  # fmt: skip
PRIVATE = replace(TAG, path="00191002", private_creator="MAKER")


def said(tag: ExtendedTag, dataset: dict[str, Any], dropped: tuple[int, ...] = ()) -> Any:
    """The value, or else what is wrong, or else None."""
    found = extended_values(orjson.dumps(dataset), ExtendedTags(3, (tag,)), dropped)
    assert found.generation == 3
    if found.problems:
        assert not found.values
        return found.problems[tag.key]
    return found.values[0].value if found.values else None


def element(vr: str, *values: Any) -> dict[str, Any]:
    return {"vr": vr, "Value": list(values)} if values else {"vr": vr}


@pytest.mark.parametrize(
    ("vr", "value", "expected"),
    [
        ("LO", " Knee ", "knee"),
        ("PN", {"Alphabetic": "Müller^Eva"}, "muller eva"),
        ("DA", "20240131", "20240131"),
        ("TM", "1011", "101100.000000"),
        ("DT", "2024", "20240101000000.000000"),
        ("DT", "20240131101112.5-0500", "20240131101112.500000"),
        ("IS", 3, 3),
        ("US", 65535, 65535),
        ("DS", 2.5, 2.5),
        ("DS", "0.1", 0.1),
        ("FL", 1, 1.0),
        ("UI", "1.2.3", "1.2.3"),
    ],
)
def test_values_are_folded_by_their_vr(vr: str, value: Any, expected: Any) -> None:
    tag = replace(TAG, vr=vr)

    assert said(tag, {tag.path: element(vr, value, value)}) == expected


@pytest.mark.parametrize(
    ("vr", "value"),
    [("DA", "2024"), ("TM", "25"), ("AS", "5Y"), ("IS", 2**31), ("DS", "x"), ("SH", "x" * 17)],
)
def test_what_breaks_the_rules_of_its_vr_is_a_problem_without_the_value(
    vr: str, value: Any
) -> None:
    tag = replace(TAG, vr=vr)

    problem = said(tag, {tag.path: element(vr, value)})

    assert isinstance(problem, str)
    assert str(value) not in problem


def test_another_vr_is_a_problem_and_what_was_told_of_is_passed_over() -> None:
    dataset = {TAG.path: element("SH", "x")}

    assert "SH" in said(TAG, dataset)
    assert said(TAG, dataset, dropped=(TAG.tag,)) is None


@pytest.mark.parametrize("found", [element("LO"), element("LO", None), element("LO", "")])
def test_what_is_empty_is_not_indexed(found: dict[str, Any]) -> None:
    assert said(TAG, {TAG.path: found}) is None


def test_an_attribute_inside_of_a_sequence_does_not_count() -> None:
    item = {TAG.path: element("LO", "inside")}

    assert said(TAG, {"00400275": {"vr": "SQ", "Value": [item]}}) is None


def test_a_private_element_is_where_its_creator_says() -> None:
    value = element("LO", "Here")
    other = element("LO", "OTHER")
    maker = element("LO", "MAKER ")

    assert said(PRIVATE, {"00190010": maker, "00191002": value}) == "here"
    assert said(PRIVATE, {"00190010": other, "001900FE": maker, "0019FE02": value}) == "here"
    assert said(PRIVATE, {"00190010": other, "00191002": value}) is None
    assert said(PRIVATE, {"00190010": maker, "00191003": value}) is None
    assert said(PRIVATE, {"00191002": value}) is None


def test_a_private_element_of_unknown_vr_is_read_with_that_of_the_tag() -> None:
    def unknown(value: bytes) -> dict[str, Any]:
        return {"vr": "UN", "InlineBinary": base64.b64encode(value).decode()}

    maker = {"00190010": element("LO", "MAKER"), "00080005": element("CS", "ISO_IR 100")}
    text = maker | {"00191002": unknown("MÜLLER ".encode("latin-1"))}
    number = maker | {"00191002": unknown(b"\x02\x01")}

    assert said(PRIVATE, text) == "müller"
    assert said(replace(PRIVATE, vr="US"), number) == 0x0102
    assert said(PRIVATE, maker | {"00191002": {"vr": "UN", "InlineBinary": "?"}}) is None


class Told:
    """Answers with what it is told."""

    def __init__(self) -> None:
        self.tags = ExtendedTags(1, (TAG,))
        self.asked = 0
        self.fails = False

    async def extended_tags(self) -> ExtendedTags:
        self.asked += 1
        if self.fails:
            message = "away"
            raise ArchiveUnavailable(message)
        return self.tags


async def test_the_tags_are_asked_for_again_after_a_time_and_kept_through_an_outage() -> None:
    told = Told()
    current = CurrentTags(told, seconds=60)
    assert (current.is_due(), current.known) == (True, NO_EXTENDED_TAGS)

    assert await current.refresh() == told.tags
    assert not current.is_due()
    told.fails = True
    assert await current.refresh() == told.tags
    assert CurrentTags(told, seconds=0).is_due()
    assert told.asked == 2
