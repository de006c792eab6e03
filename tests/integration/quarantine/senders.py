"""Modalities that send what is wrong."""

import asyncio
import io
import warnings
from collections.abc import Sequence

import pydicom
from pydicom import config
from pydicom.data import get_testdata_file
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from pynetdicom import AE

from hilum.bootstrap.serving import Serving


def a_faulty_ct(**absent_or_bad: bytes | None) -> Dataset:
    """pydicom's small CT; each attribute by keyword is absent (None) or has these bytes."""
    path = get_testdata_file("CT_small.dcm")
    assert isinstance(path, str)
    dataset = pydicom.dcmread(path)
    for keyword, value in absent_or_bad.items():
        tag = Tag(keyword)
        vr = dataset[tag].VR
        del dataset[tag]
        if value is not None:
            even = value + (b"\0" if vr == "UI" else b" ") * (len(value) % 2)
            dataset[tag] = RawDataElement(tag, vr, len(even), even, 0, False, True)
    return dataset


def part10(dataset: Dataset) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings(), config.disable_value_validation():
        warnings.simplefilter("ignore")
        dataset.save_as(buffer, enforce_file_format=False)
    return buffer.getvalue()


async def send(serving: Serving, *datasets: Dataset) -> Sequence[int]:
    """Send by C-STORE; the statuses."""
    return await asyncio.to_thread(_send, serving, datasets)


def _send(serving: Serving, datasets: Sequence[Dataset]) -> Sequence[int]:
    assert serving.dimse is not None
    ae = AE("MODALITY")
    ae.add_requested_context(CTImageStorage, ExplicitVRLittleEndian)
    association = ae.associate("127.0.0.1", serving.dimse.port)
    assert association.is_established
    try:
        with warnings.catch_warnings(), config.disable_value_validation():
            warnings.simplefilter("ignore")
            return [association.send_c_store(dataset).Status for dataset in datasets]
    finally:
        association.release()
