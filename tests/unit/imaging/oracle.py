"""Frames of files as `hilum.imaging` takes them, and what independent decoders make of them."""

import io
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels import get_decoder
from pydicom.uid import UID

from hilum.domain.identifiers import TransferSyntaxUID
from hilum.domain.images import EncodedFrame, ImagePixels
from tests.corpus import corpus

LITTLE = TransferSyntaxUID("1.2.840.10008.1.2.1")
BIG = TransferSyntaxUID("1.2.840.10008.1.2.2")
DEFLATED_FRAME = TransferSyntaxUID("1.2.840.10008.1.2.8.1")
RLE = TransferSyntaxUID("1.2.840.10008.1.2.5")
JPEG_BASELINE = TransferSyntaxUID("1.2.840.10008.1.2.4.50")
JPEG_EXTENDED = TransferSyntaxUID("1.2.840.10008.1.2.4.51")
JPEG_LOSSLESS = TransferSyntaxUID("1.2.840.10008.1.2.4.70")
JPEG_LS = TransferSyntaxUID("1.2.840.10008.1.2.4.80")
JPEG_LS_NEAR = TransferSyntaxUID("1.2.840.10008.1.2.4.81")
JPEG_2000 = TransferSyntaxUID("1.2.840.10008.1.2.4.90")
JPEG_2000_LOSSY = TransferSyntaxUID("1.2.840.10008.1.2.4.91")
HTJ2K = TransferSyntaxUID("1.2.840.10008.1.2.4.201")
HTJ2K_RPCL = TransferSyntaxUID("1.2.840.10008.1.2.4.202")
LOSSLESS = (
    LITTLE,
    DEFLATED_FRAME,
    RLE,
    JPEG_LOSSLESS,
    JPEG_LS,
    JPEG_2000,
    HTJ2K,
    HTJ2K_RPCL,
)
LOSSY = (JPEG_BASELINE, JPEG_EXTENDED, JPEG_LS_NEAR, JPEG_2000_LOSSY)
ROOM = 1 << 28
FRAMES_OF_A_FILE = 3


def pixels_of(dataset: pydicom.Dataset) -> ImagePixels:
    """Describe the pixels of a data set."""
    meta = getattr(dataset, "file_meta", None) or {}
    uid = meta.get("TransferSyntaxUID") or "1.2.840.10008.1.2"
    is_big_words = uid == BIG and dataset["PixelData"].VR == "OW"
    return ImagePixels(
        transfer_syntax_uid=TransferSyntaxUID(str(uid)),
        rows=dataset.Rows,
        columns=dataset.Columns,
        samples_per_pixel=dataset.SamplesPerPixel,
        photometric_interpretation=dataset.PhotometricInterpretation,
        bits_allocated=dataset.BitsAllocated,
        bits_stored=dataset.BitsStored,
        high_bit=dataset.HighBit,
        is_signed=dataset.PixelRepresentation == 1,
        planar_configuration=dataset.get("PlanarConfiguration") or 0,
        has_words=is_big_words,
    )


def frames_of(dataset: pydicom.Dataset, most: int = FRAMES_OF_A_FILE) -> Iterator[EncodedFrame]:
    """The first frames of a data set as they are stored."""
    pixels = pixels_of(dataset)
    number = int(dataset.get("NumberOfFrames") or 1)
    if UID(pixels.transfer_syntax_uid).is_encapsulated:
        for at, data in enumerate(generate_frames(dataset.PixelData, number_of_frames=number)):
            if at == most:
                return
            yield EncodedFrame(pixels, data)
        return
    parts = (2, 3) if pixels.photometric_interpretation.endswith("_422") else (1, 1)
    samples = pixels.rows * pixels.columns * pixels.samples_per_pixel
    bits = samples * pixels.bits_allocated * parts[0] // parts[1]
    for at in range(min(number, most)):
        first, stop = at * bits // 8, -((at + 1) * bits // -8)
        offset = at * bits % 8
        if pixels.has_words and pixels.bits_allocated <= 8:
            offset += first % 2 * 8
            first, stop = first - first % 2, stop + stop % 2
        yield EncodedFrame(pixels, dataset.PixelData[first:stop], offset)


@cache
def images() -> tuple[tuple[Path, FileDataset], ...]:
    """Every file of the corpus that describes an image and has its pixels."""
    found = []
    for path in corpus():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                dataset = pydicom.dcmread(path, force=True)
                usable = "PixelData" in dataset and dataset.Rows * dataset.BitsAllocated > 0
            except Exception:  # noqa: BLE001 - the corpus holds broken files
                continue
            if usable:
                found.append((path, dataset))
    return tuple(found)


def by_pydicom(frame: EncodedFrame, plugin: str = "") -> np.ndarray[Any, Any]:
    """Decode a frame with pydicom: JPEG as RGB, other samples as they are.

    `plugin` is `gdcm`, `pylibjpeg` or `pyjpegls`; empty for whichever takes it.
    """
    pixels = frame.pixels
    uid = UID(pixels.transfer_syntax_uid)
    data = frame.data
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = uid
    if pixels.bits_allocated > 1 and frame.bit_offset:
        raise NotImplementedError
    dataset = FileDataset(io.BytesIO(), {}, file_meta=meta)
    dataset.Rows, dataset.Columns = pixels.rows, pixels.columns
    dataset.SamplesPerPixel = pixels.samples_per_pixel
    dataset.PhotometricInterpretation = pixels.photometric_interpretation
    dataset.BitsAllocated, dataset.BitsStored = pixels.bits_allocated, pixels.bits_stored
    dataset.HighBit = pixels.high_bit
    dataset.PixelRepresentation = int(pixels.is_signed)
    dataset.NumberOfFrames = 1
    if pixels.samples_per_pixel > 1:
        dataset.PlanarConfiguration = pixels.planar_configuration
    if uid.is_encapsulated:
        dataset.PixelData = encapsulate([data])
        dataset["PixelData"].VR = "OB"
    else:
        dataset.PixelData = data + b"\0" * (len(data) % 2)
        dataset["PixelData"].VR = "OW" if pixels.has_words or pixels.bits_allocated > 8 else "OB"
    raw = uid not in {JPEG_BASELINE, JPEG_EXTENDED}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values, _ = get_decoder(uid).as_array(
            dataset, index=0, raw=raw, decoding_plugin=plugin if uid.is_encapsulated else ""
        )
    return np.asarray(values)
