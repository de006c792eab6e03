"""Write docs/conformance/instances.md from the table of transfer syntaxes and the surfaces' rules.

python tools/instance_conformance.py            writes the page
python tools/instance_conformance.py --check    fails when the page is not current
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from pages import row, write_or_check

from hilum.dicom.explicit_little import CONVERTIBLE
from hilum.imaging.syntaxes import EXPLICIT_LITTLE_ENDIAN, SYNTAXES, Syntax
from hilum.wire.retrieve_rules import AS_STORED, RetrieveRules
from hilum.wire.surfaces import AZURE_V1, AZURE_V2, STANDARD

PAGE = Path(__file__).parents[1] / "docs" / "conformance" / "instances.md"
DEFAULT_IN_WORDS = f"`{EXPLICIT_LITTLE_ENDIAN.uid}`, of what is stored lossy `*`,"
INTRODUCTION = """# Transfer syntaxes of instances

<!-- Made by tools/instance_conformance.py from src/hilum/imaging/syntaxes.py and
src/hilum/wire/retrieve_rules.py; do not edit. -->

In which transfer syntaxes studies, series and instances can be asked for. How the choice is made is
told in [dicomweb.md](dicomweb.md#accept-and-transfer-syntaxes), and what becomes of an instance in
[0022](../decisions/0022-whole-instances.md).
"""
PAIRS = """## From stored to wanted

An instance stored in a row's syntax goes out in each that is marked: `=` byte for byte, `header`
without decoding. A pair does not hold for an image that does not fit its target: one with samples
of more than 16 bits, or of one bit, or with overlays in unused bits. Video, hierarchical JPEG,
JPIP, JPEG XL and multi-component JPEG 2000 go out as stored only; instances without pixel data as
stored and in Explicit VR Little Endian.
"""


def page() -> str:
    """The whole page."""
    targets = [each for each in SYNTAXES.values() if each.encodes]
    sources = [each for each in SYNTAXES.values() if each.decodes]
    lines = [
        INTRODUCTION,
        "## Values of `transfer-syntax`",
        "",
        "| surface | may be named | when none is named | what is converted | limit |",
        "|---|---|---|---|---|",
        _surface_row("`/dicom-web`", STANDARD.retrieve),
        _surface_row("`/v1`", AZURE_V1.retrieve),
        _surface_row("`/v2`", AZURE_V2.retrieve),
        "",
        "## Targets",
        "",
        "| number | transfer syntax | name | lossy: where `pixels.lossy` allows it |",
        "|---|---|---|---|",
        *_target_rows(targets),
        "",
        PAIRS,
        row("stored in", "name", *(str(number + 1) for number in range(len(targets))), "Azure"),
        "|" + "---|" * (len(targets) + 3),
        *(_pair_row(source, targets) for source in sources),
    ]
    return "\n".join(lines) + "\n"


def _surface_row(name: str, rules: RetrieveRules) -> str:
    offered = sorted(rules.offered_syntaxes, key=lambda each: (each != AS_STORED, each))
    named = ", ".join(f"`{each}`" for each in offered) or "any"
    default = " else ".join(
        f"`{each}`" if each else DEFAULT_IN_WORDS for each in rules.default_syntaxes
    )
    sources = "see below" if rules.convertible_syntaxes is None else "column Azure below"
    limit = "`retrieve.conversion_bytes`"
    if rules.maximum_conversion_bytes is not None:
        limit = f"`retrieve.azure_conversion_bytes` ({rules.maximum_conversion_bytes >> 20} MiB)"
    if not rules.converts_many:
        limit += ", one instance"
    return row(name, named, default, sources, limit)


def _target_rows(targets: list[Syntax]) -> Iterator[str]:
    for number, target in enumerate(targets):
        lossy = "lossy" if target.may_be_lossy else ""
        yield row(str(number + 1), f"`{target.uid}`", target.name, lossy)


def _pair_row(source: Syntax, targets: list[Syntax]) -> str:
    marks = [_mark(source, target) for target in targets]
    azure = AZURE_V2.retrieve.convertible_syntaxes or frozenset[str]()
    return row(
        f"`{source.uid}`", source.name, *marks, "converted" if source.uid in azure else "`*` only"
    )


def _mark(source: Syntax, target: Syntax) -> str:
    if source.uid == target.uid:
        return "="
    if target is EXPLICIT_LITTLE_ENDIAN and source.uid in CONVERTIBLE:
        return "header"
    return "lossy" if target.may_be_lossy else "yes"


if __name__ == "__main__":
    sys.exit(write_or_check(PAGE, page()))
