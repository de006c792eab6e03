"""What a transfer syntax says about the encoding of a data set (PS3.5 section 10 and Annex A)."""

from typing import Final, NamedTuple

IMPLICIT_VR_LITTLE_ENDIAN: Final = "1.2.840.10008.1.2"
EXPLICIT_VR_LITTLE_ENDIAN: Final = "1.2.840.10008.1.2.1"
DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN: Final = "1.2.840.10008.1.2.1.99"
JPIP_REFERENCED_DEFLATE: Final = "1.2.840.10008.1.2.4.95"
JPIP_HTJ2K_REFERENCED_DEFLATE: Final = "1.2.840.10008.1.2.4.205"
EXPLICIT_VR_BIG_ENDIAN: Final = "1.2.840.10008.1.2.2"

_DEFLATED: Final = frozenset(
    {
        DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
        JPIP_REFERENCED_DEFLATE,
        JPIP_HTJ2K_REFERENCED_DEFLATE,
    }
)


class Encoding(NamedTuple):
    """How the elements of a data set are written."""

    is_implicit: bool
    is_little_endian: bool
    is_deflated: bool = False


def encoding_of(transfer_syntax_uid: str) -> Encoding:
    """Return the encoding; unlisted syntaxes are explicit little endian (PS3.5 A.4)."""
    return Encoding(
        is_implicit=transfer_syntax_uid == IMPLICIT_VR_LITTLE_ENDIAN,
        is_little_endian=transfer_syntax_uid != EXPLICIT_VR_BIG_ENDIAN,
        is_deflated=transfer_syntax_uid in _DEFLATED,
    )
