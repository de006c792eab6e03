"""What PS3.18 F.2 makes of bulk data, told by pydicom's values: inline, by reference, or empty."""

import base64
import io
import json
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pydicom
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from hilum.dicom.bulk_marks import Comma
from hilum.dicom.bulk_table import BulkPlace, bulk_places
from hilum.dicom.header import Header

PIXELS = {0x7FE00008, 0x7FE00009, 0x7FE00010}
BULK = {"OB", "OD", "OF", "OL", "OV", "OW", "UN"}
_WIDTHS = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}


def with_references(header: Header, address: str = "") -> dict[str, Any]:
    """Return the JSON of a header with a BulkDataURI in each gap: `address` and the path."""
    pieces, start = [], 0
    for gap, place in zip(header.gaps, bulk_places(header), strict=True):
        assert place.comma is gap.comma
        pieces += [header.json[start : gap.offset], _element(place, address)]
        start = gap.offset
    text = b"".join([*pieces, header.json[start:]])
    found: dict[str, Any] = json.loads(text)
    return found


def _element(place: BulkPlace, address: str) -> bytes:
    tag = place.path[-8:]
    text = f'"{tag}":{{"vr":"{place.vr}","BulkDataURI":"{address}{place.path}"}}'
    before = "," if place.comma is Comma.BEFORE else ""
    after = "," if place.comma is Comma.AFTER else ""
    return f"{before}{text}{after}".encode()


def bulk_values(part10: bytes) -> dict[str, bytes]:
    """Return pydicom's bulk values by path, little endian; fragments as they stand."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(io.BytesIO(part10), force=True)
        return dict(_values(dataset, "", little=_is_little(dataset)))


def _is_little(dataset: Dataset) -> bool:
    return bool(dataset.original_encoding[1])


def _values(dataset: Dataset, path: str, *, little: bool) -> Iterator[tuple[str, bytes]]:
    for element in dataset:
        where = f"{path}{element.tag:08X}"
        if element.VR == "SQ":
            for number, item in enumerate(element.value):
                yield from _values(item, f"{where}/{number}/", little=little)
        elif element.VR in BULK and element.tag.group > 2 and element.tag.element:
            yield where, little_endian(element, dataset, little=little)


def little_endian(element: DataElement, dataset: Dataset, *, little: bool) -> bytes:
    """Return the bytes of a value that pydicom read, in little endian order."""
    value = bytes(element.value or b"")
    unit = 1 if little else _WIDTHS.get(element.VR, 1)
    if unit > 1 and element.tag in PIXELS and dataset.get("BitsAllocated") in {32, 64}:
        unit = int(dataset.BitsAllocated) // 8
    whole = len(value) - len(value) % unit
    numbers = np.frombuffer(value[:whole], dtype=f">u{unit}")
    return numbers.astype(f"<u{unit}").tobytes() + value[whole:]


def told_bulk(json_object: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (path, attribute) of every element of a VR for bulk data in DICOM JSON."""
    for tag, attribute in json_object.items():
        if attribute["vr"] in BULK:
            yield path + tag, attribute
        elif attribute["vr"] == "SQ":
            for number, item in enumerate(attribute.get("Value", [])):
                yield from told_bulk(item, f"{path}{tag}/{number}/")


def inline(attribute: dict[str, Any]) -> bytes:
    return base64.b64decode(attribute["InlineBinary"], validate=True)
