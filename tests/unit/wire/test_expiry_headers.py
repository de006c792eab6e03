"""Header fields that say when the studies of a store request expire."""

from datetime import UTC, datetime, timedelta

import pytest

from hilum.domain.errors import InvalidRequest
from hilum.wire.expiry import LEVEL_HEADER, OPTION_HEADER, TIME_HEADER, expiry_of

NOW = datetime(2031, 5, 6, tzinfo=UTC)
WHOLE = {TIME_HEADER: "1500", OPTION_HEADER: "RelativeToNow", LEVEL_HEADER: "Study"}


def test_without_a_header_field_there_is_no_expiry() -> None:
    assert expiry_of({}, NOW, strict=False) is None
    assert expiry_of({}, NOW, strict=True) is None


@pytest.mark.parametrize("strict", [True, False])
def test_the_time_counts_from_now(strict: bool) -> None:
    expected = NOW + timedelta(seconds=1.5)

    assert expiry_of(WHOLE, NOW, strict=strict) == expected
    assert expiry_of({**WHOLE, LEVEL_HEADER: "STUDY"}, NOW, strict=strict) == expected


def test_option_and_level_may_be_left_out_unless_all_are_asked_for() -> None:
    alone = {TIME_HEADER: "1500"}

    assert expiry_of(alone, NOW, strict=False) == NOW + timedelta(seconds=1.5)
    with pytest.raises(InvalidRequest, match=f"{OPTION_HEADER} is missing"):
        expiry_of(alone, NOW, strict=True)


@pytest.mark.parametrize(
    ("said", "text"),
    [
        *(({TIME_HEADER: value}, TIME_HEADER) for value in ("0", "-1", "1.5", "x", "", "1_0")),
        ({TIME_HEADER: "1" + "0" * 16}, "9999"),
        ({TIME_HEADER: "9" * 16}, "9999"),
        ({TIME_HEADER: "9" * 5000}, "9999"),
        ({TIME_HEADER: "1", OPTION_HEADER: "Absolute"}, "RelativeToNow"),
        ({TIME_HEADER: "1", LEVEL_HEADER: "Series"}, "Study"),
        ({OPTION_HEADER: "RelativeToNow"}, TIME_HEADER),
        ({LEVEL_HEADER: "Study"}, TIME_HEADER),
    ],
)
def test_what_says_something_else_is_refused(said: dict[str, str], text: str) -> None:
    with pytest.raises(InvalidRequest, match=text):
        expiry_of(said, NOW, strict=False)
