"""Instances with one planted fault each, and what validation has to say of it."""

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import pydicom
from pydicom import config
from pydicom.data import get_testdata_file
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import UID, JPEG2000Lossless

CT = "CT_small.dcm"
ENHANCED_CT = "eCT_Supplemental.dcm"


@dataclass(frozen=True, slots=True)
class Fault:
    """How to make an instance wrong, and the finding that tells it."""

    name: str
    code: str
    tag: int | None
    plant: Callable[[Dataset], None]
    base: str = CT
    bend: Callable[[bytes], bytes] = bytes
    """Done to the bytes of the file after `plant`."""

    def part10(self) -> bytes:
        """The file with the fault in it."""
        dataset = pydicom.dcmread(io.BytesIO(base(self.base)))
        with config.disable_value_validation():
            self.plant(dataset)
        return self.bend(_written(dataset))


@cache
def base(name: str) -> bytes:
    """Return the file that faults are planted in, as pydicom writes it."""
    path = get_testdata_file(name)
    assert isinstance(path, str)
    return _written(pydicom.dcmread(path))


def _written(dataset: Dataset) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings(), config.disable_value_validation():
        warnings.simplefilter("ignore")
        dataset.save_as(buffer, enforce_file_format=False)
    return buffer.getvalue()


def _tag(keyword: str) -> int:
    return int(Tag(keyword))


def _lacks(keyword: str, code: str = "attribute-missing", name: str = CT) -> Fault:
    return Fault(
        f"no {keyword}", code, _tag(keyword), lambda dataset: delattr(dataset, keyword), name
    )


def _has(keyword: str, vr: str, value: object, code: str, what: str, name: str = CT) -> Fault:
    def plant(dataset: Dataset) -> None:
        if vr == "US":
            dataset[keyword] = DataElement(keyword, vr, value)
            return
        values = value if isinstance(value, list) else [value or ""]
        raw = "\\".join(map(str, values)).encode()
        raw += (b"\0" if vr == "UI" else b" ") * (len(raw) % 2)
        tag = Tag(keyword)
        dataset[tag] = RawDataElement(tag, vr, len(raw), raw, 0, False, True)

    return Fault(f"{keyword} {what}", code, _tag(keyword), plant, name)


def _bent(name: str, code: str, keyword: str | None, old: bytes, new: bytes) -> Fault:
    def bend(data: bytes) -> bytes:
        assert old in data
        return data.replace(old, new, 1)

    tag = None if keyword is None else _tag(keyword)
    return Fault(name, code, tag, lambda _: None, bend=bend)


def _code(value: str | None, meaning: str | None) -> Dataset:
    item = Dataset()
    if value:
        item.CodeValue = value
        item.CodingSchemeDesignator = "DCM"
    if meaning:
        item.CodeMeaning = meaning
    return item


def _sequence(keyword: str, *items: Dataset) -> Callable[[Dataset], None]:
    return lambda dataset: setattr(dataset, keyword, Sequence(items))


def _colour_without_planes(dataset: Dataset) -> None:
    dataset.SamplesPerPixel = 3
    dataset.PhotometricInterpretation = "RGB"
    dataset.PixelData = bytes(dataset.Rows * dataset.Columns * 6)
    dataset.pop("PlanarConfiguration", None)


def _private(dataset: Dataset) -> None:
    dataset.add_new(0x00331001, "LO", "TEXT")


def _compressed(frames: list[bytes], number: int, offsets: bytes | None = None) -> Fault:
    def plant(dataset: Dataset) -> None:
        dataset.file_meta.TransferSyntaxUID = JPEG2000Lossless
        data = encapsulate(frames, has_bot=False)
        if offsets is not None:
            data = b"\xfe\xff\x00\xe0" + len(offsets).to_bytes(4, "little") + offsets + data[8:]
        dataset.PixelData = data
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
        dataset.NumberOfFrames = number

    code = "encapsulation" if offsets is not None else "frames-number"
    name = "offset table that lies" if offsets is not None else "fewer fragments than frames"
    return Fault(name, code, _tag("PixelData"), plant)


def _lying_extended_table(dataset: Dataset) -> None:
    dataset.file_meta.TransferSyntaxUID = JPEG2000Lossless
    dataset.PixelData = encapsulate([b"\xff\x4f\xff\x51" * 4], has_bot=False)
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.ExtendedOffsetTable = (8).to_bytes(8, "little")
    dataset.ExtendedOffsetTableLengths = (16).to_bytes(8, "little")


def _fewer_frame_items(dataset: Dataset) -> None:
    del dataset.PerFrameFunctionalGroupsSequence[-1]


def _without_group(keyword: str) -> Callable[[Dataset], None]:
    def plant(dataset: Dataset) -> None:
        for item in (
            *dataset.SharedFunctionalGroupsSequence,
            *dataset.PerFrameFunctionalGroupsSequence,
        ):
            item.pop(keyword, None)

    return plant


def _group_twice(dataset: Dataset) -> None:
    first = dataset.PerFrameFunctionalGroupsSequence[0]
    dataset.SharedFunctionalGroupsSequence[0].PlanePositionSequence = first.PlanePositionSequence


def _date_in_an_item(dataset: Dataset) -> None:
    item, tag = Dataset(), Tag("StudyDate")
    item[tag] = RawDataElement(tag, "DA", 8, b"20041301", 0, False, True)
    dataset.RequestAttributesSequence = Sequence([item])


def _private_class(dataset: Dataset) -> None:
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = UID("1.2.3.4")


def _in_utf_8(data: bytes) -> bytes:
    return data.replace(b"JFK IMAGING", b"JFK \xc3\xa4GIN\xc3\xa4", 1)


def _short_pixels(dataset: Dataset) -> None:
    dataset.PixelData = dataset.PixelData[:-2]


def _reused_uid(dataset: Dataset) -> None:
    dataset.SeriesInstanceUID = dataset.StudyInstanceUID


_ORIENTATION = ["2", "0", "0", "0", "1", "0"]
_SKEW = ["1", "0", "0", "0.6", "0.8", "0"]

_INSTITUTION = b"\x08\x00\x80\x00LO\x12\x00JFK IMAGING CENTER"
_ODD = b"\x08\x00\x80\x00LO\x11\x00JFK IMAGING CENTE"
_LATE = b"\x08\x00\x15\x00DT\x08\x0020040119"

FAULTS: tuple[Fault, ...] = (
    # Types 1, 2, 1C (PS3.5 7.4)
    *(
        _lacks(keyword)
        for keyword in (
            "FrameOfReferenceUID", "PatientName", "PatientID", "StudyDate", "StudyTime", "StudyID",
            "AccessionNumber", "ReferringPhysicianName", "PatientBirthDate", "PatientSex",
            "Modality", "SeriesNumber", "InstanceNumber", "PixelSpacing", "SliceThickness",
            "ImagePositionPatient", "ImageOrientationPatient", "RescaleSlope", "RescaleIntercept",
            "KVP", "ImageType", "SamplesPerPixel", "PhotometricInterpretation", "Rows", "Columns",
            "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PixelData",
            "PatientPosition", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID",
        )
    ),
    _has("ImageOrientationPatient", "DS", None, "value-missing", "empty"),
    _has("SOPInstanceUID", "UI", "", "value-missing", "empty"),
    _has("RescaleSlope", "DS", None, "value-missing", "empty"),
    _has("ImageType", "CS", None, "value-missing", "empty"),
    Fault("no PlanarConfiguration in colour", "attribute-missing", _tag("PlanarConfiguration"),
          _colour_without_planes),
    _has("PlanarConfiguration", "US", 0, "attribute-not-allowed", "in grey"),
    Fault("a code without a meaning", "attribute-missing", _tag("CodeMeaning"),
          _sequence("ProcedureCodeSequence", _code("1", None))),
    Fault("a code without a value", "attribute-missing", _tag("CodeValue"),
          _sequence("ProcedureCodeSequence", _code(None, "meaning"))),
    Fault("two items where one may be", "items-number", _tag("AnatomicRegionSequence"),
          _sequence("AnatomicRegionSequence", _code("1", "a"), _code("2", "b"))),
    # Terms and numbers
    _has("PixelRepresentation", "US", 7, "value-not-enumerated", "none of those"),
    _has("QualityControlImage", "CS", "MAYBE", "value-not-enumerated", "none of those"),
    _has("BurnedInAnnotation", "CS", "MAYBE", "value-not-enumerated", "none of those"),
    _has("PatientSex", "CS", "X", "value-not-enumerated", "none of those"),
    _has("LossyImageCompression", "CS", "02", "value-not-enumerated", "none of those"),
    _has("ImageType", "CS", ["FORMER", "PRIMARY", "AXIAL"], "value-not-enumerated", "value 1"),
    _has("ImageType", "CS", ["ORIGINAL", "PRIMARY"], "multiplicity", "without value 3"),
    _has("Modality", "CS", "XX", "value-not-defined", "none of those"),
    _has("ImagePositionPatient", "DS", ["1", "2"], "multiplicity", "of two values"),
    _has("PixelSpacing", "DS", ["1", "1", "1"], "multiplicity", "of three values"),
    _has("KVP", "DS", ["1", "2"], "multiplicity", "twice"),
    _has("PixelSpacing", "DS", ["0", "0"], "value-out-of-range", "of zero"),
    _has("ImageOrientationPatient", "DS", _ORIENTATION, "value-out-of-range", "too long"),
    _has("ImageOrientationPatient", "DS", _SKEW, "value-out-of-range", "askew"),
    # Values (PS3.5 6.2)
    _has("StudyDate", "DA", "2004.01.19", "value-format", "of old form"),
    _has("StudyDate", "DA", "20041301", "value-format", "of month 13"),
    _has("StudyTime", "TM", "25:00", "value-format", "of old form"),
    _has("PatientAge", "AS", "22Y", "value-format", "too short"),
    _has("KVP", "DS", "12O", "value-format", "no number"),
    _has("InstanceNumber", "IS", "1.5", "value-format", "no integer"),
    _has("KVP", "DS", "120.00000000000000000", "value-length", "too long"),
    _has("StudyID", "SH", "12345678901234567", "value-length", "too long"),
    _has("SeriesDescription", "LO", "x" * 65, "value-length", "too long"),
    _has("BodyPartExamined", "CS", "Chest", "value-characters", "in small letters"),
    _has("SeriesDescription", "LO", "a\x07b", "value-characters", "with a bell"),
    _has("FrameOfReferenceUID", "UI", "1.2.abc", "value-format", "with letters"),
    _has("FrameOfReferenceUID", "UI", "1.2.03.4", "value-format", "with a leading zero"),
    _has("FrameOfReferenceUID", "UI", "9.2.3.4", "value-format", "of no root"),
    _has("FrameOfReferenceUID", "UI", "1." * 35 + "1", "value-length", "too long"),
    _bent("Bits Stored of three bytes", "value-size", "BitsStored",
          b"\x28\x00\x01\x01US\x02\x00\x10\x00", b"\x28\x00\x01\x01US\x03\x00\x10\x00\x00"),
    _bent("Rows as SS", "vr-mismatch", "Rows", b"\x28\x00\x10\x00US", b"\x28\x00\x10\x00SS"),
    Fault("text beyond ASCII without a character set", "charset", _tag("InstitutionName"),
          lambda dataset: delattr(dataset, "SpecificCharacterSet"),
          bend=lambda data: data.replace(b"JFK IMAGING", b"JFK IM\xe4GING")),
    _has("AcquisitionDateTime", "DT", "2004-01-19", "value-format", "of old form"),
    _has("PatientName", "PN", "a^b^c^d^e^f", "value-format", "of six components"),
    _has("PatientName", "PN", "a=b=c=d", "value-format", "of four groups"),
    _has("RetrieveAETitle", "AE", "A" * 17, "value-length", "too long"),
    _has("RetrieveURL", "UR", " http://a b", "value-characters", "with spaces"),
    _has("PatientComments", "LT", "x" * 10241, "value-length", "too long"),
    _has("OtherPatientNames", "PN", ["a^b", "c" * 65], "value-length", "of which the second long"),
    Fault("a date of month 13 in an item", "value-format", _tag("StudyDate"), _date_in_an_item),
    _bent("an element twice", "duplicate", "InstitutionName", _INSTITUTION, _INSTITUTION * 2),
    _bent("an odd length", "encoding", "InstitutionName", _INSTITUTION, _ODD),
    Fault("UTF-8 without a character set", "charset-undeclared", _tag("InstitutionName"),
          lambda dataset: delattr(dataset, "SpecificCharacterSet"), bend=_in_utf_8),
    Fault("UTF-8 declared as Latin 1", "charset-doubtful", _tag("InstitutionName"), lambda _: None,
          bend=_in_utf_8),
    Fault("a private SOP class", "sop-class-unknown", _tag("SOPClassUID"), _private_class),
    # Private blocks
    Fault("a private element without a creator", "private-block", 0x00331001, _private),
    # File meta information
    replace(_has("SOPInstanceUID", "UI", "1.2.3.4.5", "meta-mismatch", "of another file"),
            tag=_tag("MediaStorageSOPInstanceUID")),
    Fault("no prefix", "meta-missing", None, lambda _: None, bend=lambda data: data[132:]),
    _bent("an unknown transfer syntax", "meta-value-invalid", "TransferSyntaxUID",
          b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.9.9\0"),
    Fault("no implementation", "meta-attribute-missing", _tag("ImplementationClassUID"),
          lambda dataset: delattr(dataset.file_meta, "ImplementationClassUID")),
    # Pixel data
    Fault("pixel data cut", "pixel-length", _tag("PixelData"), _short_pixels),
    _has("BitsStored", "US", 17, "pixel-description", "beyond those allocated"),
    _has("HighBit", "US", 3, "pixel-description", "in the midst"),
    replace(_has("PhotometricInterpretation", "CS", "RGB", "pixel-description", "of one sample"),
            tag=_tag("SamplesPerPixel")),
    _has("NumberOfFrames", "IS", "2", "frames-number", "of a CT"),
    _compressed([b"\xff\x4f\xff\x51" * 4], 2),
    Fault("extended offset table that lies", "encapsulation", _tag("ExtendedOffsetTable"),
          _lying_extended_table),
    _compressed([b"\xff\x4f\xff\x51" * 4], 1, b"\x02\0\0\0"),
    Fault("a file cut short", "truncated-instance", None, lambda _: None,
          bend=lambda data: data[:-1000]),
    # Identity
    Fault("series named as the study", "uid-reused", _tag("StudyInstanceUID"), _reused_uid),
    # Functional groups
    Fault("an item for fewer frames", "frames-number", _tag("PerFrameFunctionalGroupsSequence"),
          _fewer_frame_items, ENHANCED_CT),
    Fault("no pixel measures", "functional-group-missing", _tag("PixelMeasuresSequence"),
          _without_group("PixelMeasuresSequence"), ENHANCED_CT),
    Fault("a position shared and per frame", "functional-group-twice",
          _tag("PlanePositionSequence"), _group_twice, ENHANCED_CT),
    _lacks("AcquisitionContextSequence", name=ENHANCED_CT),
)  # fmt: skip

CONFUSING: tuple[Fault, ...] = (
    _bent(
        "a tag below the one before",
        "encoding",
        "InstanceCoercionDateTime",
        _INSTITUTION,
        _INSTITUTION + _LATE,
    ),
    _bent(
        "explicit VR announced as implicit",
        "transfer-syntax-mismatch",
        "TransferSyntaxUID",
        b"1.2.840.10008.1.2.1\0",
        b"1.2.840.10008.1.2\0\0\0",
    ),
)
"""Faults by which dciodvfy loses its way: the rest of what it says of them is no measure."""
