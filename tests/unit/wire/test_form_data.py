"""Headers of the parts of a form."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.domain.errors import MalformedBody, UnsupportedMediaType
from hilum.wire.form_data import form_part
from hilum.wire.multipart_related import PartHead


def filename(disposition: str, **headers: str) -> str | None:
    told = {"content-disposition": disposition.encode().decode("latin-1")}
    return form_part(PartHead(3, {**told, **headers})).filename


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ("form-data; name=a", None),
        ("form-data", None),
        ('form-data; name="a;filename=b"', None),
        ('form-data; filename=""', ""),
        ("form-data; filename=", ""),
        ('form-data ; FILENAME = "x" ', "x"),
        ('form-data; filename="a;b=c"; name=z', "a;b=c"),
        (r'form-data; filename="a\"b\c"', r'a"b\c'),
        ('form-data; filename="a%22%0D%0Ab"', 'a"b'),
        ('form-data; filename="名前"', "名前"),
        ('form-data; filename="a"; filename="b"', "a"),
        ("form-data; filename*=utf-8'de'%E2%82%AC; filename=x", "€"),
        ("form-data;;; filename=x;", "x"),
    ],
)
def test_a_name_is_read(disposition: str, name: str | None) -> None:
    assert filename(disposition) == name


def test_a_name_that_is_no_utf_8_is_read_as_latin_1() -> None:
    head = PartHead(1, {"content-disposition": 'form-data; filename="\xe4.dcm"'})

    assert form_part(head).filename == "ä.dcm"


@pytest.mark.parametrize(
    "disposition",
    ["", "attachment; filename=x", 'form-data; filename="x', "form-data; =x", "form-data; a b=c",
     "form-data; filename*=x", "form-data; filename*=ebcdic''x"],
)  # fmt: skip
def test_what_cannot_be_read_is_told_by_the_number_of_its_part(disposition: str) -> None:
    with pytest.raises(MalformedBody, match=r"[Pp]art 3"):
        filename(disposition)


def test_a_part_that_is_encoded_is_not_taken() -> None:
    assert filename("form-data; filename=x", **{"content-transfer-encoding": "8BIT"}) == "x"
    with pytest.raises(UnsupportedMediaType, match="Part 3"):
        filename("form-data; filename=x", **{"content-transfer-encoding": "base64"})


@given(st.text(alphabet=st.characters(max_codepoint=255), max_size=200))
def test_any_header_is_read_or_refused(text: str) -> None:
    head = PartHead(1, {"content-disposition": f"form-data; {text}"})
    with suppress(MalformedBody):
        assert isinstance(form_part(head).filename, str | None)
