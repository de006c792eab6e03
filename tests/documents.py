"""Instances that are no images: encapsulated documents, and video in fragments."""

import io
from collections.abc import Sequence

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

MPEG2 = UID("1.2.840.10008.1.2.4.100")
H264 = UID("1.2.840.10008.1.2.4.102")
HEVC = UID("1.2.840.10008.1.2.4.107")
PDF_CLASS = "1.2.840.10008.5.1.4.1.1.104.1"
CDA_CLASS = "1.2.840.10008.5.1.4.1.1.104.2"
STL_CLASS = "1.2.840.10008.5.1.4.1.1.104.3"
A_PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF"
MP4 = b"\0\0\0\x18ftypisom\0\0\2\0isommp42" + b"\0\0\x40\0mdat" + bytes(range(256)) * 63
TRANSPORT = (b"\x47" + bytes(187)) * 40
PROGRAM = b"\0\0\x01\xba" + bytes(range(200))
ANNEX_B = b"\0\0\0\x01\x67" + bytes(range(200))


def _instance(sop_class: str, syntax: UID) -> Dataset:
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = syntax
    made.SOPClassUID, made.SOPInstanceUID = UID(sop_class), generate_uid()
    made.StudyInstanceUID, made.SeriesInstanceUID = generate_uid(), generate_uid()
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    made.PatientName, made.PatientID, made.Modality = "Muster^Max", "PAT-7", "OT"
    return made


def encapsulated(
    document: bytes,
    media_type: str | None = "application/pdf",
    *,
    sop_class: str = PDF_CLASS,
    says_length: bool = False,
    syntax: UID = ExplicitVRLittleEndian,
) -> Dataset:
    """A document, padded to an even length as PS3.5 wants it."""
    made = _instance(sop_class, syntax)
    made.DocumentTitle = "Findings"
    made.EncapsulatedDocument = document + b"\0" * (len(document) % 2)
    made["EncapsulatedDocument"].VR = "OB"
    if media_type is not None:
        made.MIMETypeOfEncapsulatedDocument = media_type
    if says_length:
        made.EncapsulatedDocumentLength = len(document)
    return made


def video(stream: bytes, syntax: UID = H264, *, fragments: int = 1, frames: int = 50) -> Dataset:
    """A stream in fragments; as long as it has more frames than those, none can be told apart."""
    made = _instance("1.2.840.10008.5.1.4.1.1.77.1.1.1", syntax)
    made.Rows, made.Columns, made.SamplesPerPixel = 48, 64, 3
    made.PhotometricInterpretation, made.PlanarConfiguration = "YBR_PARTIAL_420", 0
    made.BitsAllocated = made.BitsStored = 8
    made.HighBit, made.PixelRepresentation = 7, 0
    made.NumberOfFrames = frames
    made.PixelData = encapsulate(_cut(stream, fragments), has_bot=False)
    made["PixelData"].VR = "OB"
    made["PixelData"].is_undefined_length = True
    return made


def _cut(stream: bytes, fragments: int) -> Sequence[bytes]:
    size = len(stream) // fragments // 2 * 2
    cuts = [stream[at * size : (at + 1) * size] for at in range(fragments - 1)]
    return [*cuts, stream[(fragments - 1) * size :]]


def part10(dataset: Dataset) -> bytes:
    written = io.BytesIO()
    dataset.save_as(written, enforce_file_format=True)
    return written.getvalue()


def rendered_path(dataset: Dataset, surface: str = "/dicom-web") -> str:
    return (
        f"{surface}/studies/{dataset.StudyInstanceUID}/series/{dataset.SeriesInstanceUID}"
        f"/instances/{dataset.SOPInstanceUID}/rendered"
    )
