"""Which form of bulk data an Accept header means (PS3.18 sections 8.7.3.3, 8.7.5)."""

import pytest

from hilum.domain.errors import InvalidRequest, NotAcceptable
from hilum.wire.bulk_choices import (
    BulkForm,
    How,
    Offer,
    bulk_form,
    bulk_path,
    bulk_tag,
    part_offer,
    takes_parts,
)

EXPLICIT = "1.2.840.10008.1.2.1"
RLE = "1.2.840.10008.1.2.5"
OCTETS = "application/octet-stream"
AS_STORED = Offer("image/dicom-rle", How.FRAMES, RLE, alone=False)
NATIVE = Offer(OCTETS, How.DECODED, EXPLICIT, as_stored=False)
STORED_OCTETS = Offer(OCTETS, How.FRAMES, RLE, alone=False)
OFFERS = (AS_STORED, NATIVE, STORED_OCTETS)


@pytest.mark.parametrize(
    ("accept", "offer", "multipart"),
    [
        (None, AS_STORED, True),
        (" ", AS_STORED, True),
        ("*/*", AS_STORED, True),
        (OCTETS, NATIVE, False),
        ("application/*", NATIVE, False),
        (f"{OCTETS}; transfer-syntax={EXPLICIT}", NATIVE, False),
        (f"multipart/related; type={OCTETS}", NATIVE, True),
        (f"multipart/related; type={OCTETS}; transfer-syntax=*", STORED_OCTETS, True),
        (f"multipart/related; type={OCTETS}; transfer-syntax={RLE}", STORED_OCTETS, True),
        ('multipart/related; type="image/*"', AS_STORED, True),
        ("multipart/*", AS_STORED, True),
        (f"image/jpeg, {OCTETS};q=0.2, */*;q=0.1", NATIVE, False),
        (f"{OCTETS};q=0.2, */*;q=0.3", AS_STORED, True),
    ],
)
def test_the_best_range_that_is_offered_counts(
    accept: str | None, offer: Offer, multipart: bool
) -> None:
    assert bulk_form(accept, OFFERS) == BulkForm(offer, multipart)


@pytest.mark.parametrize(
    "accept",
    ["image/jpeg", "image/dicom-rle", f"{OCTETS};q=0", f"{OCTETS}; transfer-syntax=*", "nonsense"],
)
def test_what_is_not_offered_is_refused_with_what_is(accept: str) -> None:
    with pytest.raises(NotAcceptable, match=f"{OCTETS}; transfer-syntax={EXPLICIT} by itself"):
        bulk_form(accept, OFFERS)


def test_parts_of_a_longer_answer_take_the_first_form_named_or_the_last_offered() -> None:
    ranges = takes_parts(f'multipart/related; type="{OCTETS}"; transfer-syntax="*"')

    assert part_offer(ranges, OFFERS) is STORED_OCTETS
    assert part_offer(takes_parts("*/*"), OFFERS) is AS_STORED
    assert part_offer(takes_parts("multipart/related; type=text/plain"), OFFERS) is STORED_OCTETS
    with pytest.raises(NotAcceptable):
        takes_parts(OCTETS)


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("7FE00010", "7FE00010"),
        ("7fe00010", "7FE00010"),
        ("54000100/007/5400101a", "54000100/7/5400101A"),
    ],
)
def test_a_path_is_read_in_either_case(written: str, path: str) -> None:
    assert bulk_path(written) == path


@pytest.mark.parametrize(
    "written",
    [
        "",
        "7FE0001",
        "7FE00010/",
        "7FE00010/1",
        "G0000000",
        "00081140/-1/7FE00010",
        "00081140/²/7FE00010",
        "00081140/0/" * 200 + "7FE00010",
    ],
)
def test_anything_else_is_refused(written: str) -> None:
    with pytest.raises(InvalidRequest, match="54000100/0/54001010"):
        bulk_path(written)


def test_a_tag_follows_from_content_and_form() -> None:
    alone, parts = BulkForm(NATIVE, multipart=False), BulkForm(NATIVE, multipart=True)
    tags = {
        bulk_tag(b"a", "7FE00010", alone, "https://a/"),
        bulk_tag(b"b", "7FE00010", alone, "https://a/"),
        bulk_tag(b"a", "00281201", alone, "https://a/"),
        bulk_tag(b"a", "7FE00010", parts, "https://a/"),
        bulk_tag(b"a", "7FE00010", parts, "https://b/"),
    }

    assert len(tags) == 5
    assert bulk_tag(b"a", "7FE00010", alone, "https://b/") in tags
