"""Small synthetic instances as Part 10 files, readable where they are made."""

import io
import itertools
from typing import Any, Final

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

_NUMBERS: Final = itertools.count(1)
STUDY: Final = "1.2.826.0.1.3680043.10.1.1"
SERIES: Final = f"{STUDY}.1"


def new_sop_instance_uid() -> str:
    """A UID no other instance of this process has."""
    return f"{SERIES}.{next(_NUMBERS)}"


def a_dataset(**elements: Any) -> Dataset:
    """A CT instance of one study; `elements` by keyword replace, None removes."""
    values: dict[str, Any] = {
        "SOPClassUID": CTImageStorage,
        "SOPInstanceUID": new_sop_instance_uid(),
        "StudyDate": "20240229",
        "Modality": "CT",
        "PatientName": "Phantom^Test",
        "PatientID": "P-1",
        "StudyInstanceUID": STUDY,
        "SeriesInstanceUID": SERIES,
        "Rows": 1,
        "Columns": 1,
        "BitsAllocated": 8,
        "SamplesPerPixel": 1,
    } | elements
    dataset = Dataset()
    for keyword, value in values.items():
        if value is not None:
            setattr(dataset, keyword, value)
    return dataset


def part10(dataset: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    """The data set as a DICOM file."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
    dataset.file_meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID", CTImageStorage)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", "1.2.3")
    file = io.BytesIO()
    pydicom.dcmwrite(file, dataset, enforce_file_format=True)
    return file.getvalue()


def an_instance(size_bytes: int = 0, **elements: Any) -> bytes:
    """A DICOM file, with so much pixel data that it has at least `size_bytes`."""
    if size_bytes:
        elements["PixelData"] = bytes(size_bytes + size_bytes % 2)
    return part10(a_dataset(**elements))


def a_multipart(*instances: bytes, boundary: str = "B", content_type: str = "") -> bytes:
    """A multipart/related body of parts of type application/dicom."""
    head = f"--{boundary}\r\nContent-Type: {content_type or 'application/dicom'}\r\n\r\n".encode()
    parts = b"".join(head + instance + b"\r\n" for instance in instances)
    return parts + f"--{boundary}--\r\n".encode()
