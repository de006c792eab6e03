"""Instances whose frames lie in every way there is, and what their frames are."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.uid import (
    MPEG4HP41,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from tests.conformance.multipart import parts
from tests.instances import a_dataset, part10
from tests.served_dicomweb import ServedDicomWeb

ROOT = "1.2.826.0.1.3680043.10.9"
OCTETS = "application/octet-stream"
MULTIPART = "multipart/related; type="
LITTLE = f"transfer-syntax={ExplicitVRLittleEndian}"
JP2_SYNTAX = f"transfer-syntax={JPEG2000Lossless}"
STORED = f'multipart/related; type="{OCTETS}"; transfer-syntax=*'
WORDS = np.arange(5 * 3 * 4, dtype="<u2").reshape(5, 3, 4)
CODESTREAMS = [bytes([0xFF, 0x4F, n]) * (7 + n) for n in range(5)]


def uids(number: int) -> dict[str, str]:
    return {
        "StudyInstanceUID": f"{ROOT}.{number}",
        "SeriesInstanceUID": f"{ROOT}.{number}.1",
        "SOPInstanceUID": f"{ROOT}.{number}.1.1",
    }


def path(number: int, frames: str = "1", surface: str = "/dicom-web") -> str:
    uid = f"{ROOT}.{number}"
    return f"{surface}/studies/{uid}/series/{uid}.1/instances/{uid}.1.1/frames/{frames}"


def words_in(syntax: str, number: int) -> bytes:
    samples = WORDS.astype(">u2") if syntax == ExplicitVRBigEndian else WORDS
    dataset = a_dataset(
        **uids(number), Rows=3, Columns=4, NumberOfFrames=5, BitsAllocated=16, BitsStored=16,
        HighBit=15, PixelRepresentation=0, PhotometricInterpretation="MONOCHROME2",
        PixelData=samples.tobytes(),
    )  # fmt: skip
    dataset["PixelData"].VR = "OW"
    return part10(dataset, syntax)


def encapsulated(syntax: str, number: int, pixels: bytes, frames: int = 5, **more: Any) -> bytes:
    dataset = a_dataset(
        **uids(number), Rows=3, Columns=4, NumberOfFrames=frames, BitsStored=8, HighBit=7,
        PixelRepresentation=0, PhotometricInterpretation="MONOCHROME2", PixelData=pixels, **more,
    )  # fmt: skip
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    return part10(dataset, syntax)


def fragmented(per_frame: int) -> bytes:
    """Several fragments a frame, told apart by the Basic Offset Table."""
    return encapsulate(CODESTREAMS, fragments_per_frame=per_frame, has_bot=True)


def bits(number: int) -> bytes:
    """Three frames of 3 x 3 bits: none but the first begins on a byte."""
    packed = np.packbits(BITS.ravel(), bitorder="little").tobytes()
    dataset = a_dataset(
        **uids(number), Rows=3, Columns=3, NumberOfFrames=3, BitsAllocated=1, BitsStored=1,
        HighBit=0, PixelRepresentation=0, PhotometricInterpretation="MONOCHROME2",
        PixelData=packed + bytes(len(packed) % 2),
    )  # fmt: skip
    dataset["PixelData"].VR = "OB"
    return part10(dataset)


BITS = np.array([[1, 1, 0, 1, 0, 0, 1, 0, 1], [0, 1, 1, 1, 0, 1, 0, 0, 1], [1] * 9], np.uint8)
EXTENDED, EOT_OFFSETS, _ = encapsulate_extended(CODESTREAMS)
EOT_LENGTHS = struct.pack("<5Q", *map(len, CODESTREAMS))
EXPLICIT, IMPLICIT, DEFLATED, BIG_ENDIAN, NO_PIXELS, BIT_FRAMES, UNKNOWN = range(1, 8)
WITH_BOT, WITHOUT_BOT, MANY_FRAGMENTS, WITH_EOT, JPEG_LS, VIDEO, RLE, JPEG = range(10, 18)
LARGE, ODD_BYTES_BIG_ENDIAN = 20, 21
LARGE_FRAME = 6 << 20


def odd_big_endian(number: int) -> bytes:
    """Frames of 9 bytes in words of 16 bits, whose bytes are swapped (PS3.5 A.3)."""
    data = bytes(range(1, 19))
    swapped = b"".join(data[n + 1 : n + 2] + data[n : n + 1] for n in range(0, 18, 2))
    dataset = a_dataset(
        **uids(number), Rows=3, Columns=3, NumberOfFrames=2, BitsStored=8, HighBit=7,
        PixelRepresentation=0, PhotometricInterpretation="MONOCHROME2", PixelData=swapped,
    )  # fmt: skip
    dataset["PixelData"].VR = "OW"
    return part10(dataset, ExplicitVRBigEndian)


def large(number: int) -> bytes:
    frame = np.arange(LARGE_FRAME // 4, dtype="<u4").tobytes()
    dataset = a_dataset(
        **uids(number), Rows=1024, Columns=LARGE_FRAME // 1024, NumberOfFrames=2, BitsStored=8,
        PixelData=frame + frame[::-1],
    )  # fmt: skip
    return part10(dataset)


INSTANCES = (
    words_in(ExplicitVRLittleEndian, EXPLICIT),
    words_in(ImplicitVRLittleEndian, IMPLICIT),
    words_in(DeflatedExplicitVRLittleEndian, DEFLATED),
    words_in(ExplicitVRBigEndian, BIG_ENDIAN),
    part10(a_dataset(**uids(NO_PIXELS))),
    bits(BIT_FRAMES),
    encapsulated(JPEG2000Lossless, UNKNOWN, encapsulate(CODESTREAMS[:2], has_bot=False)),
    encapsulated(JPEG2000Lossless, WITH_BOT, encapsulate(CODESTREAMS)),
    encapsulated(JPEG2000Lossless, WITHOUT_BOT, encapsulate(CODESTREAMS, has_bot=False)),
    encapsulated(JPEG2000Lossless, MANY_FRAGMENTS, fragmented(2)),
    encapsulated(
        JPEG2000Lossless, WITH_EOT, EXTENDED,
        ExtendedOffsetTable=EOT_OFFSETS, ExtendedOffsetTableLengths=EOT_LENGTHS,
    ),
    encapsulated(JPEGLSLossless, JPEG_LS, encapsulate(CODESTREAMS)),
    encapsulated(MPEG4HP41, VIDEO, encapsulate([b"video " * 4]), frames=200),
    encapsulated(RLELossless, RLE, encapsulate(CODESTREAMS)),
    encapsulated(JPEGBaseline8Bit, JPEG, encapsulate(CODESTREAMS)),
    large(LARGE),
    odd_big_endian(ODD_BYTES_BIG_ENDIAN),
)  # fmt: skip


def frames_of(response: httpx.Response) -> list[bytes]:
    assert response.status_code == 200, response.text
    return [body for _, body in parts(response)]


def padded(codestream: bytes) -> bytes:
    return codestream + bytes(len(codestream) % 2)


def part_types(response: httpx.Response) -> set[str]:
    return {head["Content-Type"] for head, _ in parts(response)}


@contextmanager
def served(folder: Path) -> Iterator[ServedDicomWeb]:
    """A server that holds all of them."""
    with ServedDicomWeb(folder, retrieve={"frames_per_request": 50}) as server:
        server.keep(*INSTANCES)
        yield server
