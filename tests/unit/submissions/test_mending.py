"""Coercions: each mends its kind of fault and nothing else, and says in the file what it did."""

import io
import random
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime

import pydicom
import pytest
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from hilum import __version__
from hilum.dicom.errors import TruncatedInstance
from hilum.dicom.limits import HeaderLimits
from hilum.domain.errors import HilumError, InvalidRequest
from hilum.submissions.mending.mend import COERCIONS, Mended, Mending, parsed, usual_coercions
from hilum.submissions.quarantine_errors import NothingToRepair
from hilum.validation.instance import examine_source
from tests.integration.quarantine.senders import a_faulty_ct, part10
from tests.planted import FAULTS, Fault, base

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
MENDING = Mending(HeaderLimits(), 64 << 20)


def mend(data: bytes, *coercions: str) -> Mended:
    return MENDING(data, parsed(coercions) if coercions else usual_coercions(), NOW)


def bytes_of(mended: Mended) -> bytes:
    return mended.content[0 : len(mended.content)]


def codes(data: bytes) -> set[tuple[str, str]]:
    return {(each.code, str(each.path)) for each in examine_source(data).findings}


def read(data: bytes) -> pydicom.Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(io.BytesIO(data))
        list(dataset.iterall())
    return dataset


def applied(mended: Mended) -> Sequence[str]:
    return [each.coercion for each in mended.applied]


def pixels_of(fault: Fault) -> bytes:
    """Of the file before anything was bent."""
    dataset = pydicom.dcmread(io.BytesIO(base(fault.base)))
    fault.plant(dataset)
    return bytes(dataset.PixelData)


MENDED = {
    "no PatientName", "no PatientID", "no StudyDate", "no StudyTime", "no StudyID",
    "no AccessionNumber", "no ReferringPhysicianName", "no PatientBirthDate", "no PatientSex",
    "no SeriesNumber", "no InstanceNumber", "no SliceThickness", "no KVP", "no PatientPosition",
    "no AcquisitionContextSequence", "StudyDate of old form", "PatientAge too short",
    "KVP too long", "BodyPartExamined in small letters", "SeriesDescription with a bell",
    "FrameOfReferenceUID with a leading zero", "Bits Stored of three bytes",
    "text beyond ASCII without a character set", "SOPInstanceUID of another file", "no prefix",
    "no implementation", "AcquisitionDateTime of old form", "an odd length",
    "UTF-8 without a character set",
}  # fmt: skip
"""What can be mended without knowing more than the file says."""


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_what_can_be_mended_is_and_nothing_else_becomes_wrong(fault: Fault) -> None:
    data = fault.part10()
    try:
        mended = mend(data)
    except TruncatedInstance:
        assert fault.name == "a file cut short"
        return
    before = codes(data)
    after = codes(bytes_of(mended)) if mended.applied else before
    gone = {code for code, _ in before - after}
    assert (fault.code in gone) == (fault.name in MENDED)
    assert after <= before
    if mended.applied:
        assert read(bytes_of(mended)).get("PixelData") == pixels_of(fault)


def test_names_of_planted_faults_are_spelt_right() -> None:
    assert {fault.name for fault in FAULTS} > MENDED


def test_a_file_in_which_nothing_is_wrong_is_left_alone() -> None:
    data = part10(a_faulty_ct())

    assert set(applied(mend(data))) <= {"add-type2"}
    assert not mend(bytes_of(mend(data))).applied


@pytest.mark.parametrize(
    ("keyword", "wrong", "right"),
    [
        ("StudyDate", b"2004-01-19", "20040119"),
        ("StudyDate", b"2004/01/19", "20040119"),
        ("StudyTime", b"07:27:30.1234567", "072730.123456"),
        ("StudyTime", b"07:27", "0727"),
        ("PatientAge", b"42y", "042Y"),
        ("Modality", b"ct", "CT"),
        ("KVP", b"120,5", "120.5"),
        ("KVP", b"0,488", "0.488"),
        ("KVP", b"0.33333333333333333333", "0.33333333333333"),
        ("InstanceNumber", b"7.0", "7"),
        ("StudyDescription", b"a\r\nb", "a b"),
        ("FrameOfReferenceUID", b"1.02.003.0", "1.2.3.0"),
        ("FrameOfReferenceUID", b"1.2.3.", "1.2.3"),
    ],
)
def test_values_are_written_in_the_form_of_their_vr(keyword: str, wrong: bytes, right: str) -> None:
    mended = mend(part10(a_faulty_ct(**{keyword: wrong})), "fix-vr-values", "fix-uids")

    data = bytes_of(mended)
    dataset = read(data)
    assert str(dataset[keyword].value) == right
    (original,) = dataset.OriginalAttributesSequence
    modified = original.ModifiedAttributesSequence[0]
    assert modified[keyword].is_empty
    (former,) = original.NonconformingModifiedAttributesSequence
    assert former.SelectorAttribute == dataset[keyword].tag
    assert former.NonconformingDataElementValue.rstrip(b" \0") == wrong
    assert original.AttributeModificationDateTime == "20260102030405.000000+0000"
    assert original.ModifyingSystem == f"HILUM {__version__}"
    assert original.ReasonForTheAttributeModification == "CORRECT"


@pytest.mark.parametrize("value", [b"19.1.2004", b"2004.13.01", b"yesterday", b"20040119"])
def test_what_cannot_be_told_for_sure_stays(value: bytes) -> None:
    assert not mend(part10(a_faulty_ct(StudyDate=value)), "fix-vr-values").applied


@pytest.mark.parametrize("value", [b"1,234", b"-12,500", b"1,234,567", b"1,2,3"])
def test_a_comma_that_may_part_thousands_stays(value: bytes) -> None:
    assert not mend(part10(a_faulty_ct(KVP=value)), "fix-vr-values").applied


@pytest.mark.parametrize(
    ("declared", "text", "named", "terms"),
    [
        (None, "Größe".encode(), "", "ISO_IR 192"),
        (None, "Größe".encode("latin_1"), "", "ISO_IR 100"),
        (b"ISO-IR 100", "Größe".encode("latin_1"), "", "ISO_IR 100"),
        (b"ISO_IR 192", "Größe".encode("latin_1"), "", "ISO_IR 100"),
        (b"LATIN1", "Größe".encode("latin_1"), "", "ISO_IR 100"),
        (b"ISO_IR 100", "Иванов".encode("iso8859_5"), "ISO_IR 144", "ISO_IR 144"),
    ],
)
def test_the_character_set_is_declared(
    declared: bytes | None, text: bytes, named: str, terms: str
) -> None:
    dataset = a_faulty_ct(InstitutionName=text)
    dataset.pop("SpecificCharacterSet", None)
    data = part10(dataset)
    if declared is not None:
        dataset.SpecificCharacterSet = "ISO_IR 100"
        padded = declared + b" " * (len(declared) % 2)
        data = part10(dataset).replace(b"CS\x0a\x00ISO_IR 100", _cs(padded), 1)

    mended = mend(data, f"declare-charset={named}" if named else "declare-charset")

    result = read(bytes_of(mended))
    assert result.SpecificCharacterSet == terms
    assert text in bytes_of(mended)
    assert "\ufffd" not in str(result.InstitutionName)


def _cs(value: bytes) -> bytes:
    return b"CS" + len(value).to_bytes(2, "little") + value


def test_text_in_no_set_that_can_be_told_waits_for_somebody_who_knows() -> None:
    dataset = a_faulty_ct(InstitutionName="Größe €".encode("cp1252"))
    dataset.pop("SpecificCharacterSet", None)

    assert not mend(part10(dataset), "declare-charset").applied


def test_pixel_data_is_padded_or_cut_only_when_asked_to_and_only_so_far() -> None:
    dataset = a_faulty_ct()
    whole = dataset.PixelData
    data = part10(dataset)
    place = data.index(whole)
    short = data[: place + len(whole) - 100]
    dataset.PixelData = whole + bytes(50)

    with pytest.raises(TruncatedInstance, match="fix-pixel-length=100"):
        mend(short)
    with pytest.raises(TruncatedInstance):
        mend(short, "fix-pixel-length=99")
    padded = read(bytes_of(mend(short, "fix-pixel-length=100")))
    cut = read(bytes_of(mend(part10(dataset), "fix-pixel-length")))

    assert padded.PixelData == whole[:-100] + bytes(100)
    assert cut.PixelData == whole
    assert "fix-pixel-length" in padded.ContributingEquipmentSequence[-1].ContributionDescription
    assert not mend(part10(dataset), "fix-pixel-length=49").applied


def test_a_new_instance_uid_is_in_the_file_meta_too() -> None:
    dataset = a_faulty_ct()

    result = read(bytes_of(mend(part10(dataset), "new-sop-instance-uid")))

    assert result.SOPInstanceUID.startswith("2.25.")
    assert result.file_meta.MediaStorageSOPInstanceUID == result.SOPInstanceUID
    (original,) = result.OriginalAttributesSequence
    assert original.ModifiedAttributesSequence[0].SOPInstanceUID == dataset.SOPInstanceUID
    assert "NonconformingModifiedAttributesSequence" not in original


def test_a_bare_data_set_gets_its_file_meta_and_an_implicit_one_its_true_syntax() -> None:
    data = part10(a_faulty_ct())
    bare = data[data.index(b"\x08\x00\x05\x00CS") :]

    result = read(bytes_of(mend(bare, "fix-meta")))

    assert result.file_meta.TransferSyntaxUID == pydicom.uid.ExplicitVRLittleEndian
    assert result.file_meta.MediaStorageSOPInstanceUID == result.SOPInstanceUID
    assert result.preamble == bytes(128)


def test_what_is_in_sequences_is_mended_there_and_the_whole_former_sequence_is_kept() -> None:
    dataset = a_faulty_ct()
    inner = a_faulty_ct(StudyDate=b"2004.01.19")
    item = pydicom.Dataset()
    item[0x00080020] = inner.get_item(0x00080020)
    item.AccessionNumber = "A-1"
    dataset.RequestAttributesSequence = [item]

    result = read(bytes_of(mend(part10(dataset), "fix-vr-values")))

    assert result.RequestAttributesSequence[0].StudyDate == "20040119"
    (original,) = result.OriginalAttributesSequence
    (former,) = original.ModifiedAttributesSequence[0].RequestAttributesSequence
    assert (former.AccessionNumber, former.StudyDate) == ("A-1", "")
    (value,) = original.NonconformingModifiedAttributesSequence
    assert value.SelectorSequencePointer == 0x00400275
    assert value.SelectorSequencePointerItems == 1


def test_of_very_many_faults_every_former_value_is_kept() -> None:
    dataset = a_faulty_ct()
    items = []
    for _ in range(300):
        item = pydicom.Dataset()
        for keyword in ("ContentDate", "AcquisitionDate"):
            tag = Tag(keyword)
            item[tag] = RawDataElement(tag, "DA", 10, b"2004.01.19", 0, False, True)
        items.append(item)
    dataset.RequestAttributesSequence = items

    mended = mend(part10(dataset))

    (changes,) = (each.changes for each in mended.applied if each.coercion == "fix-vr-values")
    assert len(changes) == 600
    after = read(bytes_of(mended))
    assert {item.ContentDate for item in after.RequestAttributesSequence} == {"20040119"}
    (original,) = after.OriginalAttributesSequence
    (modified,) = original.ModifiedAttributesSequence
    assert {item.ContentDate for item in modified.RequestAttributesSequence} == {""}
    former = [
        each.NonconformingDataElementValue
        for each in original.NonconformingModifiedAttributesSequence
    ]
    assert former == [b"2004.01.19"] * 600


def test_a_second_repair_keeps_what_the_first_said() -> None:
    first = bytes_of(mend(part10(a_faulty_ct(StudyDate=b"2004.01.19")), "fix-vr-values"))

    second = read(bytes_of(mend(first, "new-sop-instance-uid")))

    assert len(second.OriginalAttributesSequence) == 2
    assert len(second.ContributingEquipmentSequence) == 2


def test_names_and_parameters_that_are_wrong_are_told() -> None:
    data = part10(a_faulty_ct())

    with pytest.raises(InvalidRequest, match="there are fix-lengths"):
        parsed(["fix-everything"])
    with pytest.raises(InvalidRequest, match="takes no parameter"):
        parsed(["fix-meta=1"])
    with pytest.raises(InvalidRequest, match=r"PS3\.3"):
        mend(data, "declare-charset=KLINGON")
    with pytest.raises(InvalidRequest, match="number of bytes"):
        mend(data, "fix-pixel-length=lots")


def test_what_invents_or_loses_something_has_to_be_named() -> None:
    named = {each.name for each in COERCIONS.values() if each.only_when_named}

    assert named == {"new-sop-instance-uid", "fix-pixel-length"}
    assert named.isdisjoint(usual_coercions())


def test_what_is_signed_is_not_changed() -> None:
    dataset = a_faulty_ct(StudyDate=b"2004.01.19")
    dataset.DigitalSignaturesSequence = [pydicom.Dataset()]

    with pytest.raises(NothingToRepair, match="signed"):
        mend(part10(dataset))


@pytest.mark.slow
def test_no_bytes_bring_it_down() -> None:
    data, dice = part10(a_faulty_ct(StudyDate=b"2004.01.19")), random.Random(3)
    mended = 0
    for _ in range(300):
        bent = bytearray(data)
        for _ in range(dice.randint(1, 8)):
            bent[dice.randrange(6500)] = dice.randrange(256)
        try:
            mended += bool(MENDING(bytes(bent), dict.fromkeys(COERCIONS, ""), NOW).applied)
        except HilumError:
            continue
    assert mended > 50
