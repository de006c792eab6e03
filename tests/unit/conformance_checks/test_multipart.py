"""The strict reader of multipart/related."""

import pytest

from hilum.conformance.multipart import Malformed, MediaType, read_multipart

KIND = 'multipart/related; type="application/dicom"; boundary=b'


def test_parts_are_read_with_their_headers() -> None:
    body = b"--b\r\nContent-Type: a/b\r\n\r\none\r\n--b\r\n\r\n\r\ntwo\r\n--b--\r\n"

    parts = read_multipart(KIND, body)

    assert [part.body for part in parts] == [b"one", b"\r\ntwo"]
    assert parts[0].headers == {"content-type": "a/b"}


def test_a_preamble_is_passed_over_and_a_quoted_boundary_understood() -> None:
    kind = 'Multipart/Related; TYPE="a/b;c"; boundary="b c"'
    body = b"preamble\r\n--b c\r\nX: y\r\n\r\n\r\n--b c--"

    [part] = read_multipart(kind, body)

    assert part.body == b""
    assert MediaType.of(kind).parameters["type"] == "a/b;c"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/plain; boundary=b", b"--b\r\n\r\n\r\n--b--"),
        ('multipart/related; type="a/b"', b"--b\r\n\r\n\r\n--b--"),
        ("multipart/related; boundary=b", b"--b\r\nX: y\r\n\r\n\r\n--b--"),
        (KIND.replace("boundary=b", f"boundary={'b' * 71}"), b"--b"),
        (KIND, b"nothing of the kind"),
        (KIND, b"--b--\r\n"),
        (KIND, b"--b\nX: y\n\n\n--b--"),
        (KIND, b"--b\r\nX: y\r\n\r\nno end"),
        (KIND, b"--b\r\nX: y\r\nno blank line\r\n--b--"),
        (KIND, b"--b\r\nno colon\r\n\r\n\r\n--b--"),
        (KIND, b"--b\r\nX : y\r\n\r\n\r\n--b--"),
        (KIND, b"--bX\r\nX: y\r\n\r\n\r\n--b--"),
    ],
)
def test_what_the_rules_do_not_allow_is_malformed(kind: str, body: bytes) -> None:
    with pytest.raises(Malformed):
        read_multipart(kind, body)
