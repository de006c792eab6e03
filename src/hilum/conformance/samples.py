"""A synthetic study under fresh UIDs: nobody's data, so every value may be compared and told."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from pydicom import dcmread
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

_CT: Final = UID("1.2.840.10008.5.1.4.1.1.2")
_BYTE_FRAMES: Final = UID("1.2.840.10008.5.1.4.1.1.7.2")
_SECONDARY: Final = UID("1.2.840.10008.5.1.4.1.1.7")
STUDY_DATE: Final = "20240229"
PATIENT_NAME: Final = "Äpfelbaum^Jürgen=林檎^樹=りんご^き"
FRAMES: Final = 3
_ROWS, _COLUMNS = 24, 32


@dataclass(frozen=True)
class Sample:
    """One instance and its bytes as sent."""

    dataset: FileDataset
    part10: bytes

    @property
    def study(self) -> str:
        return str(self.dataset.StudyInstanceUID)

    @property
    def series(self) -> str:
        return str(self.dataset.SeriesInstanceUID)

    @property
    def uid(self) -> str:
        return str(self.dataset.SOPInstanceUID)

    def frame(self, number: int) -> bytes:
        """The bytes of a frame, counted from 1; the samples are native and of whole bytes."""
        count = int(self.dataset.get("NumberOfFrames", 1))
        size = len(self.dataset.PixelData) // count
        return bytes(self.dataset.PixelData[(number - 1) * size : number * size])


class Samples:
    """Two series: CT slices; and a multi-frame and a palette image."""

    def __init__(self) -> None:
        """Make everything under UIDs never used before."""
        self.study = str(generate_uid(prefix=None))
        self.patient_id = f"CHECK-{self.study[-12:]}"
        first, second = str(generate_uid(prefix=None)), str(generate_uid(prefix=None))
        slices = [_sample(self._slice(first, number)) for number in (1, 2, 3, 4, 5)]
        self.slices, self.late, self.spare = tuple(slices[:3]), slices[3], slices[4]
        self.frames = _sample(self._multi_frame(second))
        self.palette = _sample(self._palette(second))
        stray = self._slice(str(generate_uid(prefix=None)), 1)
        stray.StudyInstanceUID = generate_uid(prefix=None)
        self.stray = _sample(stray)
        """Of another study: what must not be stored into ours."""

    @property
    def first(self) -> tuple[Sample, ...]:
        """What is stored by the first request; `late` and `spare` follow into the study."""
        return (*self.slices, self.frames, self.palette)

    def __iter__(self) -> Iterator[Sample]:
        """Yield what the server may come to hold of the study."""
        yield from self.first
        yield self.late
        yield self.spare

    def _common(self, series: str, sop_class: UID, number: int, modality: str) -> Dataset:
        dataset = Dataset()
        dataset.SpecificCharacterSet = "ISO_IR 192"
        dataset.ImageType = ["DERIVED", "SECONDARY"]
        dataset.SOPClassUID = sop_class
        dataset.SOPInstanceUID = generate_uid(prefix=None)
        dataset.StudyDate = dataset.SeriesDate = dataset.ContentDate = STUDY_DATE
        dataset.StudyTime = dataset.SeriesTime = dataset.ContentTime = "101530"
        dataset.AccessionNumber = f"A{self.study[-12:]}"
        dataset.Modality = modality
        dataset.ConversionType = "SYN"
        dataset.ReferringPhysicianName = "Ärztin^Zoë"
        dataset.StudyDescription = "Conformance check"
        dataset.SeriesDescription = f"Conformance check {modality}"
        dataset.PatientName = PATIENT_NAME
        dataset.PatientID = self.patient_id
        dataset.PatientBirthDate = ""
        dataset.PatientSex = "O"
        dataset.PatientWeight = "71.50"
        dataset.StudyInstanceUID = self.study
        dataset.SeriesInstanceUID = series
        dataset.StudyID = "CHECK"
        dataset.SeriesNumber = 1 if modality == "CT" else 2
        dataset.InstanceNumber = number
        dataset.ProcedureCodeSequence = [_code("CHK1", "Check of servers")]
        dataset.ProcedureCodeSequence[0].EquivalentCodeSequence = [_code("CHK2", "Prüfung")]
        dataset.ReferencedStudySequence = []
        block = dataset.private_block(0x0009, "HILUM CHECK", create=True)
        block.add_new(0x01, "LO", "private text é")
        block.add_new(0x02, "FD", [0.5, -1.25])
        return dataset

    def _slice(self, series: str, number: int) -> Dataset:
        dataset = self._common(series, _CT, number, "CT")
        dataset.ImagePositionPatient = [0, 0, 2.5 * number]
        dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        dataset.PixelSpacing = [0.5, 0.5]
        dataset.FrameOfReferenceUID = f"{series}.1"[:64]
        dataset.SliceThickness = "2.5"
        dataset.RescaleIntercept, dataset.RescaleSlope = "-1024", "1"
        dataset.WindowCenter, dataset.WindowWidth = "40", "400"
        values = (
            (1024 + (row * 37 + column * 11 * number) % 300).to_bytes(2, "little")
            for row in range(_ROWS)
            for column in range(_COLUMNS)
        )
        _pixels(dataset, b"".join(values), bits=16)
        return dataset

    def _multi_frame(self, series: str) -> Dataset:
        dataset = self._common(series, _BYTE_FRAMES, 1, "OT")
        dataset.NumberOfFrames = FRAMES
        dataset.FrameIncrementPointer = 0x00181063
        dataset.FrameTime = "40"
        dataset.BurnedInAnnotation = "NO"
        dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = "0", "1", "US"
        dataset.PresentationLUTShape = "IDENTITY"
        area = _ROWS * _COLUMNS
        values = (b for f in range(FRAMES) for b in ((f * 80 + i) % 251 for i in range(area)))
        _pixels(dataset, bytes(values), bits=8)
        return dataset

    def _palette(self, series: str) -> Dataset:
        dataset = self._common(series, _SECONDARY, 2, "OT")
        _pixels(dataset, bytes(i % 256 for i in range(_ROWS * _COLUMNS)), bits=8)
        dataset.PhotometricInterpretation = "PALETTE COLOR"
        for shift, colour in enumerate(("Red", "Green", "Blue")):
            setattr(dataset, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 16])
            table = b"".join((((i << shift) & 255) * 257).to_bytes(2, "little") for i in range(256))
            setattr(dataset, f"{colour}PaletteColorLookupTableData", table)
        return dataset


def parsed(part10: bytes) -> FileDataset:
    """Read an instance with pydicom; raises what pydicom raises."""
    return dcmread(io.BytesIO(part10))


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "99CHECK", meaning
    return item


def _pixels(dataset: Any, values: bytes, *, bits: int) -> None:  # noqa: ANN401 - pydicom is untyped
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = _ROWS, _COLUMNS
    dataset.BitsAllocated = dataset.BitsStored = bits
    dataset.HighBit = bits - 1
    dataset.PixelRepresentation = 0
    dataset.PixelData = values
    dataset["PixelData"].VR = "OW" if bits > 8 else "OB"


def _sample(dataset: Dataset) -> Sample:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    target = io.BytesIO()
    file = FileDataset(target, dataset, file_meta=meta, preamble=bytes(128))
    file.save_as(target, enforce_file_format=True)
    return Sample(parsed(target.getvalue()), target.getvalue())
