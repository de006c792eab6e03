"""How instances and their metadata are given back, by surface, as data."""

from dataclasses import dataclass, replace
from typing import Final

DEFAULT: Final = ""
"""What is meant when no `transfer-syntax` is given: Explicit VR Little Endian, but what is stored
in a lossy syntax as it is (PS3.18 8.7.3.4)."""
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
    convertible_syntaxes: frozenset[str] | None
    """Instances in other transfer syntaxes are given as stored only; None: all that can be."""
    hides_invalid_attributes: bool
    """Attributes whose value breaks its VR are left out of metadata."""
    tells_bulk_data: bool
    """Metadata holds small bulk values and tells where the others are retrieved."""
    offers_zip: bool
    """Instances go out as one `application/zip`, too (PS3.18 section 8.6.1.3)."""
    quoted_etags: bool
    """ETags are quoted (RFC 9110 section 8.8.3) and weak, since encodings differ in bytes."""


# What cannot be decoded, or would be too long, goes out as stored, which PS3.18 8.7.3.4 permits:
# its syntax is named in every part.
STANDARD_RETRIEVE: Final = RetrieveRules(
    strict=False,
    offered_syntaxes=frozenset(),
    default_syntaxes=(DEFAULT, AS_STORED),
    converts_many=True,
    maximum_conversion_bytes=None,
    convertible_syntaxes=None,
    hides_invalid_attributes=False,
    tells_bulk_data=True,
    offers_zip=True,
    quoted_etags=True,
)
AZURE_V2_RETRIEVE: Final = RetrieveRules(
    strict=True,
    offered_syntaxes=frozenset({AS_STORED, EXPLICIT_LITTLE, JPEG_2000_LOSSLESS}),
    default_syntaxes=(EXPLICIT_LITTLE,),
    converts_many=False,
    maximum_conversion_bytes=100 * 1024 * 1024,
    convertible_syntaxes=frozenset(
        {
            "1.2.840.10008.1.2",
            EXPLICIT_LITTLE,
            "1.2.840.10008.1.2.2",
            "1.2.840.10008.1.2.5",
            "1.2.840.10008.1.2.4.50",
            "1.2.840.10008.1.2.4.57",
            "1.2.840.10008.1.2.4.70",
            JPEG_2000_LOSSLESS,
            "1.2.840.10008.1.2.4.91",
        }
    ),
    hides_invalid_attributes=True,
    tells_bulk_data=False,
    offers_zip=False,
    quoted_etags=False,
)
# Version 1 keeps metadata as it came: it looks at indexed attributes only, and refuses.
AZURE_V1_RETRIEVE: Final = replace(AZURE_V2_RETRIEVE, hides_invalid_attributes=False)
