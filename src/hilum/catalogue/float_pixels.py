"""Telling floating point pixels from whole numbers, which their description alone does not."""

from struct import Struct
from typing import Final

from hilum.catalogue.frame_pieces import FoundFrames
from hilum.catalogue.inflation import Inflation
from hilum.catalogue.stored_bytes import read_exactly
from hilum.dicom.before_pixels import FLOAT_PIXELS
from hilum.dicom.frames import Span
from hilum.dicom.transfer_syntaxes import EXPLICIT_VR_BIG_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN
from hilum.domain.errors import NotTranscodable
from hilum.ports.objects import ObjectStore

_EXPLICIT_HEAD_BYTES: Final = 12
_IMPLICIT_HEAD_BYTES: Final = 8
_LITTLE_TAG: Final = Struct("<HH")
_BIG_TAG: Final = Struct(">HH")


async def demand_whole_numbers(objects: ObjectStore, found: FoundFrames) -> None:
    """Raise `NotTranscodable` for Float and Double Float Pixel Data: they are native only.

    The encapsulated syntaxes have no such pixels (PS3.5 A.4), and their samples would be taken for
    whole numbers. Raises `ObjectMissing`, `ArchiveUnavailable`.
    """
    syntax, table = found.record.transfer_syntax_uid, found.places.table
    is_implicit = syntax == IMPLICIT_VR_LITTLE_ENDIAN
    head_bytes = _IMPLICIT_HEAD_BYTES if is_implicit else _EXPLICIT_HEAD_BYTES
    start = table.start - head_bytes
    if table.inflated:
        inflation = Inflation(objects, found.record)
        try:
            chunks = [chunk async for chunk in inflation.read(Span(start, head_bytes))]
        finally:
            await inflation.close()
        head = b"".join(chunks)
    else:
        head = await read_exactly(objects, found.record, start, head_bytes)
    tag = _BIG_TAG if syntax == EXPLICIT_VR_BIG_ENDIAN else _LITTLE_TAG
    group, element = tag.unpack_from(head)
    if group << 16 | element in FLOAT_PIXELS:
        message = "Pixels that are floating point numbers are given as stored only."
        raise NotTranscodable(message)
