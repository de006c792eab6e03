"""Specific character sets: the examples of PS3.5 Annexes H, I, J and K, and what goes wrong."""

import pytest

from hilum.dicom.charsets import NAME_RESETS, VALUE_RESETS, charset_for
from hilum.dicom.elements import ProblemKind
from tests.unit.dicom.builders import explicit, item, json_of, padded, read

_PATIENT_NAME = 0x00100010

# Specific Character Set, encoded name, the groups it stands for (PS3.5 H.3, I.2, J.1 to J.3, K.2).
_EXAMPLES = [
    (
        rb"\ISO 2022 IR 87",
        b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
        ["Yamada^Tarou", "山田^太郎", "やまだ^たろう"],
    ),
    (
        rb"ISO 2022 IR 13\ISO 2022 IR 87",
        b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J"
        b"=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J",
        ["ﾔﾏﾀﾞ^ﾀﾛｳ", "山田^太郎", "やまだ^たろう"],
    ),
    (
        rb"\ISO 2022 IR 149",
        b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7="
        b"\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
        ["Hong^Gildong", "洪^吉洞", "홍^길동"],
    ),
    (
        b"ISO_IR 192",
        "Wang^XiaoDong=王^小東=".encode(),
        ["Wang^XiaoDong", "王^小東"],
    ),
    (b"GB18030", "Wang^XiaoDong=王^小东".encode("gb18030"), ["Wang^XiaoDong", "王^小东"]),
    (
        rb"\ISO 2022 IR 58",
        b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=",
        ["Zhang^XiaoDong", "张^小东"],
    ),
]


@pytest.mark.parametrize(("charset", "name", "groups"), _EXAMPLES)
def test_the_names_of_the_standard(charset: bytes, name: bytes, groups: list[str]) -> None:
    data = explicit(0x00080005, b"CS", padded(charset)) + explicit(
        _PATIENT_NAME, b"PN", padded(name)
    )

    header = read(data)

    keys = ("Alphabetic", "Ideographic", "Phonetic")
    assert json_of(data)["00100010"]["Value"] == [dict(zip(keys, groups, strict=False))]
    assert header.problems == ()


@pytest.mark.parametrize(
    ("charset", "value", "text"),
    [
        (b"", b"Buc^J\xe9r\xf4me", "Buc^Jérôme"),
        (b"ISO_IR 100", b"\xc4\xe4", "Ää"),
        (b"ISO_IR 101", b"\xa3\xb3", "Łł"),
        (b"ISO_IR 126", b"\xc4\xe9", "Δι"),
        (b"ISO_IR 127", b"\xe2\xc8", "قب"),
        (b"ISO_IR 138", b"\xf9\xf8", "שר"),
        (b"ISO_IR 144", b"\xbb\xee", "Лю"),
        (b"ISO_IR 148", b"\xd0\xfd", "Ğı"),
        (b"ISO_IR 166", b"\xa1\xa2", "กข"),
        (b"ISO_IR 203", b"\xa4", "€"),
        (b"GBK", "谢".encode("gbk"), "谢"),
        (b"ISO-IR 100", b"\xc4", "Ä"),
        (b"ISO 2022-IR 100", b"\xc4", "Ä"),
    ],
)
def test_single_sets(charset: bytes, value: bytes, text: str) -> None:
    decoded, _ = charset_for(charset).decode(value)

    assert decoded == text


def test_the_first_set_is_back_in_force_behind_a_delimiter() -> None:
    charset = charset_for(rb"ISO 2022 IR 100\ISO 2022 IR 126")
    greek = b"\x1b-F\xc4"

    assert charset.decode(greek + b"^\xc4", NAME_RESETS) == ("Δ^Ä", True)
    assert charset.decode(greek + b"=\xc4", NAME_RESETS) == ("Δ=Ä", True)
    assert charset.decode(greek + b"\\\xc4", VALUE_RESETS) == ("Δ\\Ä", True)
    assert charset.decode(greek + b"\r\n\xc4") == ("Δ\r\nÄ", True)
    assert charset.decode(greek + b"^\xc4") == ("Δ^Δ", True)


def test_a_backslash_inside_of_a_double_byte_character_separates_no_values() -> None:
    value = "誤\\表".encode("gb18030")
    assert value.count(b"\\") >= 1
    data = explicit(0x00080005, b"CS", b"GB18030 ") + explicit(0x00101000, b"LO", padded(value))

    assert json_of(data)["00101000"]["Value"] == ["誤", "表"]


def test_an_item_has_its_own_set_or_the_one_around_it() -> None:
    inherits = explicit(0x00080104, b"LO", b"\xc4 ")
    own = explicit(0x00080005, b"CS", b"ISO_IR 126") + explicit(0x00080104, b"LO", b"\xc4 ")
    data = (
        explicit(0x00080005, b"CS", b"ISO_IR 100")
        + explicit(0x00081032, b"SQ", item(inherits) + item(own) + item(inherits))
        + explicit(0x00104000, b"LT", b"\xc4 ")
    )

    found = json_of(data)

    meanings = [entry["00080104"]["Value"] for entry in found["00081032"]["Value"]]
    assert meanings == [["Ä"], ["Δ"], ["Ä"]]
    assert found["00104000"]["Value"] == ["Ä"]


@pytest.mark.parametrize(
    ("charset", "value", "text"),
    [
        (b"", b"J\xe9", "Jé"),
        (b"ISO_IR 192", b"J\xe9", "J\ufffd"),
        (b"ISO_IR 126", b"\xff", "\ufffd"),
        (rb"\ISO 2022 IR 87", b"\x1b$B\xff\xff", None),
        (rb"\ISO 2022 IR 87", b"\x1b$)C\xc8\xab", "홍"),
        (b"ISO_IR 100", b"\x1b%Z\xc4", "\x1b%ZÄ"),
    ],
)
def test_what_the_set_does_not_allow_is_reported(
    charset: bytes, value: bytes, text: str | None
) -> None:
    data = explicit(0x00080005, b"CS", padded(charset)) + explicit(0x00101000, b"LO", padded(value))

    header = read(data)

    assert [(problem.tag, problem.kind) for problem in header.problems] == [
        (0x00101000, ProblemKind.CHARSET)
    ]
    if text is not None:
        assert json_of(data)["00101000"]["Value"] == [text]


@pytest.mark.parametrize(
    "charset", [b"KLINGON", b"utf-8", rb"ISO_IR 192\ISO 2022 IR 87", b"ISO-IR 100"]
)
def test_a_set_that_is_unknown_misspelt_or_not_to_be_combined_is_reported(charset: bytes) -> None:
    header = read(explicit(0x00080005, b"CS", padded(charset)))

    assert [problem.kind for problem in header.problems] == [ProblemKind.CHARSET]
    assert header.problems[0].tag == 0x00080005
