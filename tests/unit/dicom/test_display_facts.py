"""What a data set says about how its frames are shown."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from hilum.dicom.display_facts import display_of
from hilum.dicom.elements import ElementPath
from hilum.domain.presentation import LookupTable, Padding, Rescale, VoiFunction, Window
from tests.instances import part10
from tests.unit.imaging.shown import an_image, display_in, json_of

_PIXELS = np.zeros((4, 5), np.uint16)


def _item(**elements: Any) -> Dataset:
    item = Dataset()
    for keyword, value in elements.items():
        setattr(item, keyword, value)
    return item


def _display(frame: int = 0, **elements: Any) -> Any:
    return display_in(part10(an_image(_PIXELS, **elements)), frame)


def test_a_data_set_that_says_nothing_is_shown_all_the_same() -> None:
    display = _display()

    assert display.modality is None
    assert not display.windows
    assert not display.voi_tables
    assert display.padding is None
    assert display.pixel_aspect == 1


def test_windows_are_read_with_their_function() -> None:
    display = _display(WindowCenter=[40, -600.5], WindowWidth=[400, 1500], VOILUTFunction="SIGMOID")

    assert display.windows == (
        Window(40, 400, VoiFunction.SIGMOID),
        Window(-600.5, 1500, VoiFunction.SIGMOID),
    )


class _OnlyByNumber(list[Any]):
    """Items of a sequence too long to be looked through for each frame."""

    def __iter__(self) -> Any:
        message = "all items were looked at"
        raise AssertionError(message)


def test_what_is_said_of_one_frame_costs_nothing_of_the_others() -> None:
    groups = [
        {
            "00289132": {
                "vr": "SQ",
                "Value": [{"00281050": {"Value": [at]}, "00281051": {"Value": [9]}}],
            }
        }
        for at in range(5)
    ]
    dataset = {
        "00280004": {"vr": "CS", "Value": ["MONOCHROME2"]},
        "52009230": {"vr": "SQ", "Value": _OnlyByNumber(groups)},
    }

    display = display_of(dataset, 3, lambda _: None)

    assert display.windows == (Window(3, 9),)


def test_the_frames_of_an_image_share_its_palette() -> None:
    image = an_image(_PIXELS, PhotometricInterpretation="PALETTE COLOR")
    segments = np.array([0, 1, 7, 1, 199, 60_000], "<u2").tobytes()
    for number in (1, 2, 3):
        image.add_new(0x00281100 + number, "US", [200, 0, 16])
        image.add_new(0x00281220 + number, "OW", segments)
    dataset, bulk = json_of(part10(image))

    first, second = (display_of(dataset, frame, bulk) for frame in (0, 1))

    assert len(first.palette.red.entries) == 400
    assert first.palette.red.entries is second.palette.red.entries
    assert first.palette.red.entries is first.palette.blue.entries


def test_colours_are_in_the_profile_of_the_optical_path_of_the_frame() -> None:
    def path(name: str, profile: bytes) -> Dataset:
        return _item(OpticalPathIdentifier=name, ICCProfile=profile)

    def frame(name: str) -> Dataset:
        identified = Sequence([_item(OpticalPathIdentifier=name)])
        return _item(OpticalPathIdentificationSequence=identified)

    slide: dict[str, Any] = {
        "OpticalPathSequence": Sequence([path("1", b"one."), path("2", b"two.")])
    }
    groups = Sequence([frame(name) for name in ("2", "1", "3")])

    assert _display(**slide).icc_profile == b"one."
    slide["PerFrameFunctionalGroupsSequence"] = groups
    assert [_display(at, **slide).icc_profile for at in range(3)] == [b"two.", b"one.", None]
    assert _display(2, ICCProfile=b"main", **slide).icc_profile == b"main"


@pytest.mark.parametrize("width", [0, -5])
def test_a_window_without_width_is_none(width: float) -> None:
    assert not _display(WindowCenter=40, WindowWidth=width).windows


def test_a_linear_window_narrower_than_one_is_taken_exactly() -> None:
    (window,) = _display(WindowCenter=0.5, WindowWidth=0.25).windows

    assert window.function is VoiFunction.LINEAR_EXACT


def test_an_unknown_function_is_linear() -> None:
    (window,) = _display(WindowCenter=1, WindowWidth=2, VOILUTFunction="CUBIC").windows

    assert window.function is VoiFunction.LINEAR


def test_rescale_is_read() -> None:
    assert _display(RescaleSlope=2.5, RescaleIntercept=-1024).modality == Rescale(2.5, -1024)


def test_a_slope_of_zero_is_a_mistake() -> None:
    assert _display(RescaleSlope=0, RescaleIntercept=7).modality == Rescale(1, 7)


def _with_groups() -> Dataset:
    shared = _item(
        FrameVOILUTSequence=Sequence([_item(WindowCenter=1, WindowWidth=10)]),
        PixelMeasuresSequence=Sequence([_item(PixelSpacing=[2, 1])]),
    )
    particular = _item(
        FrameVOILUTSequence=Sequence([_item(WindowCenter=2, WindowWidth=20)]),
        PixelValueTransformationSequence=Sequence([_item(RescaleSlope=3, RescaleIntercept=4)]),
    )
    return an_image(
        _PIXELS,
        WindowCenter=9,
        WindowWidth=90,
        RescaleSlope=8,
        RescaleIntercept=0,
        SharedFunctionalGroupsSequence=Sequence([shared]),
        PerFrameFunctionalGroupsSequence=Sequence([Dataset(), particular]),
    )


def test_functional_groups_of_a_frame_come_before_shared_ones_and_those_before_the_data_set() -> (
    None
):
    file = part10(_with_groups())

    first, second, beyond = (display_in(file, frame) for frame in (0, 1, 7))

    assert first.windows == (Window(1, 10),)
    assert first.modality == Rescale(8, 0)
    assert second.windows == (Window(2, 20),)
    assert second.modality == Rescale(3, 4)
    assert beyond.windows == (Window(1, 10),)
    assert {first.pixel_aspect, second.pixel_aspect} == {2}


def _table(vr: str, data: Any, descriptor: list[int], descriptor_vr: str = "US") -> Dataset:
    item = Dataset()
    item.add_new(0x00283002, descriptor_vr, descriptor)
    item.add_new(0x00283006, vr, data)
    return item


def test_a_table_in_numbers_and_one_in_words_are_the_same() -> None:
    words = np.array([1, 2, 65535], "<u2").tobytes()
    numbers, bulk = (
        _display(VOILUTSequence=Sequence([_table(vr, data, [3, 10, 16])]))
        for vr, data in (("US", [1, 2, 65535]), ("OW", words))
    )

    assert numbers.voi_tables == bulk.voi_tables == (LookupTable(10, 16, words),)


def test_a_table_may_have_two_entries_in_a_word() -> None:
    (table,) = _display(
        VOILUTSequence=Sequence([_table("OW", bytes([1, 2, 3, 4]), [4, 0, 8])])
    ).voi_tables

    assert np.frombuffer(table.entries, "<u2").tolist() == [1, 2, 3, 4]


def test_a_table_that_begins_below_zero_does_so_whatever_its_vr() -> None:
    table = _table("US", [0, 1], [2, 65536 - 100, 16])

    display = _display(RescaleSlope=1, RescaleIntercept=-1024, VOILUTSequence=Sequence([table]))

    assert display.voi_tables[0].first == -100


def test_a_table_of_65536_entries_says_0() -> None:
    entries = np.arange(65536, dtype="<u2").tobytes()

    (table,) = _display(VOILUTSequence=Sequence([_table("OW", entries, [0, 0, 16])])).voi_tables

    assert len(table.entries) == 2 * 65536


def test_a_table_without_data_is_none() -> None:
    item = Dataset()
    item.add_new(0x00283002, "US", [3, 0, 16])

    assert not _display(VOILUTSequence=Sequence([item])).voi_tables


def test_padding_is_a_value_or_a_range_in_any_order() -> None:
    alone = an_image(_PIXELS.astype(np.int16), PixelPaddingValue=-2000)
    dataset = an_image(_PIXELS.astype(np.int16), PixelPaddingValue=-2000)
    dataset.add_new(0x00280121, "SS", -3000)

    assert display_in(part10(alone)).padding == Padding(-2000, -2000)
    assert display_in(part10(dataset)).padding == Padding(-3000, -2000)


def test_padding_given_without_its_sign_has_that_of_the_pixels() -> None:
    dataset = an_image(_PIXELS.astype(np.int16))
    dataset.add_new(0x00280120, "US", 65536 - 2000)

    assert display_in(part10(dataset)).padding == Padding(-2000, -2000)


@pytest.mark.parametrize(
    ("elements", "aspect"),
    [
        ({"PixelAspectRatio": [4, 3]}, 4 / 3),
        ({"PixelSpacing": [0.5, 0.25]}, 2),
        ({"ImagerPixelSpacing": [1, 2]}, 0.5),
        ({"PixelSpacing": [0, 1]}, 1),
        ({"PixelSpacing": [1000, 1]}, 1),
    ],
)
def test_the_shape_of_pixels_is_read(elements: dict[str, Any], aspect: float) -> None:
    assert _display(**elements).pixel_aspect == pytest.approx(aspect)


@pytest.mark.parametrize(
    ("elements", "milliseconds"),
    [({"FrameTime": 40}, 40), ({"CineRate": 20}, 50), ({"RecommendedDisplayFrameRate": 8}, 125)],
)
def test_the_pace_of_frames_is_read(elements: dict[str, Any], milliseconds: float) -> None:
    assert _display(**elements).frame_milliseconds == milliseconds


def test_an_overlay_of_several_frames_lies_over_those_it_is_for() -> None:
    dataset = an_image(_PIXELS)
    dataset.add_new(0x60020010, "US", 3)
    dataset.add_new(0x60020011, "US", 3)
    dataset.add_new(0x60020015, "IS", 2)
    dataset.add_new(0x60020040, "CS", "R")
    dataset.add_new(0x60020050, "SS", [2, -1])
    dataset.add_new(0x60020051, "US", 3)
    dataset.add_new(0x60023000, "OW", b"\x01\x02\x03\x04")
    file = part10(dataset)

    found = [display_in(file, frame).overlays for frame in range(5)]

    assert [len(each) for each in found] == [0, 0, 1, 1, 0]
    (second,) = found[3]
    assert (second.row, second.column, second.is_region) == (1, -2, True)
    assert (second.data, second.bit) == (b"\x02\x03", 1)


def test_an_overlay_without_data_lies_in_the_pixels() -> None:
    dataset = an_image(_PIXELS)
    dataset.add_new(0x60000010, "US", 4)
    dataset.add_new(0x60000011, "US", 5)
    dataset.add_new(0x60000100, "US", 16)
    dataset.add_new(0x60000102, "US", 12)

    (overlay,) = display_in(part10(dataset)).overlays

    assert (overlay.data, overlay.bit) == (b"", 12)


def test_an_overlay_with_too_few_bits_is_left_out() -> None:
    dataset = an_image(_PIXELS)
    dataset.add_new(0x60000010, "US", 4)
    dataset.add_new(0x60000011, "US", 5)
    dataset.add_new(0x60003000, "OW", b"\x01\x02")

    assert not display_in(part10(dataset)).overlays


def test_captions_name_the_patient_and_how_it_was_taken() -> None:
    captions = _display(
        PatientBirthDate="19700102", PatientSex="O", KVP=120, SliceThickness=0.5
    ).captions

    assert captions.patient == ("Phantom Test", "P-1", "1970-01-02 O", "2024-02-29")
    assert captions.technique == ("CT", "120 kV", "0.5 mm slice")


_TAGS = (
    "00281050 00281051 00281052 00281053 00281056 00283000 00283002 00283006 00283010 00280120 "
    "00280121 00280034 00280030 00280100 00280103 00280004 00089205 52009229 52009230 00289132 "
    "00289145 00289110 60000010 60000011 60000015 60000040 60000050 60000051 60000100 60000102 "
    "00281101 00281102 00281103 00281201 00281202 00281203 00281221 00281222 00281223 20500020 "
    "00181063 00180040 00082144 00100010 00100020 00080060 00180060"
).split()
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(1 << 70), 1 << 70),
    st.integers(-3, 70000),
    st.floats(),
    st.sampled_from(["LINEAR", "SIGMOID", "PALETTE COLOR", "MONOCHROME2", "COLOR", "R", "x"]),
)


def _elements(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    element = st.one_of(
        values,
        st.fixed_dictionaries({"vr": st.just("UN")}, optional={"Value": st.lists(values)}),
    )
    return st.dictionaries(st.sampled_from(_TAGS), element, max_size=12)


@given(
    dataset=_elements(st.recursive(_SCALARS, _elements, max_leaves=30)),
    frame=st.integers(0, 3),
    data=st.one_of(st.none(), st.binary(max_size=200)),
)
def test_no_data_set_is_too_strange(dataset: Any, frame: int, data: bytes | None) -> None:
    asked: list[ElementPath] = []

    def bulk(path: ElementPath) -> bytes | None:
        asked.append(path)
        return data

    display = display_of(dataset, frame, bulk)

    assert 0.1 <= display.pixel_aspect <= 10
    assert all(len(table.entries) >= 2 for table in display.voi_tables)
    assert len(asked) < 1000
    assert json.dumps(display.captions.patient)
