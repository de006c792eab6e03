"""Windows and palettes beside pydicom's, where DCMTK has none to compare with."""

from copy import copy

import numpy as np
import pytest
from pydicom.pixels import apply_color_lut
from pydicom.pixels.processing import apply_windowing

from hilum.domain.presentation import Rendering, VoiFunction, Window
from hilum.imaging.decoding import decode
from hilum.imaging.presenting import picture_of
from tests.unit.imaging.oracle import ROOM, frames_of, images
from tests.unit.imaging.shown import LIMITS, an_image, display_in, picture

_SIGNED = np.random.default_rng(5).integers(-2048, 2048, (20, 30)).astype(np.int16)
_PALETTES = {
    path.name: (path, dataset)
    for path, dataset in images()
    if "RedPaletteColorLookupTableDescriptor" in dataset
}


@pytest.mark.parametrize("function", list(VoiFunction))
@pytest.mark.parametrize(("center", "width"), [(40, 400), (0.25, 1), (-500.5, 1500.75)])
def test_a_window_is_applied_as_pydicom_does(
    function: VoiFunction, center: float, width: float
) -> None:
    dataset = an_image(
        _SIGNED, WindowCenter=center, WindowWidth=width, VOILUTFunction=str(function)
    )
    with np.errstate(over="ignore"):
        shown = apply_windowing(_SIGNED.astype(np.float64), dataset)
    expected = (shown + 32768) / 65535 * 255

    asked = picture(dataset, Rendering(window=Window(center, width, function)))

    assert np.abs(asked - expected).max() <= 0.51
    assert np.array_equal(asked, picture(dataset))


@pytest.mark.parametrize("name", sorted(_PALETTES))
def test_a_palette_is_applied_as_pydicom_does(name: str) -> None:
    path, dataset = _PALETTES[name]
    frame = next(frames_of(dataset))
    values = decode(frame, ROOM).values
    # pydicom takes the words of big endian tables as they are, and no supplemental palettes.
    reference = copy(_PALETTES[name.replace("_expb", "").replace("_big", "")][1])
    reference.PixelPresentation = None
    colours = apply_color_lut(values, reference)

    drawn = picture_of(frame, display_in(path.read_bytes()), Rendering(), LIMITS)

    is_coloured = values >= dataset.RedPaletteColorLookupTableDescriptor[1]
    assert is_coloured.any()
    assert np.array_equal(drawn[is_coloured], (colours >> 8)[is_coloured])


def test_the_files_have_palettes_of_all_kinds() -> None:
    datasets = [dataset for _, dataset in _PALETTES.values()]

    assert any("SegmentedRedPaletteColorLookupTableData" in each for each in datasets)
    assert any("PixelPresentation" in each for each in datasets)
