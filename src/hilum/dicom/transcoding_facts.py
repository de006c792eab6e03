"""What an instance's DICOM JSON says that counts when its pixel data is put into another syntax."""

from dataclasses import dataclass

import orjson

from hilum.dicom.image_facts import pixels_of
from hilum.dicom.json_values import JsonDataset, numbers, text, values, whole
from hilum.domain.identifiers import TransferSyntaxUID
from hilum.domain.images import ImagePixels
from hilum.domain.instances import Metadata

_OVERLAY_GROUPS = range(0x6000, 0x6020, 2)


@dataclass(frozen=True, slots=True)
class TranscodingFacts:
    """An image, and what lies beside its samples."""

    pixels: ImagePixels
    has_embedded_overlays: bool
    """Overlays lie in bits of the pixel data that no sample uses (retired, PS3.3 C.9.2)."""
    is_told_lossy: bool
    """The data set says that the image was compressed with loss."""
    compressions: tuple[tuple[str, str], ...]
    """Ratio and method of each lossy compression that is told of (PS3.3 C.7.6.1.1.5)."""


def transcoding_facts(
    metadata: Metadata, transfer_syntax_uid: TransferSyntaxUID
) -> TranscodingFacts:
    """Read stored metadata. Raises `PixelsNotDecodable` when it does not describe an image."""
    dataset: JsonDataset = orjson.loads(metadata.text())
    return TranscodingFacts(
        pixels_of(dataset, transfer_syntax_uid),
        any(_is_embedded(dataset, f"{group:04X}") for group in _OVERLAY_GROUPS),
        text(dataset, "00282110") == "01",
        _compressions(dataset),
    )


def _is_embedded(dataset: JsonDataset, group: str) -> bool:
    return (whole(dataset, f"{group}0100") or 1) > 1


def _compressions(dataset: JsonDataset) -> tuple[tuple[str, str], ...]:
    methods = [str(each or "") for each in values(dataset, "00282114")]
    ratios = [f"{each:g}" for each in numbers(dataset, "00282112")]
    return tuple(zip(ratios, methods, strict=False))
