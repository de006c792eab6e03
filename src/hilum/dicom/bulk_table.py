"""Where the bulk values of an instance lie in its bytes, and where in its JSON they are told of."""

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from hilum.dicom.bulk_marks import Comma, number_bytes
from hilum.dicom.elements import BulkElement, ElementPath
from hilum.dicom.header import Header
from hilum.dicom.transfer_syntaxes import encoding_of
from hilum.dicom.vr import PIXEL_DATA_TAGS
from hilum.domain.identifiers import InstanceUIDs

_PLAIN: Final = 0x10
_COMPRESSED: Final = 0x20
_HAS_INLINE: Final = 0x01
"""First byte: how the table is written, and whether values stand in the text."""
_LONGEST_PLAIN: Final = 1024
_HEAD: Final = struct.Struct("<IH")
"""Number of places, length of the address, which follows."""
_ROW: Final = struct.Struct("<IIIqqBB2sH")
"""A segment, and the place behind it but for its path, which follows."""
_LAST: Final = struct.Struct("<III")
_FRAGMENTS: Final = -1
_BITS_ALLOCATED: Final = 0x00280100


class Segment(NamedTuple):
    """A piece of JSON text between two gaps, compressed by itself."""

    size_bytes: int
    """Of the text."""
    deflated_bytes: int
    crc32: int


class BulkPlace(NamedTuple):
    """One bulk value."""

    path: str
    """As URLs write it, see `path_text`."""
    vr: str
    offset: int
    """Byte where the value starts: in the object or, of a deflated data set, in what it inflates
    to."""
    length: int | None
    """None: fragments (PS3.5 A.4), from the head of their first item at `offset` on."""
    swap_unit: int
    """Width of the numbers whose byte order is to be turned; 1 when none is."""
    comma: Comma


PlaceRow = tuple[int, int, int, int, bytes, bytes]
"""Offset, length or -1, swap unit, comma, VR and path of a place."""
Row = tuple[Sequence[int], PlaceRow | None]
"""A segment and the place behind it; behind the last is none."""


@dataclass(frozen=True, slots=True)
class BulkTable:
    """The text of an instance's metadata is its segments with a gap after each but the last."""

    address: str
    """Where the values are retrieved, below the URL of a surface; a path follows."""
    has_inline: bool
    """Smaller bulk values stand in the text."""
    segments: Sequence[Segment]
    places: Sequence[BulkPlace]
    """What belongs into the gaps, in order."""

    def pack(self) -> bytes:
        """Return the table as few bytes; `unpack` reads them back."""
        address = self.address.encode()
        parts = [_HEAD.pack(len(self.places), len(address)), address]
        for segment, place in zip(self.segments, self.places, strict=False):
            path, vr, offset, length, unit, comma = place
            size = _FRAGMENTS if length is None else length
            row = _ROW.pack(*segment, offset, size, unit, comma, vr.encode(), len(path))
            parts += [row, path.encode()]
        body = b"".join([*parts, _LAST.pack(*self.segments[-1])])
        how, flag = _PLAIN, _HAS_INLINE if self.has_inline else 0
        if len(body) > _LONGEST_PLAIN:
            how, body = _COMPRESSED, zlib.compress(body, 1)
        return bytes([how | flag]) + body

    @classmethod
    def unpack(cls, packed: bytes) -> "BulkTable":
        """Read what `pack` wrote. Raises `ValueError` for anything else."""
        segments, places = [], []
        address, rows = table_rows(packed)
        for segment, row in rows:
            segments.append(Segment(*segment))
            if row is not None:
                offset, size, unit, comma, vr, path = row
                length = None if size == _FRAGMENTS else size
                place = BulkPlace(path.decode(), vr.decode(), offset, length, unit, Comma(comma))
                places.append(place)
        return cls(address.decode(), holds_inline(packed), segments, places)


def holds_inline(packed: bytes) -> bool:
    """`has_inline` of a packed table."""
    return bool(packed) and bool(packed[0] & _HAS_INLINE)


def table_rows(packed: bytes) -> tuple[bytes, Iterator[Row]]:
    """Return the address in a packed table, and its segments with the places behind them.

    Raises `ValueError` for what is no table.
    """
    how = packed[0] & ~_HAS_INLINE if packed else 0
    if how not in {_PLAIN, _COMPRESSED}:
        raise ValueError(_DAMAGED)
    try:
        data = packed[1:] if how == _PLAIN else zlib.decompress(packed[1:])
        count, address_bytes = _HEAD.unpack_from(data)
    except (struct.error, zlib.error) as error:
        raise ValueError(_DAMAGED) from error
    start = _HEAD.size + address_bytes
    return data[_HEAD.size : start], _rows(data, start, count)


def _rows(data: bytes, position: int, count: int) -> Iterator[Row]:
    try:
        for _ in range(count):
            size, deflated, crc32, *row, path_bytes = _ROW.unpack_from(data, position)
            position += _ROW.size + path_bytes
            offset, length, unit, comma, vr = row
            path = data[position - path_bytes : position]
            yield (size, deflated, crc32), (offset, length, unit, comma, vr, path)
        last = _LAST.unpack_from(data, position)
    except struct.error as error:
        raise ValueError(_DAMAGED) from error
    if position + _LAST.size != len(data):
        raise ValueError(_DAMAGED)
    yield last, None


_DAMAGED: Final = "a damaged table of bulk values"


def bulk_address(uids: InstanceUIDs) -> str:
    """Return where the bulk values of an instance are, below the URL of a surface."""
    study, series, instance = uids.study, uids.series, uids.sop_instance
    return f"/studies/{study}/series/{series}/instances/{instance}/bulkdata/"


def path_text(path: ElementPath) -> str:
    """Write a path as URLs do: `54000100/0/54001010`, items counted from 0."""
    around = "".join(f"{tag:08X}/{item}/" for tag, item in path.items)
    return f"{around}{path.tag:08X}"


def bulk_places(header: Header) -> Sequence[BulkPlace]:
    """Return where the values lie that the JSON of `header` has gaps for."""
    is_little_endian = encoding_of(header.transfer_syntax_uid).is_little_endian
    return [
        BulkPlace(
            path_text(element.path),
            element.vr,
            element.offset,
            element.length,
            1 if is_little_endian else _swap_unit(header, element),
            gap.comma,
        )
        for element, gap in zip(header.bulk, header.gaps, strict=True)
    ]


def _swap_unit(header: Header, element: BulkElement) -> int:
    """Width of the numbers; of pixels that are wider than the words of their VR, of these."""
    unit = number_bytes(element.vr)
    if unit > 1 and element.path.tag in PIXEL_DATA_TAGS and not element.path.items:
        _, allocated = header.values.get(_BITS_ALLOCATED, ("", []))
        if allocated and allocated[0] in {32, 64}:
            return int(allocated[0]) // 8
    return unit
