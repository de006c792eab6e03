"""Writing multipart/related bodies (RFC 2046 section 5.1, RFC 2387; PS3.18 section 8.7.1)."""

import secrets
from collections.abc import Iterable
from typing import Final

_BOUNDARY_RANDOM_BYTES: Final = 20
"""160 random bits: readers in use end a part at the first bytes that look like the boundary."""

_FORBIDDEN: Final = ("\r", "\n", "\0")


def new_boundary() -> str:
    """Return a boundary of 40 hexadecimal digits that no stored pixel data can foresee."""
    return secrets.token_hex(_BOUNDARY_RANDOM_BYTES)


class MultipartWriter:
    """Writes the bytes around the parts; the bodies themselves go out by another way.

    Order of use: for every part `part_head(...)` and then its body, and `end()` at the last. One
    writer serves one body: it remembers whether a part came before.
    """

    __slots__ = ("_delimiter", "_parts", "boundary")

    def __init__(self, boundary: str | None = None) -> None:
        self.boundary: Final = new_boundary() if boundary is None else boundary
        self._delimiter: Final = f"--{self.boundary}".encode("ascii")
        self._parts = 0

    def content_type(self, type_parameter: str) -> str:
        """Content-Type of the whole body; `type_parameter` is the media type of its parts."""
        return f'multipart/related; type="{type_parameter}"; boundary="{self.boundary}"'

    def part_head(
        self,
        content_type: str,
        headers: Iterable[tuple[str, str]] = (),
        length: int | None = None,
    ) -> bytes:
        """Delimiter and headers of the next part, up to and with the empty line.

        `length` is the number of bytes of the part's body, when known. The spelling
        `Content-Type` comes first and in this case: some readers look for just that.

        Raises `ValueError` for a header that would break out of its line.
        """
        lines = [f"Content-Type: {content_type}"]
        if length is not None:
            lines.append(f"Content-Length: {length}")
        lines += [f"{name}: {value}" for name, value in headers]
        for line in lines:
            if any(character in line for character in _FORBIDDEN):
                message = "a part header holds a line break or NUL"
                raise ValueError(message)
        before = b"\r\n" if self._parts else b""
        self._parts += 1
        return b"%b%b\r\n%b\r\n\r\n" % (before, self._delimiter, "\r\n".join(lines).encode("ascii"))

    def end(self) -> bytes:
        """Close delimiter, with the line break that ends the last part's body before it."""
        before = b"\r\n" if self._parts else b""
        return b"%b%b--\r\n" % (before, self._delimiter)
