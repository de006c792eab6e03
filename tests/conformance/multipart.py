"""Reading multipart/related answers with nothing of ours."""

import email
from email.message import Message

import httpx


def parts(response: httpx.Response) -> list[tuple[Message, bytes]]:
    """Headers and body of each part, by the plain rules of RFC 2046."""
    head = f"Content-Type: {response.headers['content-type']}\r\n\r\n"
    boundary = email.message_from_string(head).get_boundary()
    assert boundary is not None
    delimiter = b"--" + boundary.encode()
    before, *bodies, after = (b"\r\n" + response.content).split(b"\r\n" + delimiter)
    assert before == b""
    assert after.startswith(b"--")
    found = []
    for body in bodies:
        headers, separator, content = body.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        assert separator
        found.append((email.message_from_bytes(headers + separator), content))
    return found
