"""Ranges of bytes (RFC 9110 section 14)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.domain.errors import RangeNotSatisfiable
from hilum.wire.byte_ranges import ByteRange, requested_range
from hilum.wire.http_status import http_headers, http_status

TAG = '"abc"'


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=0-9", (0, 10)),
        ("bytes=5-", (5, 10)),
        ("bytes=5-99", (5, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-99", (0, 10)),
        ("Bytes = 2-3 ", (2, 4)),
    ],
)
def test_one_range_is_cut_at_the_end(header: str, expected: tuple[int, int]) -> None:
    found = requested_range(header, None, TAG, 10)

    assert found == expected
    assert found is not None
    assert found.content_range(10) == f"bytes {expected[0]}-{expected[1] - 1}/10"


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=3-1",
        "bytes=1-2,4-5",
        "items=1-2",
        "bytes=+1-2",
    ],
)
def test_what_is_no_range_or_several_means_the_whole(header: str | None) -> None:
    assert requested_range(header, None, TAG, 10) is None


@pytest.mark.parametrize(("header", "size"), [("bytes=10-", 10), ("bytes=-0", 10), ("bytes=-1", 0)])
def test_a_range_behind_the_end_is_refused_with_the_size(header: str, size: int) -> None:
    with pytest.raises(RangeNotSatisfiable) as refused:
        requested_range(header, None, TAG, size)

    assert http_status(refused.value, dicomweb=True) == 416
    assert http_headers(refused.value) == {"Content-Range": f"bytes */{size}"}


@pytest.mark.parametrize(
    "if_range", ['"other"', f"W/{TAG}", "abc", "Sun, 06 Nov 1994 08:49:37 GMT"]
)
def test_another_validator_means_the_whole(if_range: str) -> None:
    assert requested_range("bytes=0-1", if_range, TAG, 10) is None
    assert requested_range("bytes=0-1", TAG, TAG, 10) == ByteRange(0, 2)


@given(st.text(alphabet="bytes=-,0123456789 ", max_size=20), st.integers(0, 100))
def test_any_range_lies_inside(header: str, size: int) -> None:
    try:
        found = requested_range(header, None, TAG, size)
    except RangeNotSatisfiable:
        return
    assert found is None or 0 <= found.start < found.stop <= size
