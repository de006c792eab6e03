"""Which representation of frames wins: PS3.18 8.7.8, the Azure matrix, and what viewers send."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.domain.errors import InvalidRequest, NotAcceptable
from hilum.imaging.syntaxes import SYNTAXES
from hilum.wire.frame_choices import FrameForm, frame_forms
from hilum.wire.frame_rules import (
    AZURE_FRAMES,
    DEFAULT_SYNTAXES,
    SPELLINGS,
    STANDARD_FRAMES,
    media_type_of,
)

OCTETS = "application/octet-stream"
IMPLICIT, LITTLE, BIG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
JPEG, JPEG_LOSSLESS_14, JPEG_LOSSLESS = (f"1.2.840.10008.1.2.4.{n}" for n in (50, 57, 70))
JLS, NEAR_LOSSLESS, JP2 = (f"1.2.840.10008.1.2.4.{n}" for n in (80, 81, 90))
HTJ2K = "1.2.840.10008.1.2.4.201"
RLE = "1.2.840.10008.1.2.5"
MULTIPART = "multipart/related; type="


def offered(accept: str | None, stored: str, frames: int = 1) -> list[tuple[str, str]]:
    forms = frame_forms(accept, stored=stored, frames=frames, rules=STANDARD_FRAMES)
    return [(form.media_type, form.syntax) for form in forms]


@pytest.mark.parametrize(
    ("accept", "stored", "expected"),
    [
        # O9, O10, O12: OHIF as shipped.
        (f"{MULTIPART}{OCTETS}; transfer-syntax=*", JLS, [(OCTETS, JLS)]),
        (f'{MULTIPART}"{OCTETS}"; transfer-syntax="*"', JLS, [(OCTETS, JLS)]),
        (f"{MULTIPART}{OCTETS};transfer-syntax=*", IMPLICIT, [(OCTETS, LITTLE)]),
        (f"{MULTIPART}{OCTETS}; transfer-syntax=*", BIG, [(OCTETS, LITTLE)]),
        # O11: two parameters of the same name.
        (
            f"{MULTIPART}image/jls; transfer-syntax={JLS}; transfer-syntax=*",
            JLS,
            [("image/jls", JLS)],
        ),
        (
            f"{MULTIPART}image/jls; transfer-syntax={JLS}; transfer-syntax=*",
            LITTLE,
            [("image/jls", JLS), (OCTETS, LITTLE)],
        ),
        (
            f"{MULTIPART}image/jls; transfer-syntax={JLS}; transfer-syntax=*",
            RLE,
            [("image/jls", JLS), ("image/dicom-rle", RLE)],
        ),
        (
            f"{MULTIPART}image/dicom+jpeg; transfer-syntax={JPEG}; transfer-syntax=*",
            JPEG,
            [("image/dicom+jpeg", JPEG)],
        ),
        # Left open: the default of the type, but lossy pixels are not decoded first.
        (f"{MULTIPART}{OCTETS}", JP2, [(OCTETS, LITTLE)]),
        (f"{MULTIPART}image/jpeg", JPEG, [("image/jpeg", JPEG), ("image/jpeg", JPEG_LOSSLESS)]),
        (
            f"{MULTIPART}image/jpeg",
            JPEG_LOSSLESS_14,
            [("image/jpeg", JPEG_LOSSLESS), ("image/jpeg", JPEG_LOSSLESS_14)],
        ),
        (
            f"{MULTIPART}image/jls",
            NEAR_LOSSLESS,
            [("image/jls", NEAR_LOSSLESS), ("image/jls", JLS)],
        ),
        (f"{MULTIPART}image/jp2", LITTLE, [("image/jp2", JP2)]),
        ("image/jphc", HTJ2K, [("image/jphc", HTJ2K)]),
        # Quality decides; among equals what is stored costs nothing.
        (
            f"{MULTIPART}image/jp2; q=0.5, {MULTIPART}{OCTETS}; q=0.9",
            JP2,
            [(OCTETS, LITTLE), ("image/jp2", JP2)],
        ),
        (
            f"{MULTIPART}{OCTETS}; transfer-syntax={LITTLE}; transfer-syntax=*",
            RLE,
            [(OCTETS, RLE), (OCTETS, LITTLE)],
        ),
        (
            f"{OCTETS}; transfer-syntax={LITTLE}, {MULTIPART}{OCTETS}; transfer-syntax=*",
            RLE,
            [(OCTETS, RLE), (OCTETS, LITTLE)],
        ),
        # Wild cards.
        (None, JP2, [("image/jp2", JP2)]),
        ("", LITTLE, [(OCTETS, LITTLE)]),
        ("*/*", RLE, [("image/dicom-rle", RLE)]),
        ("text/html, */*;q=0.1", RLE, [("image/dicom-rle", RLE)]),
        (f"*/*; transfer-syntax={LITTLE}", RLE, [(OCTETS, LITTLE)]),
        ("*/*", "1.2.3.4", [(OCTETS, "1.2.3.4")]),
    ],
)
def test_what_a_client_takes_best_first(
    accept: str | None, stored: str, expected: list[tuple[str, str]]
) -> None:
    assert offered(accept, stored) == expected


def test_a_wild_card_of_images_takes_what_is_stored_then_lossless_defaults() -> None:
    found = offered(f"{MULTIPART}image/*", NEAR_LOSSLESS)

    assert found[0] == ("image/jls", NEAR_LOSSLESS)
    assert {media_type for media_type, _ in found} >= {"image/jpeg", "image/jls", "image/jp2"}
    assert OCTETS not in {media_type for media_type, _ in found}


@pytest.mark.parametrize("stored", [LITTLE, JLS, JPEG])
@pytest.mark.parametrize(
    "media_type", [name for name, syntax in DEFAULT_SYNTAXES.items() if SYNTAXES[syntax].encodes]
)
def test_nothing_lossy_is_made_for_who_leaves_it_open(media_type: str, stored: str) -> None:
    for _, syntax in offered(f"{MULTIPART}{media_type}", stored):
        assert syntax == stored or not SYNTAXES[syntax].may_be_lossy


@pytest.mark.parametrize(
    "accept",
    [
        f"{OCTETS}; q=0",
        "application/dicom",
        f"{MULTIPART}application/dicom; transfer-syntax=*",
        f"{MULTIPART}image/jls; transfer-syntax={JP2}",
        f"{OCTETS}; transfer-syntax={IMPLICIT}",
        f"{OCTETS}; transfer-syntax={BIG}",
        "image/png",
        "image/svg+xml",
        ",;=",
    ],
)
def test_what_names_nothing_that_is_offered_is_not_acceptable(accept: str) -> None:
    with pytest.raises(NotAcceptable):
        offered(accept, LITTLE)


def test_several_frames_are_no_single_part() -> None:
    multipart = f"{MULTIPART}{OCTETS}; q=0.5"
    with pytest.raises(NotAcceptable):
        offered(OCTETS, LITTLE, frames=2)
    with pytest.raises(InvalidRequest):
        frame_forms(OCTETS, stored=LITTLE, frames=2, rules=AZURE_FRAMES)

    for count, multi in ((1, False), (2, True)):
        first = frame_forms(
            f"{OCTETS}, {multipart}", stored=LITTLE, frames=count, rules=STANDARD_FRAMES
        )[0]
        assert first == FrameForm(multi, OCTETS, LITTLE)


@pytest.mark.parametrize(
    ("accept", "stored", "expected"),
    [
        (f"{MULTIPART}{OCTETS}", RLE, [FrameForm(True, OCTETS, LITTLE)]),
        (f"{MULTIPART}{OCTETS}; transfer-syntax=*", IMPLICIT, [FrameForm(True, OCTETS, IMPLICIT)]),
        (f"{OCTETS}; transfer-syntax=*", BIG, [FrameForm(False, OCTETS, BIG)]),
        (f'{MULTIPART}"image/jp2"', LITTLE, [FrameForm(True, "image/jp2", JP2)]),
        ("*/*", JP2, [FrameForm(True, OCTETS, JP2)]),
    ],
)
def test_the_azure_matrix(accept: str, stored: str, expected: list[FrameForm]) -> None:
    assert list(frame_forms(accept, stored=stored, frames=1, rules=AZURE_FRAMES)) == expected


@pytest.mark.parametrize(
    "accept",
    [
        None,
        "image/jp2",
        f"{MULTIPART}image/jp2; transfer-syntax=*",
        f"{MULTIPART}image/jls",
        f"{MULTIPART}image/x-jls",
        f"{OCTETS}; transfer-syntax={JP2}",
        "image/*",
        "multipart/related",
    ],
)
def test_beside_the_azure_matrix_nothing_is_acceptable(accept: str | None) -> None:
    with pytest.raises(NotAcceptable):
        frame_forms(accept, stored=JP2, frames=1, rules=AZURE_FRAMES)


def test_every_media_type_of_the_table_has_a_default_of_its_own() -> None:
    for media_type, syntax in DEFAULT_SYNTAXES.items():
        assert media_type_of(syntax) == media_type
    named = {each.media_type.lower() for each in SYNTAXES.values() if each.media_type}
    assert named == set(DEFAULT_SYNTAXES)
    assert set(SPELLINGS.values()) <= named


@given(st.text(max_size=60), st.sampled_from([*SYNTAXES, "1.2.3"]))
def test_any_text_is_read_or_refused(accept: str, stored: str) -> None:
    for rules in (STANDARD_FRAMES, AZURE_FRAMES):
        try:
            forms = frame_forms(accept, stored=stored, frames=1, rules=rules)
        except NotAcceptable:
            continue
        assert forms
