"""Re-encoding uncompressed instances as Explicit VR Little Endian (PS3.5 Annex A).

The header is re-encoded by pydicom; native pixel data only changes its byte order, so that it
can be streamed by whoever holds the bytes.
"""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.errors import BytesLengthException
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset, write_file_meta_info
from pydicom.uid import UID

from hilum.dicom.transfer_syntaxes import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    encoding_of,
)
from hilum.domain.implementation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME

CONVERTIBLE: Final = frozenset(
    {IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_BIG_ENDIAN, DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN}
)

_PREAMBLE_BYTES: Final = 128
_PREFIX: Final = b"DICM"
_UNDEFINED_LENGTH: Final = 0xFFFFFFFF
_PIXEL_TAGS: Final = {0x7FE00008: ("OF", 4), 0x7FE00009: ("OD", 8), 0x7FE00010: ("OW", 2)}
# Values pydicom keeps as bytes, and the width of their numbers (PS3.5 section 6.2).
_SWAPPED_VRS: Final = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}
# What pydicom and the codecs below it raise over damaged elements.
_READING_ERRORS: Final = (
    ArithmeticError,
    AttributeError,
    BytesLengthException,
    EOFError,
    LookupError,
    NotImplementedError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)

_T = TypeVar("_T")


class NotConvertible(Exception):
    """An instance that cannot be re-encoded, though it can still be given as stored."""


class NeedsMore(Exception):
    """The bytes at hand end before the pixel data begins."""


@dataclass(frozen=True, slots=True)
class FileMetaUIDs:
    """What file meta information says of an instance that came without it."""

    sop_class_uid: str
    sop_instance_uid: str


@dataclass(frozen=True, slots=True)
class SplitAtPixels:
    """A re-encoded header, and where in the source its pixel data lies."""

    head: bytes
    """Preamble, file meta, data set up to and with the tag, VR and length of the pixel data."""
    pixel_offset: int
    pixel_length: int
    """0 when there is no pixel data; `pixel_offset` is then the end of the source."""
    swap_unit: int
    """Width in bytes of the numbers whose order has to be reversed; 1 when none has."""


class _Source(io.BytesIO):
    """The first bytes of an instance, or the whole of it: a value that is cut short is an error.

    pydicom would take what is there and go on.
    """

    def __init__(self, data: bytes, *, whole: bool) -> None:
        super().__init__(data)
        self._whole = whole

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        if size is not None and 0 <= size == len(data):
            return data
        if not self._whole:
            raise NeedsMore
        if data:
            message = "the data set ends inside an element"
            raise NotConvertible(message)
        return data


@dataclass(frozen=True, slots=True)
class PixelElement:
    """The element with the pixel data, whose value follows at `offset` of what was read."""

    tag: int
    vr: str
    length: int | None
    """None: encapsulated, up to a delimiter."""
    offset: int
    unit: int
    """Width in bytes of the numbers its VR speaks of."""


@dataclass(frozen=True, slots=True)
class UpToPixels:
    """A data set up to its pixel data, which may be changed before it is written anew."""

    dataset: Dataset
    is_little_endian: bool
    pixels: PixelElement | None
    """None: there is no pixel data, and this is the whole data set."""


def read_up_to_pixels(source: bytes, transfer_syntax_uid: str, *, whole: bool) -> UpToPixels:
    """Read a data set up to its pixel data. `source` is its beginning, or the `whole` of it.

    Raises `NeedsMore` when `source` is too short, `NotConvertible`.
    """
    is_implicit, is_little_endian, _ = encoding_of(transfer_syntax_uid)
    stream = _Source(source, whole=whole)
    dataset = guarded(
        lambda: read_dataset(
            stream,
            is_implicit,
            is_little_endian,
            stop_when=lambda tag, _vr, _length: tag in _PIXEL_TAGS,
        )
    )
    pixels = None
    if stream.tell() < len(source):
        pixels = _pixel_element(stream, is_implicit, is_little_endian)
    return UpToPixels(dataset, is_little_endian, pixels)


def split_at_pixels(
    source: bytes, dataset_offset: int, transfer_syntax_uid: str, uids: FileMetaUIDs, whole: bool
) -> SplitAtPixels:
    """Re-encode everything before the pixel data of an implicit or big endian source.

    `source` is the beginning of the instance, or the `whole` of it.

    Raises `NeedsMore` when `source` is too short, `NotConvertible`.
    """
    read = read_up_to_pixels(source[dataset_offset:], transfer_syntax_uid, whole=whole)
    head = file_meta(source[:dataset_offset], uids, EXPLICIT_VR_LITTLE_ENDIAN)
    head += explicit(read.dataset, read.is_little_endian)
    element = read.pixels
    if element is None:
        return SplitAtPixels(head, len(source), 0, 1)
    if element.length is None:
        message = "pixel data of an uncompressed syntax has no length"
        raise NotConvertible(message)
    head += struct.pack(
        "<HH2sHI", element.tag >> 16, element.tag & 0xFFFF, element.vr.encode(), 0, element.length
    )
    unit = 1 if read.is_little_endian else _swap_unit(read.dataset, element)
    return SplitAtPixels(head, dataset_offset + element.offset, element.length, unit)


def convert_elements(source: bytes, transfer_syntax_uid: str) -> bytes:
    """Re-encode whole elements, such as those after the pixel data. Raises `NotConvertible`."""
    encoding = encoding_of(transfer_syntax_uid)
    stream = _Source(source, whole=True)
    dataset = guarded(lambda: read_dataset(stream, encoding.is_implicit, encoding.is_little_endian))
    return explicit(dataset, encoding.is_little_endian)


def inflate_to_explicit(
    source: bytes, dataset_offset: int, uids: FileMetaUIDs, maximum_bytes: int
) -> tuple[bytes, bytes]:
    """Return file meta and data set of a deflated instance: it is explicit little endian inside.

    Raises `NotConvertible`, for a data set above `maximum_bytes`, too.
    """
    inflater = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    dataset = guarded(
        lambda: inflater.decompress(memoryview(source)[dataset_offset:], maximum_bytes)
    )
    if not inflater.eof:
        message = "the deflated data set is damaged, or longer than is inflated here"
        raise NotConvertible(message)
    head = file_meta(source[:dataset_offset], uids, EXPLICIT_VR_LITTLE_ENDIAN)
    return head, dataset


def explicit(dataset: Dataset, from_little_endian: bool) -> bytes:
    """Write a data set in Explicit VR Little Endian. Raises `NotConvertible`."""

    def write() -> bytes:
        if not from_little_endian:
            _swap_values(dataset)
        buffer = DicomBytesIO()
        buffer.is_implicit_VR = False
        buffer.is_little_endian = True
        write_dataset(buffer, dataset)
        return bytes(buffer.getvalue())

    return guarded(write)


def file_meta(
    head: bytes, uids: FileMetaUIDs, transfer_syntax_uid: str, renamed_to: str | None = None
) -> bytes:
    """Write an empty preamble, and file meta information as stored but for what has changed.

    That are the transfer syntax, the writer of the file (PS3.10 7.1), and the instance's UID when
    it was `renamed_to` another. A preamble would lie: the header of a TIFF in it tells where the
    pixels of the stored file are. Raises `NotConvertible`.
    """

    def rewrite() -> bytes:
        start = _PREAMBLE_BYTES + len(_PREFIX)
        is_there = head[_PREAMBLE_BYTES:start] == _PREFIX
        elements = head[start:] if is_there else head
        meta = FileMetaDataset(read_dataset(io.BytesIO(elements), False, True))
        meta.TransferSyntaxUID = UID(transfer_syntax_uid)
        if not meta.get("MediaStorageSOPClassUID"):
            meta.MediaStorageSOPClassUID = UID(uids.sop_class_uid)
        if not meta.get("MediaStorageSOPInstanceUID"):
            meta.MediaStorageSOPInstanceUID = UID(uids.sop_instance_uid)
        if renamed_to is not None:
            meta.MediaStorageSOPInstanceUID = UID(renamed_to)
        meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
        meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
        buffer = DicomBytesIO()
        write_file_meta_info(buffer, meta, enforce_standard=True)
        return bytes(_PREAMBLE_BYTES) + _PREFIX + bytes(buffer.getvalue())

    return guarded(rewrite)


def swap_bytes(data: bytes, unit: int) -> tuple[bytes, bytes]:
    """Reverse the byte order of numbers of `unit` bytes; the second result is what is left over."""
    usable = len(data) - len(data) % unit
    numbers = np.frombuffer(data, dtype=f"u{unit}", count=usable // unit)
    return numbers.byteswap().tobytes(), data[usable:]


def _pixel_element(stream: io.BytesIO, is_implicit: bool, is_little_endian: bool) -> PixelElement:
    """Read tag, VR and length of the pixel data."""
    order = "<" if is_little_endian else ">"
    group, element = struct.unpack(f"{order}HH", stream.read(4))
    tag = group << 16 | element
    vr, unit = _PIXEL_TAGS[tag]
    if not is_implicit:
        declared = stream.read(2).decode("latin-1")
        stream.read(2)
        if declared == "OB":
            vr, unit = declared, 1
        elif declared != vr:
            message = f"pixel data has VR {declared!r}"
            raise NotConvertible(message)
    (length,) = struct.unpack(f"{order}I", stream.read(4))
    value = None if length == _UNDEFINED_LENGTH else length
    return PixelElement(tag, vr, value, stream.tell(), unit)


def _swap_unit(dataset: Dataset, element: PixelElement) -> int:
    """Width of a pixel: writers swap whole pixels, also where the VR speaks of 16 bit words."""
    allocated = dataset.get("BitsAllocated", 0)
    if element.unit > 1 and allocated in {32, 64}:
        return int(allocated) // 8
    return element.unit


def _swap_values(dataset: Dataset) -> None:
    for element in dataset.iterall():
        unit = _SWAPPED_VRS.get(element.VR)
        if unit is not None and isinstance(element.value, bytes):
            whole, rest = swap_bytes(element.value, unit)
            element.value = whole + rest


def guarded(work: Callable[[], _T]) -> _T:
    """Do what pydicom may fail at over damaged elements. Raises `NotConvertible`."""
    try:
        return work()
    except _READING_ERRORS as error:
        # The message of pydicom may hold a value: it must not travel.
        message = f"pydicom cannot re-encode it ({type(error).__name__})"
        raise NotConvertible(message) from None
