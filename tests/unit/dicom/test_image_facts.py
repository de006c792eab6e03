"""The Image Pixel module, read from stored metadata."""

import zlib
from typing import Any

import orjson
import pytest

from hilum.dicom.image_facts import image_pixels
from hilum.domain.errors import PixelsNotDecodable
from hilum.domain.identifiers import TransferSyntaxUID
from hilum.domain.images import ImagePixels
from hilum.domain.instances import Metadata

SYNTAX = TransferSyntaxUID("1.2.840.10008.1.2.5")
NEEDED = {"00280010": 512, "00280011": 256, "00280100": 16}


def metadata(values: dict[str, Any]) -> Metadata:
    """Stored as the pipeline stores it: deflated, without an end."""
    text = orjson.dumps({tag: {"vr": "US", "Value": [value]} for tag, value in values.items()})
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    deflated = deflater.compress(text) + deflater.flush(zlib.Z_FULL_FLUSH)
    return Metadata(deflated, zlib.crc32(text), len(text))


def test_every_attribute_of_the_module_is_read() -> None:
    values = NEEDED | {
        "00280002": 3, "00280004": "YBR_FULL", "00280006": 1, "00280101": 12, "00280102": 13,
        "00280103": 1,
    }  # fmt: skip

    assert image_pixels(metadata(values), SYNTAX) == ImagePixels(
        SYNTAX, 512, 256, 3, "YBR_FULL", 16, 12, 13, is_signed=True, planar_configuration=1
    )


@pytest.mark.parametrize(("samples", "photometric"), [(1, "MONOCHROME2"), (3, "RGB")])
def test_what_is_missing_has_its_usual_value(samples: int, photometric: str) -> None:
    pixels = image_pixels(metadata(NEEDED | {"00280002": samples}), SYNTAX)

    assert pixels == ImagePixels(
        SYNTAX, 512, 256, samples, photometric, 16, 16, 15, is_signed=False
    )


@pytest.mark.parametrize("tag", NEEDED)
@pytest.mark.parametrize("value", [None, "wide", -1, 1.5])
def test_without_dimensions_nothing_can_be_decoded(tag: str, value: object) -> None:
    with pytest.raises(PixelsNotDecodable, match=tag[4:]):
        image_pixels(metadata(NEEDED | {tag: value}), SYNTAX)
