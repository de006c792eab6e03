"""Other values in a file: what was asked for changes, and nothing else."""

import io
from pathlib import Path

import pydicom
import pytest

from hilum.dicom.header import read_header
from hilum.dicom.limits import HeaderLimits
from hilum.dicom.mending.composing import compose
from hilum.dicom.mending.loose_reader import read_loosely
from hilum.dicom.mending.restating import NotRestatable, Statement, restate
from hilum.dicom.mending.revision_mark import RevisionMark, read_mark
from hilum.domain.errors import UnreadableInstance
from hilum.domain.implementation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from tests.corpus import corpus, corpus_id
from tests.unit.dicom.builders import explicit, item, open_sequence, part10

_MEMORY = 64 << 20
_MARK = RevisionMark(object=7, original=3)
_NAME = 0x00100010
_UID = explicit(0x00080018, b"UI", b"1.2.3\0")
_OLD = explicit(_NAME, b"PN", b"Old^Name")


def _named(text: str) -> list[Statement]:
    return [Statement(_NAME, "PN", text)]


def _restated(data: bytes, wanted: list[Statement]) -> bytes | None:
    file = read_loosely(data, HeaderLimits(), _MEMORY)
    if not restate(file, wanted, _MARK):
        return None
    composed = compose(file, _MEMORY)
    return composed[0 : len(composed)]


def _changed(data: bytes, wanted: list[Statement]) -> bytes:
    restated = _restated(data, wanted)
    assert restated is not None
    return restated


def _read(data: bytes) -> pydicom.FileDataset:
    return pydicom.dcmread(io.BytesIO(data), force=True)


def _with_charset(terms: bytes, *elements: bytes) -> bytes:
    return part10(explicit(0x00080005, b"CS", terms) + _UID + b"".join(elements))


@pytest.mark.parametrize("path", corpus(), ids=corpus_id)
def test_any_file_gets_other_values_and_keeps_all_else(path: Path) -> None:
    data = path.read_bytes()
    try:
        read_header(data)
        restated = _changed(data, [*_named("Neu^Vorname"), Statement(0x00100030, "DA", "19700101")])
    except UnreadableInstance:
        pytest.skip("not readable, so never held; or signed")

    before, after = _read(data), _read(restated)
    assert str(after.PatientName) == "Neu^Vorname"
    assert after.PatientBirthDate == "19700101"
    assert after.file_meta.ImplementationClassUID == IMPLEMENTATION_CLASS_UID
    assert after.file_meta.ImplementationVersionName == IMPLEMENTATION_VERSION_NAME
    assert after.file_meta.TransferSyntaxUID == before.file_meta.get(
        "TransferSyntaxUID", after.file_meta.TransferSyntaxUID
    )
    if read_loosely(data, HeaderLimits(), _MEMORY).flaws:  # odd lengths are padded
        return
    for element in before:
        if element.tag not in {_NAME, 0x00100030} and element.tag.element:
            assert after[element.tag] == element, element.tag
    assert read_mark(restated) == _MARK
    assert _restated(restated, _named("Neu^Vorname")) is None


def test_what_says_it_already_is_not_written_again() -> None:
    assert _restated(part10(_UID + _OLD), _named("Old^Name")) is None


def test_a_value_that_was_absent_is_added_in_its_place() -> None:
    after = _read(_changed(part10(_UID + _OLD), [Statement(0x00080050, "SH", "A-1")]))

    assert [element.tag for element in after] == [0x00080018, 0x00080050, _NAME]
    assert after.AccessionNumber == "A-1"


def test_a_name_that_its_character_set_holds_is_written_in_it() -> None:
    after = _read(_changed(_with_charset(b"ISO_IR 100", _OLD), _named("Müller^Jörg")))

    assert after.SpecificCharacterSet == "ISO_IR 100"
    assert after.PatientName == "Müller^Jörg"


@pytest.mark.parametrize(
    ("terms", "institution", "text"),
    [
        (b"ISO_IR 100", "Höpital".encode("latin_1"), "Höpital"),
        (b"ISO_IR 144", "Клиника ".encode("iso8859_5"), "Клиника"),
        (b"\\ISO 2022 IR 87", b"\x1b$B\x3b\x33\x45\x44\x1b(B", "山田"),
        (b"GB18030 ", "医院".encode("gb18030"), "医院"),
        (b"ISO_IR 6", b"Hospital", "Hospital"),
    ],
)
def test_a_name_that_it_cannot_hold_has_all_text_written_in_utf_8(
    terms: bytes, institution: bytes, text: str
) -> None:
    inner = explicit(0x00081048, b"PN", institution)
    data = _with_charset(
        terms,
        explicit(0x00080080, b"LO", institution),
        open_sequence(0x00081111, item(inner)),
        _OLD,
    )
    name = "Yamada^Tarou=山田^太郎=やまだ^たろう €"

    after = _read(_changed(data, _named(name)))

    wanted = "GB18030" if terms.startswith(b"GB") else "ISO_IR 192"
    assert after.SpecificCharacterSet == wanted
    assert str(after.PatientName) == name
    assert after.InstitutionName == text
    assert str(after[0x00081111].value[0][0x00081048].value) == text


def test_only_what_the_first_character_set_holds_is_written_without_escape_sequences() -> None:
    data = _with_charset(b"\\ISO 2022 IR 87", _OLD)

    after = _read(_changed(data, _named("Müller")))

    assert (after.SpecificCharacterSet, after.PatientName) == ("ISO_IR 192", "Müller")


def test_text_that_is_replaced_need_not_be_told_for_certain() -> None:
    garbled = explicit(_NAME, b"PN", b"M\xfcller^A ")

    after = _read(_changed(part10(_UID + garbled), _named("Müller^A")))

    assert (after.SpecificCharacterSet, after.PatientName) == ("ISO_IR 192", "Müller^A")


def test_an_item_with_a_character_set_of_its_own_keeps_it() -> None:
    own = explicit(0x00080005, b"CS", b"ISO_IR 100") + explicit(0x00080080, b"LO", b"H\xf6pital ")
    data = part10(_UID + open_sequence(0x00081111, item(own)) + _OLD)

    after = _read(_changed(data, _named("山田")))

    assert after.SpecificCharacterSet == "ISO_IR 192"
    inner = after[0x00081111].value[0]
    assert (inner.SpecificCharacterSet, inner.InstitutionName) == ("ISO_IR 100", "Höpital")


@pytest.mark.parametrize("terms", [b"ISO_IR 6", b"ISO_IR 192", b"NO SUCH SET "])
def test_text_that_cannot_be_told_for_certain_is_not_written_anew(terms: bytes) -> None:
    data = _with_charset(terms, explicit(0x00080080, b"LO", b"H\xf6pital "), _OLD)
    if terms == b"ISO_IR 192":  # its own name fits, so nothing else is touched
        assert _read(_changed(data, _named("山田"))).PatientName == "山田"
        return

    with pytest.raises(NotRestatable, match=r"Specific Character Set.*\(0008,0080\)"):
        _restated(data, _named("山田"))


def test_a_signed_file_is_left_alone() -> None:
    signature = explicit(0xFFFAFFFA, b"SQ", b"")

    with pytest.raises(NotRestatable, match="signed"):
        _restated(part10(_UID + _OLD + signature), _named("New"))


def test_retired_group_lengths_that_would_be_wrong_now_go() -> None:
    length = explicit(0x00080000, b"UL", b"\x10\0\0\0")

    assert 0x00080000 not in _read(_changed(part10(length + _UID + _OLD), _named("New")))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        part10(_UID),
        part10(_UID).replace(b"DICM", b"DICM" + explicit(0x00020100, b"UI", b"1.2.3\0")),
        b"not DICOM at all, though it is long enough to be read as something",
    ],
)
def test_nothing_else_has_a_mark(data: bytes) -> None:
    assert read_mark(data) is None
