"""Conditions that a person has read, where the grammar cannot or reads too little.

Each is told by the tag it is for and by words its sentence has. P marks conditions that cannot be
ruled out from the data set: what they ask for may be missing.
"""

from typing import Any, Final

Expression = list[Any]


def _absent(*tags: str) -> list[Expression]:
    return [["-", tag, 0, []] for tag in tags]


_CT_MR: Final = [
    "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.2.1",
    "1.2.840.10008.5.1.4.1.1.4.1", "1.2.840.10008.5.1.4.1.1.4.3", "1.2.840.10008.5.1.4.1.1.4.2",
]  # fmt: skip
_PALETTE: Final[Expression] = [
    "or",
    [["=", "00280004", 0, ["PALETTE COLOR"]], ["=", "00089205", 0, ["COLOR", "MIXED"]]],
]
CONDITIONS: Final[dict[str, tuple[str, str, Expression | None]]] = {
    # Which body part it is stands in Body Part Examined or Anatomic Region Sequence.
    "00200060": (
        "paired structure", "P",
        ["and", _absent("00180015", "00082218", "00200062", "00209072", "00240113")],
    ),
    "00185100": (
        "Patient Orientation Code Sequence (0054,0410) is not present and whose", "R",
        ["and", [*_absent("00540410"), ["=", "00080016", 0, _CT_MR]]],
    ),
    "00200020": (
        "image does not require", "P",
        ["and", [*_absent("00200037", "00480102", "52009229"), ["!=", "00080016", 0, _CT_MR]]],
    ),
    "52009230": ("Per-Frame Functional Groups", "P", [">", "00280008", 0, ["1"]]),
    # One of the three code values must be there; which one is told by its length.
    "00080100": ("code value length", "R", ["and", _absent("00080119", "00080120")]),
    "00080119": ("Code Value", "U", None),
    "00080120": ("Code Value", "U", None),
    # Segmented tables take the place of plain ones (PS3.3 C.7.9.2).
    **{
        f"0028120{n}": ("PALETTE COLOR", "R", ["and", [_PALETTE, *_absent(f"0028122{n}")]])
        for n in (1, 2, 3)
    },
}  # fmt: skip

VALUE_TYPES: Final = {
    "0040A300": ["NUM"], "0040A301": ["NUM"], "0040A168": ["CODE"],
    "00081199": ["COMPOSITE", "IMAGE", "WAVEFORM"], "00700022": ["SCOORD", "SCOORD3D"],
    "00700023": ["SCOORD", "SCOORD3D"], "30060024": ["SCOORD3D"], "0040A130": ["TCOORD"],
    "0040A132": ["TCOORD"], "0040A138": ["TCOORD"], "0040A13A": ["TCOORD"],
    "0040A050": ["CONTAINER"],
}  # fmt: skip
"""Macros of content items are included if and only if the Value Type is one of these
(PS3.3 table C.17.3-7)."""
CONTENT_MODULE: Final = "sr-document-content"
CONTENT_SEQUENCE: Final = "0040A730"
VALUE_TYPE: Final = "0040A040"
BY_REFERENCE: Final = "0040DB73"


def read(tag: str, sentence: str) -> tuple[str, Expression | None] | None:
    """Return kind and expression of a condition, when a person has read it."""
    words, kind, expression = CONDITIONS.get(tag, ("", "", None))
    return (kind, expression) if words and words in sentence else None
