from email.parser import BytesParser
from email.policy import HTTP

import pytest

from hilum.wire.multipart_writer import MultipartWriter, new_boundary


def written(writer: MultipartWriter, bodies: list[bytes]) -> bytes:
    text = b"".join(
        writer.part_head("application/dicom", length=len(body)) + body for body in bodies
    )
    return text + writer.end()


def test_a_body_is_read_back_by_the_mime_parser_of_the_standard_library() -> None:
    writer = MultipartWriter()
    body = written(writer, [b"first", b"", b"third\r\nline"])

    head = f"Content-Type: {writer.content_type('application/dicom')}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + body)

    assert message.get_content_type() == "multipart/related"
    assert message.get_param("type") == "application/dicom"
    parts = list(message.iter_parts())
    assert [part.get_payload(decode=True) for part in parts] == [b"first", b"", b"third\r\nline"]
    assert [part["Content-Length"] for part in parts] == ["5", "0", "11"]


def test_the_exact_bytes_of_two_parts() -> None:
    writer = MultipartWriter("B")

    body = (
        writer.part_head("application/dicom", [("Content-Location", "/x")], 2)
        + b"ab"
        + writer.part_head("text/plain")
        + b"c"
        + writer.end()
    )

    assert body == (
        b"--B\r\nContent-Type: application/dicom\r\nContent-Length: 2\r\nContent-Location: /x\r\n"
        b"\r\nab\r\n--B\r\nContent-Type: text/plain\r\n\r\nc\r\n--B--\r\n"
    )


def test_a_body_without_parts_is_only_the_close_delimiter() -> None:
    assert MultipartWriter("B").end() == b"--B--\r\n"


def test_boundaries_carry_at_least_128_random_bits_and_fit_rfc_2046() -> None:
    boundaries = {new_boundary() for _ in range(100)}

    assert len(boundaries) == 100
    assert all(len(boundary) * 4 >= 128 and len(boundary) <= 70 for boundary in boundaries)


@pytest.mark.parametrize("evil", ["a\r\nX: 1", "a\nb", "a\0b"])
def test_a_header_that_would_break_out_of_its_line_is_refused(evil: str) -> None:
    writer = MultipartWriter()

    with pytest.raises(ValueError, match="line break"):
        writer.part_head("application/dicom", [("Content-Location", evil)])
