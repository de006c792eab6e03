"""Where the bulk values of an instance lie in its bytes, and where in its JSON they are told of."""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from hilum.dicom.bulk_marks import Comma, number_bytes
from hilum.dicom.elements import BulkElement, ElementPath
from hilum.dicom.header import Header
from hilum.dicom.transfer_syntaxes import encoding_of
from hilum.dicom.vr import PIXEL_DATA_TAGS

_PLAIN: Final = b"\x01"
_COMPRESSED: Final = b"\x02"
"""First byte: how the table is written."""
_LONGEST_PLAIN: Final = 1024
_HEAD: Final = struct.Struct("<?I")
"""Whether values stand in the text, number of places."""
_SEGMENT: Final = struct.Struct("<III")
_PLACE: Final = struct.Struct("<qqBB2sH")
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


@dataclass(frozen=True, slots=True)
class BulkTable:
    """The text of an instance's metadata is its segments with a gap after each but the last."""

    has_inline: bool
    """Smaller bulk values stand in the text."""
    segments: Sequence[Segment]
    places: Sequence[BulkPlace]
    """What belongs into the gaps, in order."""

    def pack(self) -> bytes:
        """Return the table as few bytes; `unpack` reads them back."""
        parts = [_HEAD.pack(self.has_inline, len(self.places))]
        parts += [_SEGMENT.pack(*segment) for segment in self.segments]
        for path, vr, offset, length, unit, comma in self.places:
            size = _FRAGMENTS if length is None else length
            parts.append(_PLACE.pack(offset, size, unit, comma, vr.encode(), len(path)))
            parts.append(path.encode())
        body = b"".join(parts)
        if len(body) <= _LONGEST_PLAIN:
            return _PLAIN + body
        return _COMPRESSED + zlib.compress(body, 1)

    @classmethod
    def unpack(cls, packed: bytes) -> "BulkTable":
        """Read what `pack` wrote. Raises `ValueError` for anything else."""
        try:
            data = zlib.decompress(packed[1:]) if packed[:1] == _COMPRESSED else packed[1:]
            has_inline, count = _HEAD.unpack_from(data)
            position = _HEAD.size + (count + 1) * _SEGMENT.size
            rows = _SEGMENT.iter_unpack(data[_HEAD.size : position])
            segments = [Segment(*row) for row in rows]
            places = []
            for _ in range(count):
                offset, size, unit, comma, vr, path_bytes = _PLACE.unpack_from(data, position)
                position += _PLACE.size + path_bytes
                path = data[position - path_bytes : position].decode("ascii")
                length = None if size == _FRAGMENTS else size
                places.append(BulkPlace(path, vr.decode("ascii"), offset, length, unit, comma))
        except (struct.error, zlib.error) as error:
            raise ValueError(_DAMAGED) from error
        if packed[:1] not in {_PLAIN, _COMPRESSED} or position != len(data):
            raise ValueError(_DAMAGED)
        return cls(has_inline, segments, places)


_DAMAGED: Final = "a damaged table of bulk values"


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
