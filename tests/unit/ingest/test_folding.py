"""Values to what the index compares."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.dicom.attributes import Folding
from hilum.ingest.folding import (
    KEY_CHARACTERS,
    fold_date,
    fold_integer,
    fold_time,
    folded,
)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("20240229", "20240229"),
        ("2024.02.29", "20240229"),
        ("20240229 ", "20240229"),
        ("20240229\0", "20240229"),
        ("2024.0229", None),
        ("202402", None),
        ("20241301", None),
        ("20240200", None),
        ("2024-02-29", None),
        ("٢٠٢٤٠٢٢٩", None),
        ("", None),
    ],
)
def test_dates_are_normalised(text: str, key: str | None) -> None:
    assert fold_date(text) == key


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("10", "100000.000000"),
        ("1011", "101100.000000"),
        ("101112", "101112.000000"),
        ("101112.5", "101112.500000"),
        ("101112.123456 ", "101112.123456"),
        ("10:11:12", "101112.000000"),
        ("235960", "235960.000000"),
        ("24", None),
        ("1", None),
        ("101112.", None),
        ("101112.1234567", None),
        ("1060", None),
        ("", None),
    ],
)
def test_times_are_normalised(text: str, key: str | None) -> None:
    assert fold_time(text) == key


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (7, 7),
        ("7", 7),
        (" 07 ", 7),
        (7.0, 7),
        (7.5, None),
        ("7.5", None),
        ("seven", None),
        (None, None),
        (2**63 - 1, 2**63 - 1),
        (2**63, None),
        (-(2**63) - 1, None),
        (float("inf"), None),
        ("9" * 5000, None),
        ({}, None),
    ],
)
def test_integers_are_whole_numbers_of_64_bits(value: object, key: int | None) -> None:
    assert fold_integer(value) == key


@given(st.times())
def test_folded_times_compare_as_times(time: object) -> None:
    text = f"{time:%H%M%S.%f}"
    assert fold_time(text) == text


def test_names_are_folded_with_all_their_groups() -> None:
    name = {"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎", "Phonetic": "やまだ^たろう"}

    assert folded(Folding.NAME, name) == "yamada tarou 山田 太郎 やまた たろう"
    assert folded(Folding.NAME, {"Alphabetic": "Çelik^ÖMER"}) == "celik omer"
    assert folded(Folding.NAME, {"Alphabetic": None}) is None
    assert folded(Folding.NAME, {}) is None


def test_texts_are_folded_without_padding_and_nul() -> None:
    assert folded(Folding.TEXT, " CT\0") == "ct"
    assert folded(Folding.TEXT, "\0 ") is None
    assert folded(Folding.TEXT, None) is None
    assert folded(Folding.TEXT, 12) == "12"
    assert folded(Folding.UID, "1.2.3\0") == "1.2.3"


@given(st.text(), st.sampled_from([Folding.TEXT, Folding.NAME]))
def test_no_key_is_longer_than_an_index_row_can_hold(text: str, folding: Folding) -> None:
    key = folded(folding, text * 50)

    assert key is None or (isinstance(key, str) and 0 < len(key) <= KEY_CHARACTERS)
    assert key is None or "\0" not in str(key)


@given(
    st.none() | st.integers() | st.floats() | st.text() | st.dictionaries(st.text(), st.text()),
    st.sampled_from(Folding),
)
def test_any_json_value_folds(value: object, folding: Folding) -> None:
    folded(folding, value)
