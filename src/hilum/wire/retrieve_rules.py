"""How instances and their metadata are given back, by surface, as data."""

from dataclasses import dataclass
from typing import Final

AS_STORED: Final = "*"
"""Value of `transfer-syntax` for the syntax an instance is stored in (PS3.18 8.7.3.5.2)."""
EXPLICIT_LITTLE: Final = "1.2.840.10008.1.2.1"
JPEG_2000_LOSSLESS: Final = "1.2.840.10008.1.2.4.90"


@dataclass(frozen=True, slots=True)
class RetrieveRules:
    """What a surface offers for instances, and what it does when the client leaves it open."""

    strict: bool
    """A missing Accept header is refused, and only the offered syntaxes may be named."""
    offered_syntaxes: frozenset[str]
    """Values of `transfer-syntax` that may be asked for; empty: any, if the archive has it."""
    default_syntaxes: tuple[str, ...]
    """What `transfer-syntax` means when it is not given: the first that can be had."""
    converts_many: bool
    """A named transfer syntax may be asked for when more than one instance is retrieved."""
    maximum_conversion_bytes: int | None
    """Larger instances are not converted here, whatever the setting allows."""
    hides_invalid_attributes: bool
    """Attributes whose value breaks its VR are left out of metadata."""
    quoted_etags: bool
    """ETags are quoted (RFC 9110 section 8.8.3) and weak, since encodings differ in bytes."""


# The first default is what PS3.18 8.7.3.5.2 asks for; the second is for encapsulated instances,
# which go out as they are: their syntax is named in every part, and viewers decode it.
STANDARD_RETRIEVE: Final = RetrieveRules(
    strict=False,
    offered_syntaxes=frozenset(),
    default_syntaxes=(EXPLICIT_LITTLE, AS_STORED),
    converts_many=True,
    maximum_conversion_bytes=None,
    hides_invalid_attributes=False,
    quoted_etags=True,
)
AZURE_RETRIEVE: Final = RetrieveRules(
    strict=True,
    offered_syntaxes=frozenset({AS_STORED, EXPLICIT_LITTLE, JPEG_2000_LOSSLESS}),
    default_syntaxes=(EXPLICIT_LITTLE,),
    converts_many=False,
    maximum_conversion_bytes=100 * 1024 * 1024,
    hides_invalid_attributes=True,
    quoted_etags=False,
)
