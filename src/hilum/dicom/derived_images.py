"""Writing the data set of an instance whose pixel data was put into another transfer syntax."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Final

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import UID

from hilum.dicom.explicit_little import NotConvertible, UpToPixels, explicit, guarded
from hilum.domain.implementation import IMPLEMENTATION_VERSION_NAME

_EXTENDED_OFFSETS: Final = (0x7FE00001, 0x7FE00002)
_ENCAPSULATED: Final = b"\xe0\x7f\x10\x00OB\x00\x00\xff\xff\xff\xff"
"""Tag, VR and length of encapsulated pixel data (PS3.5 A.4)."""


def demand_plain_items(before: bytes) -> None:
    """Check that no item `before` the pixel data has encapsulated pixel data of its own.

    An icon is encapsulated in the transfer syntax of the image (PS3.5 A.4), and would be left in
    it. Raises `NotConvertible`.
    """
    if _ENCAPSULATED in before:
        message = "an icon inside of it is compressed"
        raise NotConvertible(message)


def derived_uid(sop_instance_uid: str, content: bytes, transfer_syntax_uid: str) -> str:
    """Name what lossy compression makes of an instance: always the same for the same content."""
    text = f"{sop_instance_uid}|{content.hex()}|{transfer_syntax_uid}|{IMPLEMENTATION_VERSION_NAME}"
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, text).int}"


def write_head(
    read: UpToPixels,
    changed: Mapping[int, tuple[str, Sequence[int | str]]],
    renamed_to: str | None,
) -> bytes:
    """Write everything before the pixel data in Explicit VR Little Endian.

    `changed` are elements with VR and values. An image that is `renamed_to` another UID says that
    it is derived, and from which (PS3.3 C.7.6.1.1.5). Raises `NotConvertible`.
    """
    dataset = read.dataset

    def change() -> None:
        for tag in _EXTENDED_OFFSETS:
            dataset.pop(tag, None)
        for tag, (vr, values) in changed.items():
            dataset.add_new(tag, vr, values[0] if len(values) == 1 else list(values))
        if renamed_to is not None:
            _derive(dataset, renamed_to)

    guarded(change)
    return explicit(dataset, read.is_little_endian)


def _derive(dataset: Dataset, uid: str) -> None:
    source = Dataset()
    source.ReferencedSOPClassUID = dataset.SOPClassUID
    source.ReferencedSOPInstanceUID = dataset.SOPInstanceUID
    dataset.SourceImageSequence = Items([*(dataset.get("SourceImageSequence") or []), source])
    told = dataset.get("ImageType") or ["ORIGINAL", "PRIMARY"]
    kinds = [told] if isinstance(told, str) else list(told)
    dataset.ImageType = ["DERIVED", *(kinds[1:] or ["PRIMARY"])]
    dataset.SOPInstanceUID = UID(uid)
