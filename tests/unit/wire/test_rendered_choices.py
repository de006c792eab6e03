"""Which form of a picture a client takes (PS3.18 8.7.4, 8.7.8 and 10.4.4)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.domain.errors import NotAcceptable
from hilum.domain.presentation import PictureType
from hilum.wire.rendered_choices import RenderedForm, rendered_form
from hilum.wire.rendered_rules import AZURE_RENDERED, STANDARD_RENDERED

JPEG, PNG, GIF = PictureType.JPEG, PictureType.PNG, PictureType.GIF


def form(accept: str | None, *, alone: bool = True) -> tuple[bool, PictureType]:
    found = rendered_form(accept, alone=alone, rules=STANDARD_RENDERED)
    return found.multipart, found.picture


@pytest.mark.parametrize(
    ("accept", "alone", "many"),
    [
        (None, (False, JPEG), (True, JPEG)),
        (" ", (False, JPEG), (True, JPEG)),
        ("*/*", (False, JPEG), (True, JPEG)),
        ("image/webp, image/*, */*;q=0.8", (False, JPEG), (True, JPEG)),
        ("image/png, */*;q=0.1", (False, PNG), (True, JPEG)),
        ("IMAGE/PNG", (False, PNG), None),
        ("image/*;q=0.1, image/gif;q=0.2", (False, GIF), None),
        ("image/png;q=0, image/gif", (False, GIF), None),
        ("image/*, image/jpeg;q=0", (False, PNG), None),
        ("*/*, image/jpeg;q=0, image/png;q=0.0", (False, GIF), (True, GIF)),
        ("image/jpeg, image/jpeg;q=0", (False, JPEG), None),
        ('multipart/related; type="image/png"', (True, PNG), (True, PNG)),
        ("multipart/related; type=image/gif", (True, GIF), (True, GIF)),
        ("multipart/related", (True, JPEG), (True, JPEG)),
        ("multipart/related; type=image/*", (True, JPEG), (True, JPEG)),
        ("multipart/related; type=application/dicom, image/png", (False, PNG), None),
        ("image/png, multipart/related; type=image/gif;q=0.5", (False, PNG), (True, GIF)),
        ("text/html", None, None),
        ("nonsense", None, None),
        ("image/jpeg;q=0", None, None),
        ("x" * 9000, None, None),
    ],
)
def test_the_best_that_is_offered_is_chosen(
    accept: str | None,
    alone: tuple[bool, PictureType] | None,
    many: tuple[bool, PictureType] | None,
) -> None:
    for expected, is_alone in ((alone, True), (many, False)):
        if expected is None:
            with pytest.raises(NotAcceptable):
                form(accept, alone=is_alone)
        else:
            assert form(accept, alone=is_alone) == expected


@given(accept=st.text(max_size=200), alone=st.booleans())
def test_any_text_is_a_form_or_not_acceptable(accept: str, alone: bool) -> None:
    for rules in (STANDARD_RENDERED, AZURE_RENDERED):
        try:
            found = rendered_form(accept, alone=alone, rules=rules)
        except NotAcceptable:
            continue
        assert found.picture in rules.offered


@pytest.mark.parametrize("accept", [None, "", "*/*", "image/gif", "image/png, image/jpeg", ","])
def test_the_azure_surfaces_take_one_type_by_its_name(accept: str | None) -> None:
    with pytest.raises(NotAcceptable, match="one media type"):
        rendered_form(accept, alone=True, rules=AZURE_RENDERED)

    named = rendered_form("image/png", alone=True, rules=AZURE_RENDERED)
    assert named == RenderedForm(multipart=False, picture=PNG)
