"""Data sets as they are shown: what the reader makes of them, and what DCMTK draws."""

import io
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

from hilum.dicom.display_facts import display_of
from hilum.dicom.elements import ElementPath
from hilum.dicom.header import read_header
from hilum.dicom.lookup_tables import BulkReader
from hilum.dicom.memo import Memo
from hilum.domain.presentation import Display, PictureType, Rendering
from hilum.imaging.placing import PictureLimits
from hilum.imaging.presenting import picture_of
from tests.instances import a_dataset, part10
from tests.unit.imaging.oracle import BIG, ROOM, frames_of

LIMITS = PictureLimits(frame_bytes=ROOM, picture_pixels=1 << 24)
PNG = Rendering(PictureType.PNG)


def an_image(values: "np.ndarray[Any, Any]", **elements: Any) -> Dataset:
    """A data set with the given stored values; grey, or RGB when they have three samples."""
    bits = values.dtype.itemsize * 8
    is_colour = values.ndim == 3
    described: dict[str, Any] = {
        "SOPClassUID": SecondaryCaptureImageStorage,
        "Rows": values.shape[0],
        "Columns": values.shape[1],
        "SamplesPerPixel": 3 if is_colour else 1,
        "PlanarConfiguration": 0 if is_colour else None,
        "PhotometricInterpretation": "RGB" if is_colour else "MONOCHROME2",
        "BitsAllocated": bits,
        "BitsStored": bits,
        "HighBit": bits - 1,
        "PixelRepresentation": int(values.dtype.kind == "i"),
    }
    dataset = a_dataset(**(described | elements))
    data = values.astype(values.dtype.newbyteorder("<")).tobytes()
    dataset.PixelData = data + b"\0" * (len(data) % 2)
    dataset["PixelData"].VR = "OW" if bits > 8 else "OB"
    return dataset


def a_table(entries: "np.ndarray[Any, Any]", first: int, bits: int) -> Dataset:
    """An item of a LUT sequence."""
    item = Dataset()
    item.add_new(0x00283002, "SS", [len(entries), first, bits])
    item.add_new(0x00283006, "OW", entries.astype("<u2").tobytes())
    return item


def json_of(part_10: bytes) -> tuple[dict[str, Any], BulkReader]:
    """The DICOM JSON of a file, and its bulk values in little endian."""
    header = read_header(part_10, memo=Memo())
    places = {element.path: element for element in header.bulk}
    is_big = (
        pydicom.dcmread(io.BytesIO(part_10), force=True).file_meta.get("TransferSyntaxUID") == BIG
    )

    def bulk(path: ElementPath) -> bytes | None:
        found = places.get(path)
        if found is None or found.length is None:
            return None
        data = part_10[found.offset : found.offset + found.length]
        if is_big and found.vr == "OW":
            return np.frombuffer(data, ">u2").astype("<u2").tobytes()
        return data

    return json.loads(header.json), bulk


def display_in(part_10: bytes, frame: int = 0) -> Display:
    """What a file says about how its frame is shown."""
    dataset, bulk = json_of(part_10)
    return display_of(dataset, frame, bulk)


def picture(
    dataset: Dataset, rendering: Rendering = PNG, limits: PictureLimits = LIMITS
) -> "np.ndarray[Any, Any]":
    """The first frame of a data set as it is drawn."""
    file = part10(dataset)
    read = pydicom.dcmread(io.BytesIO(file))
    return picture_of(next(frames_of(read)), display_in(file), rendering, limits)


def by_dcmtk(file: Path, *options: str) -> "np.ndarray[Any, Any] | None":
    """The first frame as `dcmj2pnm` draws it; None when it does not read the file."""
    command = ["dcmj2pnm", "-q", *options, str(file)]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    if done.returncode or not done.stdout:
        return None
    return np.asarray(Image.open(io.BytesIO(done.stdout)))
