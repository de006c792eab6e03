import uuid

import pytest

from hilum.foundation.ids import accepted_correlation_id, new_correlation_id


@pytest.mark.parametrize("text", ["a", "A-b_c.9", "x" * 64, "7d9f1c52-1c4b-4b0e-9a53-0d3a3f2c8e11"])
def test_a_plain_correlation_id_is_taken_over(text: str) -> None:
    assert accepted_correlation_id(text) == text


@pytest.mark.parametrize(
    "text", [None, "", "x" * 65, "a b", "a\nb", 'a"b', "é", "a/b", "{id}", "a\n"]
)
def test_anything_else_gets_a_fresh_id(text: str | None) -> None:
    fresh = accepted_correlation_id(text)

    assert fresh != text
    assert uuid.UUID(fresh).version == 4


def test_fresh_ids_differ() -> None:
    assert new_correlation_id() != new_correlation_id()
