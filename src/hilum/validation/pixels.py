"""Pixel data against the attributes that describe it (PS3.3 C.7.6.3, PS3.5 8 and A.4)."""

from typing import Final

from hilum.dicom.elements import ElementPath, PixelDataSpan
from hilum.dicom.header import Header, Source
from hilum.dicom.transfer_syntaxes import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
)
from hilum.dicom.vr import PIXEL_DATA
from hilum.validation.findings import Findings
from hilum.validation.fragments import check_fragments
from hilum.validation.levels import Level

_SAMPLES, _PHOTOMETRIC, _FRAMES = "00280002", "00280004", "00280008"
_ROWS, _COLUMNS, _ALLOCATED, _STORED = "00280010", "00280011", "00280100", "00280101"
_HIGH_BIT: Final = "00280102"
_DESCRIPTION: Final = "PS3.3 C.7.6.3"
_ENCAPSULATION: Final = "PS3.5 A.4"
_NATIVE: Final = frozenset(
    {
        IMPLICIT_VR_LITTLE_ENDIAN,
        EXPLICIT_VR_LITTLE_ENDIAN,
        DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
        EXPLICIT_VR_BIG_ENDIAN,
        "1.2.840.10008.1.2.1.98",  # Encapsulated Uncompressed is native but for its fragments
    }
)
_SAMPLES_OF: Final = {
    "MONOCHROME1": 1, "MONOCHROME2": 1, "PALETTE COLOR": 1, "RGB": 3, "HSV": 3, "ARGB": 4,
    "CMYK": 4, "YBR_FULL": 3, "YBR_FULL_422": 3, "YBR_PARTIAL_422": 3, "YBR_PARTIAL_420": 3,
    "YBR_ICT": 3, "YBR_RCT": 3,
}  # fmt: skip
_PART_STORED: Final = {"YBR_FULL_422": (2, 3), "YBR_PARTIAL_422": (2, 3), "YBR_PARTIAL_420": (1, 2)}
_BITS_PER_BYTE: Final = 8


def check_pixels(source: Source, header: Header, root: Level, findings: Findings) -> None:
    """Report how pixel data and its description contradict each other."""
    if _ALLOCATED in root.elements:
        _check_bits(root, findings)
        _check_samples(root, findings)
    pixels = header.pixel_data
    if pixels is None:
        return
    path = ElementPath((), pixels.tag)
    if (pixels.length is None) == (header.transfer_syntax_uid in _NATIVE) and not header.guessed:
        how = "native" if pixels.length is not None else "encapsulated"
        findings.add(
            "encapsulation", path, expected=f"pixel data as in {header.transfer_syntax_uid}",
            found=how, section=_ENCAPSULATION,
        )  # fmt: skip
    elif pixels.length is None:
        if header.inflated:
            return  # offsets count in what it inflates to, which no syntax in use has
        check_fragments(source, header, pixels, root, findings)
    elif pixels.tag == PIXEL_DATA:
        _check_length(header, root, pixels, path, findings)


def _check_bits(root: Level, findings: Findings) -> None:
    allocated, stored = root.number(_ALLOCATED), root.number(_STORED)
    high = root.number(_HIGH_BIT)
    if allocated is not None and allocated != 1 and (allocated < 1 or allocated % _BITS_PER_BYTE):
        _contradiction(root, findings, _ALLOCATED, "1 or a multiple of 8", allocated)
    if allocated is not None and stored is not None and not 1 <= stored <= allocated:
        _contradiction(root, findings, _STORED, f"from 1 to {allocated}, Bits Allocated", stored)
    if stored is not None and high is not None and high != stored - 1:
        _contradiction(root, findings, _HIGH_BIT, f"{stored - 1}: Bits Stored less 1", high)


def _check_samples(root: Level, findings: Findings) -> None:
    samples = root.number(_SAMPLES)
    expected = _SAMPLES_OF.get(str(root.first(_PHOTOMETRIC)).strip())
    if samples is not None and expected is not None and samples != expected:
        what = f"{expected} for {root.first(_PHOTOMETRIC)}"
        _contradiction(root, findings, _SAMPLES, what, samples)


def _contradiction(root: Level, findings: Findings, tag: str, expected: str, found: int) -> None:
    findings.add(
        "pixel-description", root.path(tag), expected=expected, found=str(found),
        section=_DESCRIPTION,
    )  # fmt: skip


def expected_bytes(root: Level) -> int | None:
    """Return how long native pixel data must be, padding included; None when it cannot be told."""
    numbers = [root.number(tag) for tag in (_ROWS, _COLUMNS, _ALLOCATED)]
    samples = root.number(_SAMPLES) or 1
    frames = root.number(_FRAMES) or 1
    bits = samples * frames
    for number in numbers:
        if number is None or number < 1:
            return None
        bits *= number
    if samples == 3:
        part, of = _PART_STORED.get(str(root.first(_PHOTOMETRIC)).strip(), (1, 1))
        bits = bits * part // of
    size = -(-bits // _BITS_PER_BYTE)
    return size + size % 2


def _check_length(
    header: Header, root: Level, pixels: PixelDataSpan, path: ElementPath, findings: Findings
) -> None:
    expected = expected_bytes(root)
    if expected is not None and expected != pixels.length:
        findings.add(
            "pixel-length", path, expected=f"{expected} bytes", found=f"{pixels.length} bytes",
            section="PS3.5 8.1.1",
        )  # fmt: skip
    allocated = root.number(_ALLOCATED)
    if allocated is not None and allocated > _BITS_PER_BYTE and pixels.vr == "OB":
        findings.add(
            "vr-mismatch", path, expected=f"OW for {allocated} bits allocated", found="OB",
            section="PS3.5 A.2" if header.transfer_syntax_uid != IMPLICIT_VR_LITTLE_ENDIAN
            else "PS3.5 A.1",
        )  # fmt: skip
