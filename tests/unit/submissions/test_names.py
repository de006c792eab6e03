"""Names of files as senders tell them become relative paths that can be shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.submissions.names import LONGEST_NAME, NAMELESS, shown_name


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("image.dcm", "image.dcm"),
        ("study/series/1", "study/series/1"),
        ("./a//b/./c", "a/b/c"),
        ("../../etc/passwd", "etc/passwd"),
        ("/absolute", "absolute"),
        ("C:\\scans\\1.dcm", "scans/1.dcm"),
        ("\\\\server\\share\\1.dcm", "server/share/1.dcm"),
        ("a\x00b\x1f\u202e\u200b.dcm", "ab.dcm"),
        ("line\r\nbreak", "linebreak"),
        (" a /\u00a0b ", "a/b"),
        ("Ünïcode 名前.dcm", "Ünïcode 名前.dcm"),
        ("", NAMELESS),
        ("../..", NAMELESS),
        ("lone \ud800 surrogate", "lone  surrogate"),
        ("ab:c/d", "ab:c/d"),
    ],
)
def test_a_name_is_shown(told: str, shown: str) -> None:
    assert shown_name(told) == shown


@given(st.text(max_size=600) | st.text(alphabet="./\\ \x00a:", max_size=600))
def test_whatever_is_told_the_name_is_short_relative_and_can_be_written(told: str) -> None:
    name = shown_name(told)

    assert 0 < len(name) <= LONGEST_NAME
    assert name.encode()
    assert name.isprintable()
    assert not name.startswith("/")
    assert ".." not in name.split("/")
    assert "\\" not in name
