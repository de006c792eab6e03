"""Is it DICOM? Decided on the first bytes, so that a folder of anything can be pointed at."""

from typing import Final

_ZIP_SIGNATURES: Final = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_VALUE_REPRESENTATIONS: Final = frozenset(
    b"AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN "
    b"UR US UT UV".split()
)
_LONGEST_FIRST_VALUE: Final = 1024
_FIRST_ELEMENTS: Final = frozenset(
    (0x0000, 0x0001, 0x0005, 0x0006, 0x0008, 0x0012, 0x0013, 0x0014, 0x0016, 0x0018, 0x0020)
)


def looks_like_zip(head: bytes) -> bool:
    """True for a zip file, an empty or spanned one included."""
    return head.startswith(_ZIP_SIGNATURES)


def looks_like_dicom(head: bytes) -> bool:
    """True for a Part 10 file, and for a data set that was written without its preamble.

    The second kind breaks PS3.10 section 7.1 and is common on old media: it starts with an element
    of the file meta group, or with one of the first elements of group 0008.
    """
    if head[128:132] == b"DICM":
        return True
    return _starts_with_element(head, "little") or _starts_with_element(head, "big")


def _starts_with_element(head: bytes, order: str) -> bool:
    if len(head) < 8:
        return False
    little = order == "little"
    group, element = _u16(head, 0, little=little), _u16(head, 2, little=little)
    if group not in (0x0002, 0x0008) or (group == 0x0002 and element > 0x0102):
        return False
    if head[4:6] in _VALUE_REPRESENTATIONS:
        return True
    length = int.from_bytes(head[4:8], "little")
    implicit = little and element in _FIRST_ELEMENTS
    return implicit and length <= _LONGEST_FIRST_VALUE and length % 2 == 0


def _u16(head: bytes, offset: int, *, little: bool) -> int:
    return int.from_bytes(head[offset : offset + 2], "little" if little else "big")
