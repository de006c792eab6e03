"""Bulk data in DICOM JSON: small values inline, large ones by reference (PS3.18 F.2.6, F.2.7)."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.dicom.bulk_marks import Comma, Gap, little_endian, take_marks, without_bulk
from hilum.dicom.bulk_table import BulkPlace, BulkTable, Segment, bulk_places, path_text
from hilum.dicom.elements import ElementPath
from hilum.dicom.header import FileSource, Header, HeaderLimits, Memo, read_header
from tests.corpus import corpus, corpus_id
from tests.unit.dicom.builders import (
    BIG_ENDIAN,
    IMPLICIT,
    explicit,
    item,
    open_item,
    open_sequence,
    part10,
)
from tests.unit.dicom.bulk_oracle import PIXELS, bulk_values, inline, told_bulk, with_references
from tests.unit.dicom.test_corpus import REFUSED

_LIMITS = HeaderLimits(inline_bytes=1024)
_READABLE = [path for path in corpus() if path.name not in REFUSED]
_PRIVATE = 0x00091001


def _read(data: bytes, most: int = 1024, memo: Memo | None = None) -> Header:
    return read_header(data, limits=HeaderLimits(inline_bytes=most), memo=memo or Memo())


def _of(*elements: bytes, most: int = 4, syntax: str | None = None) -> Header:
    data = b"".join(elements)
    return _read(part10(data) if syntax is None else part10(data, syntax), most)


# --- the corpus -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", _READABLE, ids=corpus_id)
def test_every_bulk_value_of_the_corpus_is_told_and_found(path: Path) -> None:
    data = path.read_bytes()
    header = _read(data)

    told = dict(told_bulk(with_references(header)))

    values = bulk_values(data)
    places = {place.path: place for place in bulk_places(header)}
    assert told.keys() == values.keys()
    for where, attribute in told.items():
        value, is_pixels = values[where], int(where[-8:], 16) in PIXELS
        if where not in places:
            assert len(value) <= (0 if is_pixels else 1024)
            assert ("InlineBinary" in attribute) == bool(value)
            assert not value or inline(attribute) == value
            continue
        assert attribute["BulkDataURI"] == where
        place = places[where]
        if place.length is not None and not header.inflated:
            stored = data[place.offset : place.offset + place.length]
            assert little_endian(stored, place.swap_unit) == value
            assert is_pixels or len(value) > 1024


@pytest.mark.parametrize("path", _READABLE, ids=corpus_id)
def test_without_its_bulk_data_the_json_is_what_it_was_without_any(path: Path) -> None:
    data = path.read_bytes()
    without = read_header(data, memo=Memo())

    header = _read(data)

    assert without_bulk(header.json) == without.json
    assert header.values == without.values
    assert header.problems == without.problems
    assert header.pixel_data == without.pixel_data
    assert set(header.bulk) <= set(without.bulk)


def test_a_warm_memo_and_a_file_change_nothing_for_the_whole_corpus() -> None:
    memo = Memo()
    for _ in range(2):
        for path in _READABLE:
            cold = _read(path.read_bytes())
            with FileSource(path) as source:
                assert read_header(source, limits=_LIMITS, memo=memo) == cold, path


def test_one_memo_serves_readers_with_different_bounds() -> None:
    data = part10(explicit(_PRIVATE, b"OB", b"12345678"))
    memo = Memo()

    for _ in range(3):
        assert b"InlineBinary" in _read(data, 8, memo).json
        assert _read(data, 7, memo).json == b"{}"
        assert read_header(data, memo=memo).gaps == ()


# --- what is inline and what is not ---------------------------------------------------------------


def test_a_value_is_inline_up_to_the_bound_and_by_reference_above() -> None:
    header = _of(explicit(_PRIVATE, b"OB", b"1234"), explicit(_PRIVATE + 1, b"OB", b"123456"))

    assert with_references(header) == {
        "00091001": {"vr": "OB", "InlineBinary": "MTIzNA=="},
        "00091002": {"vr": "OB", "BulkDataURI": "00091002"},
    }


@pytest.mark.parametrize("tag", sorted(PIXELS))
def test_pixel_data_is_never_inline_at_any_depth(tag: int) -> None:
    pixels = explicit(tag, b"OB", b"12")
    header = _of(open_sequence(0x00880200, item(pixels)), pixels)

    assert with_references(header) == {
        "00880200": {
            "vr": "SQ",
            "Value": [{f"{tag:08X}": {"vr": "OB", "BulkDataURI": f"00880200/0/{tag:08X}"}}],
        },
        f"{tag:08X}": {"vr": "OB", "BulkDataURI": f"{tag:08X}"},
    }


@pytest.mark.parametrize("tag", [_PRIVATE, 0x7FE00010])
def test_an_empty_value_is_told_as_one(tag: int) -> None:
    header = _of(explicit(tag, b"OW"))

    assert json.loads(header.json) == {f"{tag:08X}": {"vr": "OW"}}
    assert header.gaps == ()


@pytest.mark.parametrize(
    ("vr", "stored", "told"),
    [
        (b"OB", b"\1\2\3\4", b"\1\2\3\4"),
        (b"UN", b"\1\2\3\4", b"\1\2\3\4"),
        (b"OW", b"\1\2\3\4", b"\2\1\4\3"),
        (b"OF", b"\1\2\3\4", b"\4\3\2\1"),
        (b"OD", bytes(range(8)), bytes(range(7, -1, -1))),
    ],
)
def test_inline_values_are_little_endian(vr: bytes, stored: bytes, told: bytes) -> None:
    data = explicit(_PRIVATE, vr, stored, order=">")

    header = _of(data, most=8, syntax=BIG_ENDIAN)

    assert inline(json.loads(header.json)["00091001"]) == told


def test_places_say_which_numbers_are_to_be_turned() -> None:
    wide = explicit(0x00280100, b"US", b"\0\x20", order=">")
    data = [
        wide,
        explicit(0x00282000, b"OB", bytes(8), order=">"),
        explicit(0x00283006, b"OW", bytes(8), order=">"),
        explicit(0x7FE00010, b"OW", bytes(8), order=">"),
    ]

    units = [place.swap_unit for place in bulk_places(_of(*data, syntax=BIG_ENDIAN))]

    assert units == [1, 2, 4]


def test_group_lengths_and_foreign_groups_are_told_in_no_way() -> None:
    header = _of(explicit(0x00090000, b"OB", b"123456"), explicit(0x00091001, b"OB", b"123456"))

    assert with_references(header).keys() == {"00091001"}
    assert len(header.bulk) == 1


def test_implicit_private_elements_that_nobody_knows_are_un() -> None:
    data = b"\x09\0\1\x10\4\0\0\0abcd"

    header = _of(data, syntax=IMPLICIT)

    assert json.loads(header.json) == {"00091001": {"vr": "UN", "InlineBinary": "YWJjZA=="}}


def test_tags_out_of_order_keep_each_value_with_its_tag() -> None:
    large = [explicit(_PRIVATE + n, b"OB", b"%06d" % n) for n in range(3)]
    nested = open_sequence(0x00081140, item(large[2] + large[0]), open_item(large[1]))
    again = explicit(_PRIVATE + 2, b"OB", b"changed!")
    data = part10(large[2] + nested + large[0] + again)

    header = _read(data, 4)

    found = {place.path: data[place.offset :][: place.length] for place in bulk_places(header)}
    assert found == {
        "00081140/0/00091001": b"000000",
        "00081140/0/00091003": b"000002",
        "00081140/1/00091002": b"000001",
        "00091001": b"000000",
        "00091003": b"changed!",
    }
    assert [path for path, _ in told_bulk(with_references(header))] == list(found)


# --- marks and tables -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("marked", "text", "gaps"),
    [
        (b'{"A":1}', b'{"A":1}', ()),
        (b"{\0AAAAAAAA}", b"{}", (Gap(1, Comma.NONE),)),
        (b'{"A":1,\0AAAAAAAA}', b'{"A":1}', (Gap(6, Comma.BEFORE),)),
        (b'{\0AAAAAAAA,"B":2}', b'{"B":2}', (Gap(1, Comma.AFTER),)),
        (b"{\0AAAAAAAA,\0BBBBBBBB}", b"{}", (Gap(1, Comma.AFTER), Gap(1, Comma.NONE))),
    ],
)
def test_marks_leave_with_one_comma_each(marked: bytes, text: bytes, gaps: Any) -> None:
    assert take_marks(marked) == (text, gaps)


_PLACES = st.builds(
    BulkPlace,
    path=st.from_regex(r"[0-9A-F]{8}(/[0-9]{1,3}/[0-9A-F]{8}){0,3}", fullmatch=True),
    vr=st.sampled_from(["OB", "OW", "UN", "OD"]),
    offset=st.integers(0, 2**40),
    length=st.none() | st.integers(0, 2**32 - 2),
    swap_unit=st.sampled_from([1, 2, 4, 8]),
    comma=st.sampled_from(list(Comma)),
)
_NUMBERS = st.integers(0, 2**32 - 1)
_SEGMENTS = st.builds(Segment, _NUMBERS, _NUMBERS, _NUMBERS)


@given(st.booleans(), st.lists(_PLACES, max_size=40), st.data())
@settings(max_examples=60, deadline=None)
def test_a_table_is_read_back_as_it_was_packed(
    has_inline: bool, places: list[BulkPlace], data: st.DataObject
) -> None:
    number = len(places) + 1
    segments = data.draw(st.lists(_SEGMENTS, min_size=number, max_size=number))
    table = BulkTable("/studies/1.2/bulkdata/", has_inline, segments, places)

    assert BulkTable.unpack(table.pack()) == table


@given(st.binary(max_size=80))
def test_anything_else_is_a_damaged_table(data: bytes) -> None:
    try:
        table = BulkTable.unpack(data)
    except ValueError:
        return
    assert BulkTable.unpack(table.pack()) == table


def test_a_path_names_sequences_items_from_0_and_the_element() -> None:
    path = ElementPath(((0x54000100, 0), (0x00409999, 12)), 0x54001010)

    assert path_text(path) == "54000100/0/00409999/12/54001010"
