"""A small instance of the planted patient."""

import io

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from tests.phi import PATIENT


def a_planted_instance(study: str, number: int = 1) -> bytes:
    """A Part 10 file without pixel data whose attributes name `PATIENT` wherever they can."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = MRImageStorage
    dataset.SOPInstanceUID = f"{study}.1.{number}"
    dataset.StudyInstanceUID = study
    dataset.SeriesInstanceUID = f"{study}.1"
    dataset.Modality = "MR"
    dataset.PatientName = PATIENT.patient_name
    dataset.PatientID = PATIENT.patient_id
    dataset.PatientBirthDate = PATIENT.birth_date
    dataset.AccessionNumber = PATIENT.accession_number
    dataset.ImageComments = PATIENT.comment
    dataset.ReferringPhysicianName = PATIENT.patient_name
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
