"""CT instances as a scanner sends them: about 280 elements, and only what differs differs.

One data set is written by pydicom with placeholders of fixed width; each instance is that text
with its UIDs, number, position and times put in, so that making them costs nothing in a run.
"""

import io
from dataclasses import dataclass
from uuid import uuid4

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

# Placeholders have the width of what replaces them, so no length in the file changes.
_STUDY = "1.2.826.0.1.3680043.10.1.10000000000000000000"
_SERIES = "1.2.826.0.1.3680043.10.2.10000000000000000000"
_SOP = "1.2.826.0.1.3680043.10.3.10000000000000000000"
_NUMBER = "900001"
_NUMBER_HEAD = b"\x20\x00\x13\x00IS\x06\x00"  # its digits alone may stand in a UID, too
_POSITION = "-1234.5"
_TIME = "101112.131415"
_PATIENT = "BENCH-PATIENT-00"


@dataclass(frozen=True, slots=True)
class Instance:
    """A Part 10 file and what a client needs to ask for it again."""

    study: str
    series: str
    sop_instance: str
    patient_id: str
    part10: bytes


def _uid(root: int) -> str:
    return f"1.2.826.0.1.3680043.10.{root}.{10**19 + uuid4().int % 10**19}"


def _code(value: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue = value
    code.CodingSchemeDesignator = "DCM"
    code.CodeMeaning = meaning
    return code


def _reference(sop_class: str, number: int) -> Dataset:
    reference = Dataset()
    reference.ReferencedSOPClassUID = sop_class
    reference.ReferencedSOPInstanceUID = f"1.2.826.0.1.3680043.10.9.{number}"
    return reference


def _template(rows: int) -> bytes:
    """Return one Part 10 file of `rows` x `rows` pixels of 16 bits with placeholders in it."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = _SOP
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = "1.2.826.0.1.3680043.10.8"
    header = Dataset()
    header.file_meta = meta
    header.SpecificCharacterSet = "ISO_IR 100"
    header.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL", "CT_SOM5 SPI"]
    header.InstanceCreationDate = header.StudyDate = header.SeriesDate = "20260314"
    header.AcquisitionDate = header.ContentDate = "20260314"
    header.InstanceCreationTime = header.ContentTime = header.AcquisitionTime = _TIME
    header.StudyTime = header.SeriesTime = "101000.000000"
    header.SOPClassUID = CTImageStorage
    header.SOPInstanceUID = _SOP
    header.AccessionNumber = "BENCH0000001"
    header.Modality = "CT"
    header.Manufacturer = "Hilum Bench"
    header.InstitutionName = "Bench General"
    header.ReferringPhysicianName = "Referrer^Rita^^Dr"
    header.StudyDescription = "CT Abdomen with contrast"
    header.SeriesDescription = "Abd 1.0 B30f venous"
    header.ManufacturerModelName = "Phantom 64"
    header.StationName = "CTBENCH1"
    header.PhysiciansOfRecord = "Record^Ralf"
    header.ProcedureCodeSequence = Sequence([_code("CT-ABD", "CT of abdomen")])
    header.AnatomicRegionSequence = Sequence([_code("T-D4000", "Abdomen")])
    header.ReferencedStudySequence = Sequence([_reference("1.2.840.10008.3.1.2.3.1", 1)])
    header.ReferencedImageSequence = Sequence([_reference(CTImageStorage, n) for n in (2, 3)])
    header.SourceImageSequence = Sequence([_reference(CTImageStorage, 4)])
    header.PatientName = "Bench^Benedict"
    header.PatientID = _PATIENT
    header.PatientBirthDate = "19700101"
    header.PatientSex = "M"
    header.PatientAge = "056Y"
    header.PatientWeight = "81.5"
    header.BodyPartExamined = "ABDOMEN"
    header.SliceThickness = "1.0"
    header.KVP = "120"
    header.ExposureTime, header.XRayTubeCurrent, header.Exposure = "500", "210", "105"
    header.FilterType, header.GeneratorPower, header.FocalSpots = "FLAT", "25", "1.2"
    header.ConvolutionKernel = "B30f"
    header.PatientPosition = "FFS"
    header.ProtocolName = "Abd routine"
    header.StudyInstanceUID, header.SeriesInstanceUID = _STUDY, _SERIES
    header.StudyID, header.SeriesNumber, header.InstanceNumber = "1", "4", _NUMBER
    header.AcquisitionNumber = "2"
    header.ImagePositionPatient = ["-180.5", "-199.25", _POSITION]
    header.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    header.FrameOfReferenceUID = "1.2.826.0.1.3680043.10.4.1"
    header.SliceLocation = _POSITION
    header.ImageComments = "Phantom, not a person"
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
    header.Rows = header.Columns = rows
    header.PixelSpacing = ["0.703125", "0.703125"]
    header.BitsAllocated, header.BitsStored, header.HighBit = 16, 12, 11
    header.PixelRepresentation = 0
    header.WindowCenter, header.WindowWidth = ["50", "400"], ["350", "1500"]
    header.RescaleIntercept, header.RescaleSlope, header.RescaleType = "-1024", "1", "HU"
    header.PerformedProcedureStepStartDate = "20260314"
    header.PerformedProcedureStepStartTime = "101000.000000"
    header.PerformedProcedureStepID = "PPS1"
    request = Dataset()
    request.RequestedProcedureID, request.ScheduledProcedureStepID = "RP1", "SPS1"
    request.ScheduledProtocolCodeSequence = Sequence([_code("CTABD", "Abdomen protocol")])
    header.RequestAttributesSequence = Sequence([request])
    for group in (0x0019, 0x0021, 0x0029, 0x0051):
        block = header.private_block(group, "HILUM BENCH CT", create=True)
        for element in range(45):
            vr, value = (("DS", f"{element}.25"), ("LO", f"Parameter {element}"), ("US", element))[
                element % 3
            ]
            block.add_new(element, vr, value)
    ramp = np.add.outer(np.arange(rows), np.arange(rows)) % 4096
    header.PixelData = ramp.astype("<u2").tobytes()
    file = io.BytesIO()
    header.save_as(file, enforce_file_format=True)
    return file.getvalue()


def make_study(
    count: int, rows: int, *, patient_id: str | None = None, study_date: str = "20260314"
) -> list[Instance]:
    """Make one series of `count` CT instances of `rows` x `rows` x 16 bits, with fresh UIDs."""
    template = _TEMPLATES.get(rows) or _TEMPLATES.setdefault(rows, _template(rows))
    split = template.index(b"\xe0\x7f\x10\x00")
    head, pixels = template[:split], template[split:]
    study, series = _uid(1), _uid(2)
    patient = f"{patient_id or uuid4().hex:<16.16}"
    common = (
        head.replace(_STUDY.encode(), study.encode())
        .replace(_SERIES.encode(), series.encode())
        .replace(_PATIENT.encode(), patient.encode())
        .replace(b"20260314", study_date.encode())
    )
    made = []
    for index in range(count):
        sop_instance = _uid(3)
        own = (
            common.replace(_SOP.encode(), sop_instance.encode())
            .replace(_NUMBER_HEAD + _NUMBER.encode(), _NUMBER_HEAD + f"{index + 1:<6d}".encode())
            .replace(_POSITION.encode(), f"{index - 500:7.1f}".encode())
            .replace(_TIME.encode(), f"{100000 + index % 60:06d}.{index:06d}".encode())
        )
        made.append(Instance(study, series, sop_instance, patient.strip(), own + pixels))
    return made


_TEMPLATES: dict[int, bytes] = {}

ROWS_525_KB = 512
ROWS_33_KB = 118
