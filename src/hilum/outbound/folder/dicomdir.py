"""A DICOMDIR over exported files (PS3.3 annex F), by pydicom from their headers alone.

pydicom's `FileSet` copies whole instances as it would write them; here it only gets what the
directory records need, so that the files themselves stay byte for byte.
"""

import io
import tempfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.fileset import FileSet
from pydicom.uid import UID, generate_uid

from hilum.domain.records import InstanceRecord

_NEEDED: Final = (
    "SpecificCharacterSet PatientName PatientID StudyDate StudyTime StudyDescription StudyID "
    "AccessionNumber StudyInstanceUID Modality SeriesInstanceUID SeriesNumber InstanceNumber "
    "SOPClassUID SOPInstanceUID ImageType ContentDate ContentTime NumberOfFrames Rows Columns "
    "DataPointRows DataPointColumns DoseSummationType StructureSetLabel StructureSetDate "
    "StructureSetTime RTPlanLabel RTPlanDate RTPlanTime TreatmentDate TreatmentTime ContentLabel "
    "ContentDescription ContentCreatorName PresentationCreationDate PresentationCreationTime "
    "CompletionFlag VerificationFlag VerificationDateTime ConceptNameCodeSequence DocumentTitle "
    "MIMETypeOfEncapsulatedDocument HL7InstanceIdentifier ReferencedSeriesSequence "
    "BlendingSequence ContentSequence ReferencedImageEvidenceSequence"
).split()

_INVENTED: Final = {
    "PatientID": "UNKNOWN",
    "StudyDate": "19000101",
    "StudyTime": "000000",
    "StudyID": "1",
    "Modality": "OT",
    "SeriesNumber": "1",
    "ContentDate": "19000101",
    "ContentTime": "000000",
}
"""Type 1 keys of directory records that real instances lack; only the DICOMDIR is told so."""


class NotInDicomdir(Exception):
    """An instance that no directory record can be made for."""


@dataclass(slots=True)
class DicomdirBuilder:
    """Collects headers, then names the files and writes the DICOMDIR."""

    _files: FileSet = field(default_factory=FileSet)
    _number: int = 0

    def add(self, record: InstanceRecord, content: bytes | Path) -> None:
        """Note one instance. Raises `NotInDicomdir` when it cannot be in a DICOMDIR."""
        try:
            header = self._header(record, content)
            self._files.add(header)
        except (ValueError, TypeError, AttributeError, KeyError, EOFError) as error:
            message = f"no directory record can be made for it ({type(error).__name__})"
            raise NotInDicomdir(message) from error

    def names(self) -> dict[str, PurePosixPath]:
        """Return the File ID of each instance by SOP Instance UID: names of eight characters."""
        return {
            str(instance.SOPInstanceUID): PurePosixPath(*Path(instance.FileID).parts)
            for instance in self._files
        }

    def write(self, path: Path) -> None:
        """Write the DICOMDIR to `path`."""
        with tempfile.TemporaryDirectory(dir=path.parent) as root:
            self._files.write(root)
            (Path(root) / "DICOMDIR").rename(path)

    def _header(self, record: InstanceRecord, content: bytes | Path) -> Dataset:
        source = content if isinstance(content, Path) else io.BytesIO(content)
        read = pydicom.dcmread(
            source, stop_before_pixels=True, force=True, specific_tags=list(_NEEDED)
        )
        header = Dataset()
        header.update({element.tag: element for element in read})
        self._number += 1
        for keyword, value in _INVENTED.items():
            if not header.get(keyword):
                setattr(header, keyword, value)
        if not header.get("InstanceNumber"):
            header.InstanceNumber = self._number
        header.file_meta = FileMetaDataset()
        header.file_meta.TransferSyntaxUID = UID(record.transfer_syntax_uid)
        header.file_meta.MediaStorageSOPClassUID = UID(record.sop_class_uid)
        header.file_meta.MediaStorageSOPInstanceUID = UID(record.uids.sop_instance)
        header.file_meta.ImplementationClassUID = generate_uid(entropy_srcs=["hilum export"])
        return header
