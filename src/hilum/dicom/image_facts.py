"""How the pixels of an instance are laid out, from its DICOM JSON (PS3.3 C.7.6.3)."""

from collections.abc import Mapping
from typing import Any

import orjson

from hilum.domain.errors import PixelsNotDecodable
from hilum.domain.identifiers import TransferSyntaxUID
from hilum.domain.images import ImagePixels
from hilum.domain.instances import Metadata


def image_pixels(metadata: Metadata, transfer_syntax_uid: TransferSyntaxUID) -> ImagePixels:
    """Read the Image Pixel module of stored metadata. Raises as `pixels_of` does."""
    return pixels_of(orjson.loads(metadata.text()), transfer_syntax_uid)


def pixels_of(
    dataset: Mapping[str, Mapping[str, Any]], transfer_syntax_uid: TransferSyntaxUID
) -> ImagePixels:
    """Read the Image Pixel module of DICOM JSON; what may be missing gets its usual value.

    Raises `PixelsNotDecodable` when Rows, Columns or BitsAllocated is missing or no number.
    """
    samples = _number(dataset, "00280002", 1)
    allocated = _number(dataset, "00280100")
    stored = _number(dataset, "00280101", allocated)
    photometric = _first(dataset, "00280004")
    if not isinstance(photometric, str) or not photometric:
        photometric = "MONOCHROME2" if samples == 1 else "RGB"
    return ImagePixels(
        transfer_syntax_uid,
        rows=_number(dataset, "00280010"),
        columns=_number(dataset, "00280011"),
        samples_per_pixel=samples,
        photometric_interpretation=photometric,
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=_number(dataset, "00280102", stored - 1),
        is_signed=_number(dataset, "00280103", 0) == 1,
        planar_configuration=_number(dataset, "00280006", 0),
    )


def _first(dataset: Mapping[str, Mapping[str, Any]], tag: str) -> object:
    values = dataset.get(tag, {}).get("Value") or [None]
    return values[0]


def _number(dataset: Mapping[str, Mapping[str, Any]], tag: str, default: int | None = None) -> int:
    value = _first(dataset, tag)
    if isinstance(value, int) and value >= 0:
        return value
    if default is None:
        message = f"The image has no usable ({tag[:4]},{tag[4:]})."
        raise PixelsNotDecodable(message)
    return default
