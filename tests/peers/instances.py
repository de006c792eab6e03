"""Small synthetic instances, as pydicom data sets and as files."""

import io
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid


def a_ct_instance(
    *,
    transfer_syntax_uid: str = ExplicitVRLittleEndian,
    sop_instance_uid: str = "",
    rows: int = 8,
    patient_id: str = "PAT1",
) -> Dataset:
    """A CT image with File Meta; compressed syntaxes get a frame of arbitrary bytes."""
    syntax = UID(transfer_syntax_uid)
    instance = Dataset()
    instance.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    instance.SOPInstanceUID = sop_instance_uid or generate_uid()
    instance.StudyDate = "20240102"
    instance.StudyTime = "101112"
    instance.AccessionNumber = ""
    instance.Modality = "CT"
    instance.ReferringPhysicianName = ""
    instance.PatientName = "Test^Instance"
    instance.PatientID = patient_id
    instance.PatientBirthDate = ""
    instance.PatientSex = ""
    instance.StudyInstanceUID = generate_uid()
    instance.SeriesInstanceUID = generate_uid()
    instance.StudyID = "1"
    instance.SeriesNumber = 1
    instance.InstanceNumber = 1
    instance.SamplesPerPixel = 1
    instance.PhotometricInterpretation = "MONOCHROME2"
    instance.Rows = rows
    instance.Columns = 8
    instance.BitsAllocated = 16
    instance.BitsStored = 16
    instance.HighBit = 15
    instance.PixelRepresentation = 0
    frame = bytes(range(256)) * (rows * 16 // 256 + 1)
    instance.PixelData = frame[: rows * 16]
    if syntax.is_encapsulated:
        instance.PixelData = encapsulate([frame[:64]])
    instance["PixelData"].VR = "OB" if syntax.is_encapsulated else "OW"
    instance.file_meta = FileMetaDataset()
    instance.file_meta.TransferSyntaxUID = syntax
    instance.file_meta.MediaStorageSOPClassUID = instance.SOPClassUID
    instance.file_meta.MediaStorageSOPInstanceUID = instance.SOPInstanceUID
    return instance


def part10(instance: Dataset) -> bytes:
    """The file of an instance."""
    buffer = io.BytesIO()
    syntax = instance.file_meta.TransferSyntaxUID
    if syntax.is_private or syntax not in _KNOWN_TO_WRITER:
        # pydicom writes the data set of every encapsulated syntax alike.
        instance.save_as(buffer, enforce_file_format=True, implicit_vr=False, little_endian=True)
    else:
        instance.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def dataset_bytes(instance: Dataset) -> bytes:
    """The data set alone, as C-STORE transmits it."""
    return split(part10(instance))[1]


def split(file: bytes) -> tuple[bytes, bytes]:
    """Head (preamble, prefix, File Meta) and data set of a Part 10 file."""
    group_length = int.from_bytes(file[140:144], "little")
    return file[: 144 + group_length], file[144 + group_length :]


def write(folder: Path, instance: Dataset) -> Path:
    path = folder / f"{instance.SOPInstanceUID}.dcm"
    path.write_bytes(part10(instance))
    return path


_KNOWN_TO_WRITER = {
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.2",
}
