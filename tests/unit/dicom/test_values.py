"""Value fields to JSON, VR by VR, and what is reported of values that break their grammar."""

import json
import struct
from typing import Any

import pytest

from hilum.dicom.elements import ProblemKind
from tests.unit.dicom.builders import (
    BIG_ENDIAN,
    IMPLICIT,
    explicit,
    implicit,
    item,
    json_of,
    read,
    value_of,
)


@pytest.mark.parametrize(
    ("vr", "value", "expected"),
    [
        (b"AE", b" STATION  ", ["STATION"]),
        (b"AE", b'A"B ', ['A"B']),
        (b"AS", b"042Y", ["042Y"]),
        (b"CS", b"ORIGINAL\\PRIMARY \\AXIAL ", ["ORIGINAL", "PRIMARY", "AXIAL"]),
        (b"CS", b"A\\\\B ", ["A", None, "B"]),
        (b"CS", b"\\A", [None, "A"]),
        (b"DA", b"20260314", ["20260314"]),
        (b"DS", b"1.50", [1.5]),
        (b"DS", b" +1.5 \\ 007\\.5\\5.\\1E3 ", [1.5, 7, 0.5, 5.0, 1000.0]),
        (b"DS", b"1\\\\2 ", [1, None, 2]),
        (b"DS", b"-0.0", [-0.0]),
        (b"IS", b" 12 ", [12]),
        (b"IS", b"-5\\+7\\0009", [-5, 7, 9]),
        (b"LO", b" leading kept ", [" leading kept"]),
        (b"LO", b'q"uote\\tab', ['q"uote', "tab"]),
        (b"LO", b"padded\0", ["padded"]),
        (b"LT", b"one\\value\r\n ", ["one\\value\r\n"]),
        (b"UT", b'a "long" text', ['a "long" text']),
        (b"UC", b"a\\b ", ["a", "b"]),
        (b"UR", b"https://a.b/c?d ", ["https://a.b/c?d"]),
        (b"UI", b"1.2.840\0", ["1.2.840"]),
        (b"UI", b"1.2\\1.3\0", ["1.2", "1.3"]),
        (b"TM", b"101112.12 ", ["101112.12"]),
        (b"DT", b"20260314101112+0100 ", ["20260314101112+0100"]),
        (b"US", b"\1\0", [1]),
        (b"US", b"\1\0\xff\xff", [1, 65535]),
        (b"SS", b"\xff\xff", [-1]),
        (b"UL", b"\xff\xff\xff\xff", [4294967295]),
        (b"SL", b"\xff\xff\xff\xff", [-1]),
        (b"UV", b"\xff" * 8, [2**64 - 1]),
        (b"SV", b"\xff" * 8, [-1]),
        (b"FL", struct.pack("<f", 0.1), [struct.unpack("<f", struct.pack("<f", 0.1))[0]]),
        (b"FD", struct.pack("<2d", 0.1, 1e300), [0.1, 1e300]),
        (b"AT", struct.pack("<4H", 0x0018, 0x1063, 0x7FE0, 0x0010), ["00181063", "7FE00010"]),
        (b"PN", b"Doe^John\\=only ", [{"Alphabetic": "Doe^John"}, {"Ideographic": "only"}]),
        (b"PN", b"A^B\\C^D ", [{"Alphabetic": "A^B"}, {"Alphabetic": "C^D"}]),
        (b"PN", b"A\\\\B", [{"Alphabetic": "A"}, None, {"Alphabetic": "B"}]),
    ],
)
def test_values_become_json(vr: bytes, value: bytes, expected: list[Any]) -> None:
    assert value_of(vr, value) == {"vr": vr.decode(), "Value": expected}


@pytest.mark.parametrize("value", [b"", b"  ", b"\0\0"])
@pytest.mark.parametrize("vr", [b"CS", b"DA", b"DS", b"IS", b"LO", b"LT", b"PN", b"UI", b"UT"])
def test_an_empty_value_is_no_value(vr: bytes, value: bytes) -> None:
    assert value_of(vr, value) == {"vr": vr.decode()}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize(("vr", "code"), [(b"FL", "<f"), (b"FD", "<d")])
def test_numbers_json_cannot_hold_are_null(vr: bytes, code: str, value: float) -> None:
    assert value_of(vr, struct.pack(code, value)) == {"vr": vr.decode(), "Value": [None]}


@pytest.mark.parametrize(
    "text", [b"NaN ", b"inf ", b"1e999 ", b"1_000 ", b"12a ", b"1,5 ", b"9" * 80]
)
@pytest.mark.parametrize("vr", [b"DS", b"IS"])
def test_texts_that_are_no_numbers_stay_texts(vr: bytes, text: bytes) -> None:
    assert value_of(vr, text) == {"vr": vr.decode(), "Value": [text.decode().rstrip()]}


def test_no_json_text_holds_nan_or_infinity() -> None:
    data = explicit(0x00186030, b"FD", struct.pack("<3d", float("nan"), float("inf"), 1))

    header = read(data)

    assert b"NaN" not in header.json
    assert b"Infinity" not in header.json
    assert json.loads(header.json)["00186030"]["Value"] == [None, None, 1.0]


@pytest.mark.parametrize(
    ("vr", "value", "kind"),
    [
        (b"AE", b"A" * 18, ProblemKind.LENGTH),
        (b"AE", b"A\nB ", ProblemKind.CHARACTERS),
        (b"AS", b"42 years", ProblemKind.FORMAT),
        (b"CS", b"lower ", ProblemKind.CHARACTERS),
        (b"CS", b"A" * 18, ProblemKind.LENGTH),
        (b"DA", b"20261301", ProblemKind.FORMAT),
        (b"DA", b"2026.03.14", ProblemKind.FORMAT),
        (b"DA", b"00000101", ProblemKind.FORMAT),  # the calendar has no year 0
        (b"DA", b"19000229", ProblemKind.FORMAT),
        (b"DA", b"20230229", ProblemKind.FORMAT),
        (b"DA", b"20260431", ProblemKind.FORMAT),
        (b"DA", b"20260314\\20260230 ", ProblemKind.FORMAT),
        (b"DT", b"20230229101112", ProblemKind.FORMAT),
        (b"DT", b"0000", ProblemKind.FORMAT),
        (b"DT", b"2026+9999 ", ProblemKind.FORMAT),
        (b"DT", b"2026+1401 ", ProblemKind.FORMAT),
        (b"DT", b"2026-1201 ", ProblemKind.FORMAT),
        (b"DT", b"2026-0000 ", ProblemKind.FORMAT),
        (b"DS", b"1,5 ", ProblemKind.FORMAT),
        (b"DS", b"1.00000000000000000000", ProblemKind.LENGTH),
        (b"DT", b"202603141011121314", ProblemKind.FORMAT),
        (b"IS", b"1.5 ", ProblemKind.FORMAT),
        (b"IS", b"3000000000", ProblemKind.FORMAT),
        (b"LO", b"A" * 66, ProblemKind.LENGTH),
        (b"LO", b"A\0B ", ProblemKind.CHARACTERS),
        (b"LT", b"A\0B ", ProblemKind.CHARACTERS),
        (b"PN", b"A" * 66, ProblemKind.LENGTH),
        (b"PN", b"A=B=C=D ", ProblemKind.FORMAT),
        (b"PN", b"A^B^C^D^E^F ", ProblemKind.FORMAT),
        (b"PN", b"A\nB ", ProblemKind.CHARACTERS),
        (b"SH", b"A" * 18, ProblemKind.LENGTH),
        (b"ST", b"A" * 1026, ProblemKind.LENGTH),
        (b"TM", b"25", ProblemKind.FORMAT),
        (b"UI", b"1.02", ProblemKind.FORMAT),
        (b"UI", b"1.a ", ProblemKind.FORMAT),
        (b"UI", b"1." * 40, ProblemKind.LENGTH),
        (b"UR", b"https://a b", ProblemKind.CHARACTERS),
        (b"US", b"\1\2\3", ProblemKind.SIZE),
        (b"AT", b"\1\2", ProblemKind.SIZE),
        (b"FD", b"\1\2\3\4", ProblemKind.SIZE),
    ],
)
def test_values_that_break_their_vr_are_kept_and_reported(
    vr: bytes, value: bytes, kind: ProblemKind
) -> None:
    header = read(explicit(0x00091001, vr, value))

    assert [(problem.tag, problem.vr, problem.kind) for problem in header.problems] == [
        (0x00091001, vr.decode(), kind)
    ]
    assert "00091001" in json.loads(header.json)


@pytest.mark.parametrize(
    ("vr", "value"),
    [
        (b"CS", b"YES\0"),
        (b"DA", b"20261231"),
        (b"DA", b"20240229"),
        (b"DA", b"20000229"),
        (b"DA", b"00010101"),
        (b"DT", b"20240229101112.5+1400 "),
        (b"DT", b"202402-1200 "),
        (b"DT", b"2024+0000 "),
        (b"LO", b"x" * 64),
        (b"LT", b"tab\tline\r\nfeed\f "),
        (b"PN", b"A^B^C^D^E="),
        (b"TM", b"235960.123456 "),
        (b"UI", b"0.1.20\0"),
        (b"IS", b"-2147483648"),
        (b"UR", b"urn:oid:1.2.3 "),
    ],
)
def test_good_values_are_not_reported(vr: bytes, value: bytes) -> None:
    assert read(explicit(0x00091001, vr, value)).problems == ()


def test_a_problem_says_where_and_never_what() -> None:
    inner = explicit(0x00400254, b"LO", b"SECRET" * 20)
    header = read(explicit(0x00400275, b"SQ", item() + item(inner)))

    (problem,) = header.problems

    assert str(problem.path) == "(0040,0275)[1](0040,0254)"
    assert problem.tag == 0x00400275
    assert problem.reason == "it is longer than 64 characters"


def test_the_same_tag_twice_keeps_the_last_and_is_reported() -> None:
    data = explicit(0x00080060, b"CS", b"CT") + explicit(0x00080060, b"CS", b"MR")

    header = read(data, wanted=frozenset({0x00080060}))

    assert json_of(data) == {"00080060": {"vr": "CS", "Value": ["MR"]}}
    assert header.values[0x00080060] == ("CS", ["MR"])
    assert [problem.kind for problem in header.problems] == [ProblemKind.DUPLICATE]


def _lut(value: bytes) -> bytes:
    return implicit(0x00283002, value)


@pytest.mark.parametrize(("representation", "vr", "value"), [(0, "US", 65535), (1, "SS", -1)])
def test_us_or_ss_follows_pixel_representation(representation: int, vr: str, value: int) -> None:
    sign = struct.pack("<H", representation)
    pixels = implicit(0x00280103, sign) + implicit(0x00280106, b"\xff\xff")
    nested = implicit(0x00283000, item(implicit(0x00280106, b"\xff\xff")))

    found = json_of(pixels + nested, IMPLICIT)

    expected = {"vr": vr, "Value": [value]}
    assert found["00280106"] == expected
    assert found["00283000"]["Value"][0]["00280106"] == expected


@pytest.mark.parametrize(("representation", "vr"), [(0, "US"), (1, "SS"), (None, "US")])
def test_us_or_ss_before_pixel_representation(representation: int | None, vr: str) -> None:
    data = implicit(0x00189810, b"\xfe\xff") + implicit(0x00280010, b"\2\0")
    if representation is not None:
        data += implicit(0x00280103, struct.pack("<H", representation))

    assert json_of(data, IMPLICIT)["00189810"]["vr"] == vr


def test_the_first_value_of_a_lut_descriptor_is_never_negative() -> None:
    descriptor = struct.pack("<HhH", 60000, -5, 16)
    signed = implicit(0x00280103, b"\1\0")

    expected = {"vr": "SS", "Value": [60000, -5, 16]}
    assert json_of(signed + _lut(descriptor), IMPLICIT)["00283002"] == expected
    assert json_of(explicit(0x00283002, b"SS", descriptor))["00283002"] == expected


def test_lut_data_is_bulk_unless_it_has_one_entry() -> None:
    data = implicit(0x00283006, b"\7\0")

    assert json_of(_lut(struct.pack("<3H", 256, 0, 16)) + data, IMPLICIT).keys() == {"00283002"}
    one = json_of(_lut(struct.pack("<3H", 1, 0, 16)) + data, IMPLICIT)
    assert one["00283006"] == {"vr": "US", "Value": [7]}


def test_private_elements_of_implicit_vr_have_the_vr_of_the_private_dictionary() -> None:
    creator = implicit(0x00190010, b"SIEMENS MR HEADER ")
    data = creator + implicit(0x0019100C, b"1000") + implicit(0x001910FE, b"ab")

    header = read(data, IMPLICIT)

    assert json.loads(header.json) == {
        "00190010": {"vr": "LO", "Value": ["SIEMENS MR HEADER"]},
        "0019100C": {"vr": "IS", "Value": [1000]},
    }
    assert [element.path.tag for element in header.bulk] == [0x001910FE]


def test_un_elements_that_are_known_have_their_vr() -> None:
    data = (
        explicit(0x00080060, b"UN", b"CT")
        + explicit(0x00190010, b"UN", b"SIEMENS MR HEADER ")
        + explicit(0x0019100C, b"UN", b"1000")
        + explicit(0x00290010, b"LO", b"UNKNOWN ")
        + explicit(0x00291001, b"UN", b"what")
    )

    found = json_of(data)

    assert found["00080060"] == {"vr": "CS", "Value": ["CT"]}
    assert found["0019100C"] == {"vr": "IS", "Value": [1000]}
    assert "00291001" not in found


def test_big_endian_numbers_and_tags() -> None:
    data = explicit(0x00280010, b"US", b"\1\0", order=">") + explicit(
        0x00280009, b"AT", b"\x00\x18\x10\x63", order=">"
    )

    found = json_of(data, BIG_ENDIAN)

    assert found["00280010"]["Value"] == [256]
    assert found["00280009"]["Value"] == ["00181063"]
