"""How a frame is shown, from the DICOM JSON of its instance (PS3.3 C.7.6.16, C.11)."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from hilum.dicom.captions import captions
from hilum.dicom.elements import ElementPath
from hilum.dicom.json_values import JsonDataset, item, items, number, numbers, text, whole
from hilum.dicom.lookup_tables import BulkReader, Place, lookup_table, palette
from hilum.dicom.overlays import overlays
from hilum.domain.presentation import (
    Display,
    LookupTable,
    Padding,
    Palette,
    Rescale,
    VoiFunction,
    Window,
)

_SHARED, _PER_FRAME = "52009229", "52009230"
_FRAME_VOI, _VALUE_TRANSFORMATION, _MEASURES = "00289132", "00289145", "00289110"
_ICC_PROFILE = 0x00282000
_OPTICAL_PATHS, _OPTICAL_PATH_OF_FRAME, _PATH_NAME = "00480105", "00480207", "00480106"
_MODALITY_LUT, _VOI_LUT = "00283000", "00283010"
_SPACINGS = ("00280030", "00181164", "00182010")
"""PixelSpacing, ImagerPixelSpacing, NominalScannedPixelSpacing: rows, then columns."""
_MOST_ASPECT = 10.0
"""A pixel that is longer than this is a mistake in the data set."""
_MOST_ALTERNATIVES = 16
"""Windows or VOI tables that are looked at: the first one counts."""


@dataclass(frozen=True, slots=True)
class _Level:
    """A data set that may say something, and where it stands."""

    dataset: JsonDataset
    place: Place = ()


def display_of(dataset: JsonDataset, frame: int, bulk: BulkReader) -> Display:
    """Read what is said about a frame, which counts from 0.

    Its own functional groups come before the shared ones, those before the data set itself. What
    cannot be used is left out: a picture is drawn of every data set.
    """
    is_signed = whole(dataset, "00280103") == 1
    modality = _modality(dataset, frame, bulk, is_signed=is_signed)
    windows, voi_tables = _voi(dataset, frame, modality, bulk, is_signed=is_signed)
    return Display(
        modality=modality,
        windows=windows,
        voi_tables=voi_tables,
        is_inverse=text(dataset, "20500020") == "INVERSE",
        padding=_padding(dataset, is_signed=is_signed),
        palette=_palette(dataset, bulk, is_signed=is_signed),
        pixel_aspect=_pixel_aspect(dataset, frame),
        overlays=tuple(overlays(dataset, frame, bulk)),
        icc_profile=_icc_profile(dataset, frame, bulk),
        captions=captions(dataset),
        frame_milliseconds=_frame_milliseconds(dataset),
    )


def _levels(dataset: JsonDataset, frame: int, macro: str) -> Iterator[_Level]:
    """Yield what may say something about a frame, the most particular first."""
    for tag, at in ((_PER_FRAME, frame), (_SHARED, 0)):
        groups = item(dataset, tag, at)
        found = item(groups, macro, 0) if groups is not None else None
        if found is not None:
            yield _Level(found, ((int(tag, 16), at), (int(macro, 16), 0)))
    yield _Level(dataset)


def _modality(
    dataset: JsonDataset, frame: int, bulk: BulkReader, *, is_signed: bool
) -> Rescale | LookupTable | None:
    for level in _levels(dataset, frame, _VALUE_TRANSFORMATION):
        tables = items(level.dataset, _MODALITY_LUT)
        if tables:
            place = (*level.place, (int(_MODALITY_LUT, 16), 0))
            table = lookup_table(tables[0], place, bulk, is_signed=is_signed)
            if table is not None:
                return table
        slope, intercept = number(level.dataset, "00281053"), number(level.dataset, "00281052")
        if slope is not None or intercept is not None:
            return Rescale(slope or 1.0, intercept or 0.0)
    return None


def _voi(
    dataset: JsonDataset,
    frame: int,
    modality: Rescale | LookupTable | None,
    bulk: BulkReader,
    *,
    is_signed: bool,
) -> tuple[tuple[Window, ...], tuple[LookupTable, ...]]:
    """Windows and tables of the first level that has either."""
    may_be_negative = is_signed
    if isinstance(modality, LookupTable):
        may_be_negative = False
    elif modality is not None:
        may_be_negative = is_signed or modality.intercept < 0 or modality.slope < 0
    for level in _levels(dataset, frame, _FRAME_VOI):
        windows = tuple(_windows(level.dataset))
        tables = []
        for at, lut in enumerate(items(level.dataset, _VOI_LUT)[:_MOST_ALTERNATIVES]):
            place = (*level.place, (int(_VOI_LUT, 16), at))
            table = lookup_table(lut, place, bulk, is_signed=may_be_negative)
            if table is not None:
                tables.append(table)
        if windows or tables:
            return windows, tuple(tables)
    return (), ()


def _windows(dataset: JsonDataset) -> Iterator[Window]:
    named = text(dataset, "00281056")
    function = VoiFunction(named) if named in set(VoiFunction) else VoiFunction.LINEAR
    centers, widths = numbers(dataset, "00281050"), numbers(dataset, "00281051")
    for center, width in list(zip(centers, widths, strict=False))[:_MOST_ALTERNATIVES]:
        if width >= 1 or (width > 0 and function is not VoiFunction.LINEAR):
            yield Window(center, width, function)
        elif width > 0:
            # Not allowed for LINEAR, yet what floating point data has; only one thing can be meant.
            yield Window(center, width, VoiFunction.LINEAR_EXACT)


def _padding(dataset: JsonDataset, *, is_signed: bool) -> Padding | None:
    value, limit = whole(dataset, "00280120"), whole(dataset, "00280121")
    if value is None:
        return None
    ends = [
        _as_stored(each, dataset, is_signed=is_signed)
        for each in (value, limit)
        if each is not None
    ]
    return Padding(min(ends), max(ends))


def _as_stored(value: int, dataset: JsonDataset, *, is_signed: bool) -> int:
    """Read a value with the sign that the pixels have, whatever VR it was given."""
    allocated = whole(dataset, "00280100") or 16
    if allocated not in {8, 16}:
        return value
    value &= 0xFFFF
    return value - 0x10000 if is_signed and value > 0x7FFF else value


def _palette(dataset: JsonDataset, bulk: BulkReader, *, is_signed: bool) -> Palette | None:
    photometric = text(dataset, "00280004")
    is_supplemental = photometric != "PALETTE COLOR"
    if is_supplemental and not (
        photometric == "MONOCHROME2" and text(dataset, "00089205") in {"COLOR", "MIXED"}
    ):
        return None
    found = palette(dataset, bulk, is_signed=is_signed)
    if found is None:
        return None
    return Palette(found.red, found.green, found.blue, is_supplemental)


def _icc_profile(dataset: JsonDataset, frame: int, bulk: BulkReader) -> bytes | None:
    """That of the data set, else of the optical path of the frame (PS3.3 C.11.15, C.8.12.5)."""
    profile = bulk(ElementPath((), _ICC_PROFILE))
    if profile:
        return profile
    levels = _levels(dataset, frame, _OPTICAL_PATH_OF_FRAME)
    named = next(filter(None, (text(level.dataset, _PATH_NAME) for level in levels)), None)
    for at, path in enumerate(items(dataset, _OPTICAL_PATHS)):
        if named is None or text(path, _PATH_NAME) == named:
            return bulk(ElementPath(((int(_OPTICAL_PATHS, 16), at),), _ICC_PROFILE)) or None
    return None


def _pixel_aspect(dataset: JsonDataset, frame: int) -> float:
    pairs = [numbers(dataset, "00280034")]
    for level in _levels(dataset, frame, _MEASURES):
        pairs += [numbers(level.dataset, tag) for tag in _SPACINGS]
    for pair in pairs:
        if len(pair) == 2 and min(pair) > 0:
            aspect = pair[0] / pair[1]
            return aspect if 1 / _MOST_ASPECT <= aspect <= _MOST_ASPECT else 1.0
    return 1.0


def _frame_milliseconds(dataset: JsonDataset) -> float | None:
    """FrameTime, else what CineRate or RecommendedDisplayFrameRate make of it (PS3.3 C.7.6.5)."""
    time = number(dataset, "00181063")
    rates = (number(dataset, "00180040"), number(dataset, "00082144"))
    found = [time, *(1000 / rate for rate in rates if rate is not None and rate > 0)]
    return next((each for each in found if each is not None and 0 < each < math.inf), None)
