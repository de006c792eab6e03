"""Data sets around the phantoms: realistic headers of people who do not exist.

Everything is a function of the study's number, so that a second run makes the same bytes.
"""

import hashlib
import io
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian

_IMPLEMENTATION: Final = "2.25.199106427104813471906542236163312084881"
_FIRST_DAY: Final = date(2025, 1, 6)


@dataclass(frozen=True, slots=True)
class Person:
    """A patient whose name says that there is no such patient."""

    name: str
    patient_id: str
    birth_date: str
    sex: str
    character_set: str | list[str] = "ISO_IR 100"


PEOPLE: Final = (
    Person("Demo^Ada", "DEMO-0001", "19520310", "F"),
    # PS3.5 annex H: ideographic and phonetic groups of a Japanese name.
    Person(
        "Demo^Hanako=出茂^花子=でも^はなこ", "DEMO-0002", "19671103", "F", ["", "ISO 2022 IR 87"]
    ),
    Person("Δοκιμή^Άδα", "DEMO-0003", "19810729", "F", "ISO_IR 192"),
    Person("Demo^Grégoire^François", "DEMO-0004", "19440215", "M"),
    Person("Demo^Linus", "DEMO-0005", "19991230", "M"),
    Person("Демо^Софья", "DEMO-0006", "19730818", "F", "ISO_IR 144"),
    Person("Demo^Deniz^Özgür", "DEMO-0007", "19880522", "M", "ISO_IR 148"),
    Person("Demo^Maryam", "DEMO-0008", "19610914", "F"),
)


def uid(*parts: object) -> str:
    """A UID that is the same for the same parts (PS3.5 section B.2: derived from a UUID)."""
    text = "hilum demo 1\0" + "\0".join(map(str, parts))
    digest = bytearray(hashlib.sha256(text.encode()).digest()[:16])
    digest[6] = (digest[6] & 0x0F) | 0x50
    digest[8] = (digest[8] & 0x3F) | 0x80
    return f"2.25.{int.from_bytes(digest)}"


@dataclass(frozen=True, slots=True)
class StudyHeader:
    """What all instances of one demo study share."""

    number: int
    """Counts from 0; decides everything else."""
    kind: str
    description: str

    @property
    def person(self) -> Person:
        person = PEOPLE[self.number % len(PEOPLE)]
        if self.number < len(PEOPLE):
            return person
        generation = self.number // len(PEOPLE)
        return Person(
            name=person.name,
            patient_id=f"{person.patient_id}-{generation}",
            birth_date=person.birth_date,
            sex=person.sex,
            character_set=person.character_set,
        )

    @property
    def study_uid(self) -> str:
        return uid(self.number, self.kind, "study")

    @property
    def date(self) -> str:
        return (_FIRST_DAY + timedelta(days=17 * self.number)).strftime("%Y%m%d")

    @property
    def time(self) -> str:
        return f"{8 + self.number % 9:02d}{(self.number * 17) % 60:02d}00"

    def dataset(self, sop_class: UID, modality: str, series: int, instance: int) -> Dataset:
        """A data set with the patient, study, series and SOP common modules filled in."""
        dataset, person = Dataset(), self.person
        dataset.SpecificCharacterSet = person.character_set
        dataset.SOPClassUID = sop_class
        dataset.SOPInstanceUID = uid(self.number, self.kind, series, instance)
        dataset.StudyDate = dataset.SeriesDate = dataset.ContentDate = self.date
        dataset.AcquisitionDate = self.date
        dataset.StudyTime = self.time
        dataset.SeriesTime = dataset.ContentTime = dataset.AcquisitionTime = self._later(series)
        dataset.AccessionNumber = f"A{1000 + self.number}"
        dataset.Modality = modality
        dataset.Manufacturer = "Hilum Phantoms"
        dataset.InstitutionName = "Demo Hospital"
        dataset.ReferringPhysicianName = "Demo^Referring^^Dr."
        dataset.StationName = f"{modality}DEMO1"
        dataset.StudyDescription = self.description
        dataset.ManufacturerModelName = f"Numerical {modality}"
        dataset.PatientName = person.name
        dataset.PatientID = person.patient_id
        dataset.IssuerOfPatientID = "HILUM-DEMO"
        dataset.PatientBirthDate = person.birth_date
        dataset.PatientSex = person.sex
        dataset.PatientAge = f"{int(self.date[:4]) - int(person.birth_date[:4]):03d}Y"
        dataset.PatientIdentityRemoved = "YES"
        dataset.DeidentificationMethod = "Synthetic: no such patient"
        dataset.StudyInstanceUID = self.study_uid
        dataset.SeriesInstanceUID = uid(self.number, self.kind, series, "series")
        dataset.StudyID = str(1000 + self.number)
        dataset.SeriesNumber = series
        dataset.InstanceNumber = instance
        dataset.PerformedProcedureStepStartDate = self.date
        dataset.PerformedProcedureStepStartTime = self.time
        return dataset

    def _later(self, series: int) -> str:
        minutes = int(self.time[2:4]) + 3 * series
        return f"{int(self.time[:2]) + minutes // 60:02d}{minutes % 60:02d}30"


def place(
    dataset: Dataset, frame_of_reference: str, position: tuple[float, float, float], index: int
) -> None:
    """Fill in the image plane module of an axial cut (PS3.3 section C.7.6.2), in millimetres."""
    dataset.FrameOfReferenceUID = frame_of_reference
    dataset.PositionReferenceIndicator = ""
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.ImagePositionPatient = [round(value, 3) for value in position]
    dataset.SliceLocation = round(position[2], 3)
    dataset.PatientPosition = "HFS"
    dataset.AcquisitionNumber = 1
    dataset.ImageComments = f"Numerical phantom, cut {index}"


def square(
    dataset: Dataset, header: StudyHeader, side_mm: float, pixels: int, z_mm: float, index: int
) -> None:
    """Place an axial cut of a square field of view, centred on the table."""
    spacing = side_mm / pixels
    dataset.PixelSpacing = [round(spacing, 6), round(spacing, 6)]
    frame_of_reference = uid(header.number, header.kind, "frame of reference")
    x, y = square_corner(side_mm, pixels)
    place(dataset, frame_of_reference, (x, y, z_mm), index + 1)


def square_corner(side_mm: float, pixels: int) -> tuple[float, float]:
    """Centre of the first pixel of such a field of view, in millimetres."""
    corner = -(side_mm - side_mm / pixels) / 2
    return corner, corner


def set_pixels(dataset: Dataset, pixels: NDArray[np.generic], bits_stored: int) -> None:
    """Fill in the image pixel module from a MONOCHROME2 image or a stack of frames."""
    frames = pixels.shape[0] if pixels.ndim == 3 else 0
    if frames:
        dataset.NumberOfFrames = frames
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = pixels.shape[-2:]
    dataset.BitsAllocated = 8 * pixels.dtype.itemsize
    dataset.BitsStored = bits_stored
    dataset.HighBit = bits_stored - 1
    dataset.PixelRepresentation = int(np.issubdtype(pixels.dtype, np.signedinteger))
    data = pixels.astype(pixels.dtype.newbyteorder("<"), copy=False).tobytes()
    dataset.PixelData = data + b"\0" * (len(data) % 2)
    dataset["PixelData"].VR = "OW" if pixels.dtype.itemsize > 1 else "OB"


def set_colour_pixels(dataset: Dataset, frames: NDArray[np.uint8]) -> None:
    """Fill in the image pixel module from RGB, (frames, rows, columns, 3)."""
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = frames.shape
    dataset.PhotometricInterpretation = "RGB"
    dataset.PlanarConfiguration = 0
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    data = frames.tobytes()
    dataset.PixelData = data + b"\0" * (len(data) % 2)
    dataset["PixelData"].VR = "OB"


def one(item: Dataset) -> Sequence:
    """A sequence of one item."""
    return Sequence([item])


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """An item of a code sequence (PS3.3 section 8.8)."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def part10(dataset: Dataset) -> bytes:
    """Encode as a Part 10 file, explicit VR little endian, always the same bytes."""
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\0\1"
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(_IMPLEMENTATION)
    meta.ImplementationVersionName = "HILUM_DEMO_1"
    dataset.file_meta = meta
    file = io.BytesIO()
    dcmwrite(file, dataset, enforce_file_format=True, overwrite=True)
    return file.getvalue()
