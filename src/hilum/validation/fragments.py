"""Encapsulated pixel data: fragments, Basic and Extended Offset Table (PS3.5 A.4)."""

import struct
from itertools import pairwise
from typing import Final

from hilum.dicom.elements import ElementPath, PixelDataSpan
from hilum.dicom.header import Header, Source
from hilum.validation.findings import Findings
from hilum.validation.levels import Level

_FRAMES: Final = "00280008"
_EXTENDED_TABLE: Final = 0x7FE00001
_EXTENDED_LENGTHS: Final = 0x7FE00002
_SECTION: Final = "PS3.5 A.4"
_EXTENDED_SECTION: Final = "PS3.3 C.7.6.3.1.8"


def check_fragments(
    source: Source, header: Header, pixels: PixelDataSpan, root: Level, findings: Findings
) -> None:
    """Report fragments that are too few or of a wrong length, and offset tables that lie."""
    path = ElementPath((), pixels.tag)
    frames = max(1, root.number(_FRAMES) or 1)
    lengths = pixels.fragment_lengths
    fragments = len(lengths) - 1
    if fragments < frames:
        findings.add(
            "frames-number", path, expected=f"a fragment or more for each of {frames} frames",
            found=f"{max(fragments, 0)} fragments", section=_SECTION,
        )  # fmt: skip
        return
    if any(length % 2 for length in lengths) or not all(lengths[1:]):
        findings.add(
            "encapsulation", path, expected="fragments of an even number of bytes, none empty",
            found="another length", section=_SECTION,
        )  # fmt: skip
    wrong = _wrong_basic(source, pixels, frames)
    if wrong:
        findings.add(
            "encapsulation", path, expected="an empty Basic Offset Table, or in it where each "
            "frame's first fragment is", found=wrong, section=_SECTION,
        )  # fmt: skip
    _check_extended(source, header, pixels, frames, findings)


def _wrong_basic(source: Source, pixels: PixelDataSpan, frames: int) -> str:
    """Return what is wrong with the Basic Offset Table; nothing when it is right or empty."""
    size = pixels.fragment_lengths[0]
    if size == 0:
        return ""
    if size != 4 * frames:
        return f"a table of {size} bytes for {frames} frames"
    place = pixels.fragment_offsets[0]
    offsets = struct.unpack(f"<{frames}I", source[place : place + size])
    if offsets[0] != 0:
        return "a first frame that does not start with the first fragment"
    if any(later <= earlier for earlier, later in pairwise(offsets)):
        return "offsets that do not rise"
    return "" if set(_starts(pixels)).issuperset(offsets) else "an offset where no fragment is"


def _check_extended(
    source: Source, header: Header, pixels: PixelDataSpan, frames: int, findings: Findings
) -> None:
    """One fragment for each frame, each where the table says, at least as long as it says."""
    places = {
        bulk.path.tag: bulk
        for bulk in header.bulk
        if not bulk.path.items and bulk.path.tag in {_EXTENDED_TABLE, _EXTENDED_LENGTHS}
    }
    table = places.get(_EXTENDED_TABLE)
    if table is None:
        return
    path = ElementPath((), _EXTENDED_TABLE)
    lengths = places.get(_EXTENDED_LENGTHS)
    wrong = ""
    if pixels.fragment_lengths[0]:
        wrong = "a Basic Offset Table as well"
    elif lengths is None or {table.length, lengths.length} != {8 * frames}:
        wrong = "a table or lengths of another number of frames"
    else:
        offsets, sizes = (
            struct.unpack(f"<{frames}Q", source[each.offset : each.offset + 8 * frames])
            for each in (table, lengths)
        )
        if list(offsets) != _starts(pixels):
            wrong = "an offset where no fragment is"
        elif any(
            size > actual for size, actual in zip(sizes, pixels.fragment_lengths[1:], strict=True)
        ):
            wrong = "a frame longer than its fragment"
    if wrong:
        findings.add(
            "encapsulation", path, expected="where the one fragment of each frame is, and how long",
            found=wrong, section=_EXTENDED_SECTION,
        )  # fmt: skip


def _starts(pixels: PixelDataSpan) -> list[int]:
    """Return where fragments start, counted from the first: their items, eight bytes before."""
    first = pixels.fragment_offsets[1]
    return [start - first for start in pixels.fragment_offsets[1:]]
