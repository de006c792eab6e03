"""Overlay planes of a data set (PS3.3 C.9.2), groups 6000 to 601E."""

from collections.abc import Iterator

from hilum.dicom.elements import ElementPath
from hilum.dicom.json_values import JsonDataset, numbers, text, whole
from hilum.dicom.lookup_tables import BulkReader
from hilum.domain.presentation import Overlay

_GROUPS = tuple((number, f"{number:04X}") for number in range(0x6000, 0x6020, 2))
_LARGEST = 0xFFFF


def overlays(dataset: JsonDataset, frame: int, bulk: BulkReader) -> Iterator[Overlay]:
    """Yield the planes over a frame, which counts from 0; unusable ones are left out."""
    for number, group in _GROUPS:
        rows, columns = whole(dataset, f"{group}0010"), whole(dataset, f"{group}0011")
        if not (rows and columns and 0 < rows <= _LARGEST and 0 < columns <= _LARGEST):
            continue
        plane = _plane(dataset, group, frame)
        if plane is None:
            continue
        origin = [round(each) for each in numbers(dataset, f"{group}0050")]
        row, column = origin if len(origin) == 2 else (1, 1)
        is_region = text(dataset, f"{group}0040") == "R"
        data = bulk(ElementPath((), number << 16 | 0x3000))
        if data is None:
            bit = whole(dataset, f"{group}0102") or 0
            if 0 < bit < 32 and (whole(dataset, f"{group}0100") or 1) > 1:
                yield Overlay(rows, columns, row - 1, column - 1, is_region, b"", bit)
            continue
        bits = rows * columns
        start = plane * bits
        part = data[start // 8 : -((start + bits) // -8)]
        if len(part) * 8 >= start % 8 + bits:
            yield Overlay(rows, columns, row - 1, column - 1, is_region, part, start % 8)


def _plane(dataset: JsonDataset, group: str, frame: int) -> int | None:
    """Which plane of an overlay lies over a frame, counted from 0 (PS3.3 C.9.2.1.4)."""
    count = whole(dataset, f"{group}0015")
    if count is None:
        return 0
    first = whole(dataset, f"{group}0051") or 1
    plane = frame - (first - 1)
    return plane if 0 <= plane < count else None
