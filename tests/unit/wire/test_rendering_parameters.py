"""Reading how a picture is wanted (PS3.18 8.3.5)."""

import math
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.domain.errors import InvalidQuery
from hilum.domain.presentation import (
    Annotation,
    ColourSpace,
    PictureType,
    Rendering,
    Viewport,
    VoiFunction,
    Window,
)
from hilum.wire.rendered_rules import AZURE_RENDERED, STANDARD_RENDERED, Parameter
from hilum.wire.rendering_parameters import rendering, thumbnail_rendering

_BOTH = frozenset(Annotation)


def read(text: str, picture: PictureType = PictureType.JPEG) -> Rendering:
    return rendering(text.encode(), picture, STANDARD_RENDERED)


def test_without_parameters_it_is_drawn_as_the_image_says() -> None:
    assert read("") == Rendering()
    assert read("rows=5&unknown=%FF&=&&a") == Rendering()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("window=40,400,linear", {"window": Window(40, 400)}),
        ("WINDOW=40,400", {"window": Window(40, 400)}),
        ("window=-.5,1e3,sigmoid", {"window": Window(-0.5, 1000, VoiFunction.SIGMOID)}),
        ("window=1,.5,linear-exact", {"window": Window(1, 0.5, VoiFunction.LINEAR_EXACT)}),
        ("window=1%2C2%2CLINEAR", {"window": Window(1, 2)}),
        ("viewport=10,20", {"viewport": Viewport(10, 20)}),
        ("viewport=10,20,,,-5,", {"viewport": Viewport(10, 20, 0, 0, -5)}),
        ("viewport=10,20,1.5,2,3,-4", {"viewport": Viewport(10, 20, 1.5, 2, 3, -4)}),
        ("viewport=65535,1,3", {"viewport": Viewport(65_535, 1, 3)}),
        ("quality=1", {"quality": 1}),
        ("quality=100", {"quality": 100}),
        ("annotation=patient", {"annotations": frozenset({Annotation.PATIENT})}),
        ("annotation=technique,%20Patient", {"annotations": _BOTH}),
        ("iccprofile=displayp3", {"colour_space": ColourSpace.DISPLAY_P3}),
    ],
)
def test_a_parameter_is_read(text: str, expected: dict[str, Any]) -> None:
    assert read(text) == Rendering(**expected)


def test_quality_is_looked_at_and_means_nothing_without_jpeg() -> None:
    assert read("quality=5", PictureType.PNG) == Rendering(PictureType.PNG)
    with pytest.raises(InvalidQuery, match="quality"):
        read("quality=0", PictureType.PNG)


@given(name=st.sampled_from(Parameter), value=st.text(max_size=60))
def test_any_value_is_read_or_refused_by_the_name_of_its_parameter(
    name: Parameter, value: str
) -> None:
    _read_or_refused(name, value)


@given(
    name=st.sampled_from([Parameter.VIEWPORT, Parameter.WINDOW]),
    parts=st.lists(
        st.one_of(
            st.floats().map(str), st.integers().map(str), st.sampled_from(["", "linear", "1e308"])
        ),
        max_size=8,
    ),
)
def test_any_numbers_are_read_or_refused(name: Parameter, parts: list[str]) -> None:
    _read_or_refused(name, ",".join(parts))


def _read_or_refused(name: Parameter, value: str) -> None:
    refused = None
    try:
        found = read(f"{name}={quote(value)}")
    except InvalidQuery as error:
        refused = error
    if refused is not None:
        assert refused.parameter == name
        assert len(str(refused)) < 400
        return
    if found.window is not None:
        assert math.isfinite(found.window.center)
        assert 0 < found.window.width < math.inf
    if found.viewport is not None:
        assert 1 <= found.viewport.width <= 65_535
        assert found.viewport.x >= 0


def test_a_thumbnail_fits_into_a_square_unless_a_size_is_given() -> None:
    def read(text: str) -> Rendering:
        return thumbnail_rendering(text.encode(), PictureType.PNG, STANDARD_RENDERED, 77)

    assert read("").viewport == Viewport(77, 77)
    assert read("viewport=5,6&annotation=patient&window=x").viewport == Viewport(5, 6)
    assert not read("annotation=patient").annotations
    with pytest.raises(InvalidQuery, match="viewport"):
        read("viewport=5,6,1,1")


def test_the_azure_surfaces_read_quality_only() -> None:
    found = rendering(b"window=x&viewport=y&iccprofile=z", PictureType.JPEG, AZURE_RENDERED)

    assert found == Rendering(quality=100)
    assert rendering(b"quality=7", PictureType.JPEG, AZURE_RENDERED).quality == 7
