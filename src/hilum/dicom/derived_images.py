"""Writing the data set of an instance whose pixel data was put into another transfer syntax."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Final

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import UID

from hilum.dicom.explicit_little import NotConvertible, explicit, guarded, read_up_to_pixels
from hilum.dicom.plain_elements import NotPlain, plain_elements, with_elements
from hilum.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN
from hilum.domain.implementation import IMPLEMENTATION_VERSION_NAME

_EXTENDED_OFFSETS: Final = (0x7FE00001, 0x7FE00002)
_TOLD_OF_DERIVED: Final = frozenset({0x00080005, 0x00080008, 0x00080016, 0x00080018, 0x00082112})
"""SpecificCharacterSet, ImageType, SOPClassUID, SOPInstanceUID, SourceImageSequence."""
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
    elements: bytes,
    changed: Mapping[int, tuple[str, Sequence[int | str]]],
    renamed_to: str | None,
) -> bytes:
    """Write everything before the pixel data anew: `elements` in Explicit VR Little Endian.

    `changed` are elements with VR and values. An image that is `renamed_to` another UID says that
    it is derived, and from which (PS3.3 C.7.6.1.1.5). Raises `NotConvertible`.
    """
    try:
        written = dict.fromkeys(_EXTENDED_OFFSETS, b"")
        for tag, (vr, values) in changed.items():
            written[tag] = _written(tag, vr, values)
        if renamed_to is not None:
            written |= _derived(elements, renamed_to)
        return with_elements(elements, written)
    except NotPlain as error:
        message = "its elements are not in the order of their tags"
        raise NotConvertible(message) from error


def _written(tag: int, vr: str, values: Sequence[int | str]) -> bytes:
    dataset = Dataset()
    guarded(lambda: dataset.add_new(tag, vr, values[0] if len(values) == 1 else list(values)))
    return explicit(dataset, from_little_endian=True)


def _derived(elements: bytes, uid: str) -> Mapping[int, bytes]:
    """The elements that tell of a derived image."""
    told = b"".join(
        elements[each.start : each.stop]
        for each in plain_elements(elements)
        if each.tag in _TOLD_OF_DERIVED
    )
    dataset = read_up_to_pixels(told, EXPLICIT_VR_LITTLE_ENDIAN, whole=True).dataset
    guarded(lambda: _derive(dataset, uid))
    written = explicit(dataset, from_little_endian=True)
    return {each.tag: written[each.start : each.stop] for each in plain_elements(written)}


def _derive(dataset: Dataset, uid: str) -> None:
    source = Dataset()
    source.ReferencedSOPClassUID = dataset.SOPClassUID
    source.ReferencedSOPInstanceUID = dataset.SOPInstanceUID
    dataset.SourceImageSequence = Items([*(dataset.get("SourceImageSequence") or []), source])
    told = dataset.get("ImageType") or ["ORIGINAL", "PRIMARY"]
    kinds = [told] if isinstance(told, str) else list(told)
    dataset.ImageType = ["DERIVED", *(kinds[1:] or ["PRIMARY"])]
    dataset.SOPInstanceUID = UID(uid)
