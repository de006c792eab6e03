"""How many times faster than pydicom headers become DICOM JSON: `python bench/transcoder.py`.

Both sides turn the same bytes into the same JSON (without pixel data), in one process and in
turns; each figure is the least processor time of several passes. The headers are those of
believable CT series: about 280 elements, sequences and private elements among them, of which some
twenty differ from slice to slice.
"""

import io
import json
import random
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from hilum.dicom.frames import frame_table
from hilum.dicom.header import Memo, read_header

_ROOT = "1.2.826.0.1.3680043.10.1234"
_REPEATS = 15
_VENDOR = "EXAMPLE CT ACQUISITION"
_NAMES = {
    ExplicitVRLittleEndian: "explicit little endian",
    ImplicitVRLittleEndian: "implicit little endian",
    ExplicitVRBigEndian: "explicit big endian",
}

# Attributes with plain values, by keyword; with the others below they make about 280 elements.
_COMMON = {
    "SpecificCharacterSet": "ISO_IR 100",
    "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL", "CT_SOM7 SPI DUAL", "STD", "SNRG"],
    "SOPClassUID": CTImageStorage,
    "Modality": "CT",
    "Manufacturer": "SIEMENS",
    "InstitutionName": "Universitätsklinikum Beispielstadt",
    "InstitutionAddress": "Beispielstraße 1\r\nBeispielstadt\r\nDE",
    "StationName": "CTAWP73491",
    "ManufacturerModelName": "SOMATOM Definition Flash",
    "TimezoneOffsetFromUTC": "+0100",
    "InstitutionalDepartmentName": "Radiologie",
    "PatientIdentityRemoved": "NO",
    "BodyPartExamined": "ABDOMEN",
    "ScanOptions": "FAST",
    "SliceThickness": "1",
    "KVP": "120",
    "DataCollectionDiameter": "500",
    "DeviceSerialNumber": "73491",
    "SoftwareVersions": "syngo CT VA48A",
    "ProtocolName": "Abdomen_PV",
    "ReconstructionDiameter": "382",
    "DistanceSourceToDetector": "1085.6",
    "DistanceSourceToPatient": "595",
    "GantryDetectorTilt": "0",
    "TableHeight": "168",
    "RotationDirection": "CW",
    "ExposureTime": "500",
    "FilterType": "FLAT",
    "GeneratorPower": "38",
    "FocalSpots": "1.2",
    "ConvolutionKernel": ["I30f", "3"],
    "PatientPosition": "FFS",
    "SingleCollimationWidth": 0.6,
    "TotalCollimationWidth": 38.4,
    "TableSpeed": 46.0,
    "TableFeedPerRotation": 23.0,
    "SpiralPitchFactor": 0.6,
    "DataCollectionCenterPatient": [-0.37, -168.37, -1013.5],
    "ReconstructionTargetCenterPatient": [-5.1, -176.2, -1013.5],
    "ExposureModulationType": "XYZ_EC",
    "CTDIvol": 7.9316,
    "StudyID": "1",
    "SeriesNumber": "5",
    "AcquisitionNumber": "2",
    "ImageOrientationPatient": ["1", "0", "0", "0", "1", "0"],
    "Laterality": "",
    "PositionReferenceIndicator": "",
    "SamplesPerPixel": 1,
    "PhotometricInterpretation": "MONOCHROME2",
    "Rows": 512,
    "Columns": 512,
    "PixelSpacing": ["0.74609375", "0.74609375"],
    "BitsAllocated": 16,
    "BitsStored": 12,
    "HighBit": 11,
    "PixelRepresentation": 0,
    "WindowCenter": ["40", "-600"],
    "WindowWidth": ["350", "1200"],
    "RescaleIntercept": "-1024",
    "RescaleSlope": "1",
    "RescaleType": "HU",
    "WindowCenterWidthExplanation": ["WINDOW1", "WINDOW2"],
    "LossyImageCompression": "00",
    "RequestedProcedureDescription": "CT Abdomen mit KM",
    "PerformedProcedureStepStartDate": "20260314",
    "PerformedProcedureStepStartTime": "101000.131000",
    "PerformedProcedureStepID": "P0001",
    "PerformedProcedureStepDescription": "CT Abdomen",
    "PresentationLUTShape": "IDENTITY",
}


def _code(value: str, meaning: str, scheme: str = "DCM") -> Dataset:
    code = Dataset()
    code.CodeValue = value
    code.CodingSchemeDesignator = scheme
    code.CodeMeaning = meaning
    return code


def _reference(sop_class: str, instance: str) -> Dataset:
    reference = Dataset()
    reference.ReferencedSOPClassUID = sop_class
    reference.ReferencedSOPInstanceUID = instance
    return reference


def _set_sequences(header: Dataset, study: int, slice_number: int) -> None:
    header.ReferencedStudySequence = Items([_reference("1.2.840.10008.3.1.2.3.1", f"{_ROOT}.1")])
    header.SourceImageSequence = Items(
        [_reference(CTImageStorage, f"{_ROOT}.{study}.7.{slice_number + k}") for k in range(2)]
    )
    header.ReferencedImageSequence = Items(
        [_reference(CTImageStorage, f"{_ROOT}.{study}.8.{k}") for k in range(3)]
    )
    header.AnatomicRegionSequence = Items([_code("113345001", "Abdomen", "SCT")])
    header.ProcedureCodeSequence = Items([_code("CTABDKM", "CT Abdomen mit KM", "L")])
    dose = Dataset()
    dose.PhantomType = _code("113691", "IEC Body Dosimetry Phantom").CodeMeaning
    header.CTDIPhantomTypeCodeSequence = Items([_code("113691", "IEC Body Dosimetry Phantom")])
    request = Dataset()
    request.RequestedProcedureDescription = "CT Abdomen mit KM"
    request.ScheduledProcedureStepDescription = "CT Abdomen"
    request.ScheduledProcedureStepID = "S0001"
    request.RequestedProcedureID = "R0001"
    request.ScheduledProtocolCodeSequence = Items([_code("CTABD", "CT Abdomen", "L")])
    header.RequestAttributesSequence = Items([request])


def _set_private(header: Dataset, slice_number: int) -> None:
    """Add four private blocks of a scanner, mostly constants, a few of them of each slice."""
    for group, creator, count in (
        (0x0019, _VENDOR, 50),
        (0x0021, "EXAMPLE CT GEOMETRY", 35),
        (0x0029, "EXAMPLE CT RECON", 25),
        (0x0051, "EXAMPLE CT VIEWS", 25),
    ):
        block = header.private_block(group, creator, create=True)
        for k in range(count):
            vr = ("DS", "LO", "US", "CS", "IS", "FD", "SH", "SL")[k % 8]
            changing = slice_number if k in {7, 16} else 0
            values = {
                "DS": f"{k * 1.25 + changing:.2f}",
                "LO": f"Parameter {k} of the scanner",
                "US": 100 + k,
                "CS": f"MODE_{k}",
                "IS": str(k * 11 + changing),
                "FD": k / 7 + changing,
                "SH": f"unit{k}",
                "SL": -k,
            }
            block.add_new(0x10 + k, vr, values[vr])


def make_series(
    study: int, slices: int, *, syntax: str = ExplicitVRLittleEndian, pixel_bytes: int = 2048
) -> list[bytes]:
    """Return the Part 10 files of one series; `study` changes everything a patient changes."""
    chance = random.Random(study)
    files = []
    for number in range(1, slices + 1):
        header = Dataset()
        for keyword, value in _COMMON.items():
            setattr(header, keyword, value)
        header.PatientName = f"Beispiel{study}^Jürgen^^Dr"
        header.PatientID = f"PID{study:07d}"
        header.PatientBirthDate = f"19{study % 90 + 10}0704"
        header.PatientSex = "MF"[study % 2]
        header.PatientAge = f"0{study % 90 + 10}Y"
        header.PatientSize, header.PatientWeight = "1.78", "82.5"
        header.AccessionNumber = f"ACC{study:08d}"
        header.ReferringPhysicianName = "Zuweiser^Rita^^Prof. Dr."
        header.OperatorsName = ["MTRA^Erika", "MTRA^Max"]
        header.StudyInstanceUID = f"{_ROOT}.{study}.1"
        header.SeriesInstanceUID = f"{_ROOT}.{study}.2.5"
        header.FrameOfReferenceUID = f"{_ROOT}.{study}.3"
        header.IrradiationEventUID = f"{_ROOT}.{study}.4"
        header.StudyDescription = "CT Abdomen mit KM"
        header.SeriesDescription = "Abd 1.0 I30f pv"
        for day in ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"):
            setattr(header, day, f"202603{study % 28 + 1:02d}")
        header.InstanceCreationDate = header.StudyDate
        header.StudyTime = header.SeriesTime = "101000.131000"
        # From here on: what differs from slice to slice.
        header.SOPInstanceUID = f"{_ROOT}.{study}.9.{chance.randrange(10**18)}"
        header.InstanceNumber = number
        header.ImagePositionPatient = ["-196.1", "-367.2", f"{-1013.5 + number:.1f}"]
        header.SliceLocation = f"{-1013.5 + number:.1f}"
        header.ContentTime = f"1010{number % 60:02d}.{chance.randrange(10**6):06d}"
        header.AcquisitionTime = header.InstanceCreationTime = header.ContentTime
        header.XRayTubeCurrent = chance.randrange(100, 300)
        header.Exposure = chance.randrange(100, 200)
        header.EstimatedDoseSaving = chance.random()
        header.SmallestImagePixelValue = 0
        header.LargestImagePixelValue = chance.randrange(1000, 4095)
        header.ImageComments = f"slice {number}"
        _set_sequences(header, study, number)
        _set_private(header, number)
        header.PixelData = bytes(pixel_bytes)
        header["PixelData"].VR = "OW"
        files.append(_write(header, syntax))
    return files


def _write(header: Dataset, syntax: str) -> bytes:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = header.SOPClassUID
    meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID
    meta.TransferSyntaxUID = syntax
    meta.ImplementationClassUID = f"{_ROOT}.99"
    header.file_meta = meta
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, header, enforce_file_format=True)
    return buffer.getvalue()


def count_elements(part10: bytes) -> int:
    """Return how many elements the header has, those in items included."""
    count = 0

    def add(_: Dataset, __: object) -> None:
        nonlocal count
        count += 1

    pydicom.dcmread(io.BytesIO(part10), stop_before_pixels=True).walk(add)
    return count


def by_pydicom(part10: bytes) -> str:
    """Return the DICOM JSON of a header as pydicom makes it."""
    dataset = pydicom.dcmread(io.BytesIO(part10), stop_before_pixels=True)
    return json.dumps(dataset.to_json_dict())


Read = Callable[[bytes], object]


def seconds_per_header(read: Read, files: Sequence[bytes]) -> float:
    """Return the mean processor time of one header."""
    started = time.process_time()
    for part10 in files:
        read(part10)
    return (time.process_time() - started) / len(files)


def within_a_series(files: Sequence[bytes]) -> float:
    """Return the time of one header when three of its series were read before."""
    memo = Memo()
    for part10 in files[:3]:
        read_header(part10, memo=memo)
    return seconds_per_header(lambda part10: read_header(part10, memo=memo), files[3:])


def of_a_new_study(files: Sequence[bytes], others: Sequence[bytes]) -> float:
    """Return the time of the first header of a study, after others of the same scanner."""
    memo = Memo()
    for part10 in others:
        read_header(part10, memo=memo)
    return seconds_per_header(lambda part10: read_header(part10, memo=memo), files[:1])


def never_seen(files: Sequence[bytes]) -> float:
    """Return the time of one header when nothing whatever was read before."""
    return seconds_per_header(lambda part10: read_header(part10, memo=Memo()), files)


def compare(label: str, measure: Callable[[], float], files: Sequence[bytes]) -> None:
    """Print the least time of both sides, measured in turns so that they meet the same load."""
    ours = theirs = float("inf")
    for _ in range(_REPEATS):
        ours = min(ours, measure())
        theirs = min(theirs, seconds_per_header(by_pydicom, files[:3]))
    print(f"{label:<52}{ours * 1e3:>8.3f}{theirs * 1e3:>10.2f}{theirs / ours:>8.1f} x")


def main() -> None:
    """Print a table of times and ratios."""
    warnings.simplefilter("ignore")
    print(f"{'milliseconds per header':<52}{'ours':>8}{'pydicom':>10}{'ratio':>8}")
    for syntax, name in _NAMES.items():
        files = make_series(1, 60, syntax=syntax)
        others = make_series(2, 4, syntax=syntax) + make_series(3, 4, syntax=syntax)
        if syntax == ExplicitVRLittleEndian:
            print(f"  (a CT header of {count_elements(files[0])} elements)")
        compare(f"{name}, within a series", partial(within_a_series, files), files)
        compare(f"{name}, new study", partial(of_a_new_study, files, others), files)
        compare(f"{name}, never seen", partial(never_seen, files), files)
    mixed = _interleaved([make_series(study, 30) for study in range(2, 10)])
    compare("8 series at once, in turns", partial(within_a_series, mixed), mixed)
    header = read_header(files[0])
    frames = seconds_per_header(lambda part10: frame_table(part10, header), files)
    print(f"{'frame table of a native image':<52}{frames * 1e3:>8.3f}")


def _interleaved(series: Sequence[Sequence[bytes]]) -> list[bytes]:
    return [part10 for slices in zip(*series, strict=True) for part10 in slices]


if __name__ == "__main__":
    main()
