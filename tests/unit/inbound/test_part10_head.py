import io

import pydicom
import pytest

from hilum.domain.implementation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from hilum.inbound.dimse.part10_head import part10_head


@pytest.mark.parametrize("title", ["CT1", "CT12", "SIXTEEN LETTERS!"])
def test_pydicom_reads_every_element_of_the_head(title: str) -> None:
    head = part10_head(
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        sop_instance_uid="1.2.3.45",
        transfer_syntax_uid="1.2.840.10008.1.2.4.90",
        source_ae_title=title,
    )

    meta = pydicom.dcmread(io.BytesIO(head)).file_meta

    assert meta.FileMetaInformationGroupLength == len(head) - 132 - 12
    assert meta.FileMetaInformationVersion == b"\0\1"
    assert meta.MediaStorageSOPClassUID == "1.2.840.10008.5.1.4.1.1.2"
    assert meta.MediaStorageSOPInstanceUID == "1.2.3.45"
    assert meta.TransferSyntaxUID == "1.2.840.10008.1.2.4.90"
    assert meta.ImplementationClassUID == IMPLEMENTATION_CLASS_UID
    assert meta.ImplementationVersionName == IMPLEMENTATION_VERSION_NAME
    assert meta.SourceApplicationEntityTitle == title
    assert len(meta) == 8
