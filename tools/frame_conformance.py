"""Write docs/conformance/frames.md from the rules of the surfaces themselves.

python tools/frame_conformance.py            writes the page
python tools/frame_conformance.py --check    fails when the page is not current
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from pages import mark, row, write_or_check

from hilum.imaging.syntaxes import SYNTAXES, Syntax
from hilum.wire.frame_rules import (
    DEFAULT_SYNTAXES,
    SPELLINGS,
    answers_as,
    media_type_of,
)
from hilum.wire.retrieve_rules import AS_STORED
from hilum.wire.surfaces import AZURE_V2, STANDARD

PAGE = Path(__file__).parents[1] / "docs" / "conformance" / "frames.md"
INTRODUCTION = """# Media types and transfer syntaxes of frames

<!-- Made by tools/frame_conformance.py from src/hilum/wire/frame_rules.py and
src/hilum/imaging/syntaxes.py; do not edit. -->

What `/frames/{list}` can be asked for. How the choice is made is told in
[dicomweb.md](dicomweb.md#frames).
"""


def page() -> str:
    """The whole page."""
    lines = [
        INTRODUCTION,
        "## Media types",
        "",
        "Each as `multipart/related; type=...`, and one frame also alone where it says so. "
        "`/v1` and `/v2` take only what stands in their column.",
        "",
        "| media type | other spellings | without `transfer-syntax` | alone | `/v1`, `/v2` |",
        "|---|---|---|---|---|",
        *_media_type_rows(),
        "",
        "## Transfer syntaxes",
        "",
        "A frame stored in the first column goes out as in the second when nothing is decoded "
        "(`*`). What decodes can go out in every syntax that encodes; a lossy one is made only for "
        "who names it, and only where the setting `pixels.lossy` allows it.",
        "",
        "| stored in | name | `*` on `/dicom-web` | media type | lossy | decodes | encodes |",
        "|---|---|---|---|---|---|---|",
        *map(_syntax_row, SYNTAXES.values()),
    ]
    return "\n".join(lines) + "\n"


def _media_type_rows() -> Iterator[str]:
    azure = dict(AZURE_V2.frames.offered)
    for media_type, _ in STANDARD.frames.offered:
        others = ", ".join(f"`{old}`" for old, new in SPELLINGS.items() if new == media_type)
        allowed = sorted(azure.get(media_type, ()), key=lambda each: (each != AS_STORED, each))
        alone = [
            name
            for name, surface in (("`/dicom-web`", STANDARD), ("`/v1`, `/v2`", AZURE_V2))
            if media_type in surface.frames.single_part
        ]
        cells = (
            f"`{media_type}`",
            others,
            f"`{DEFAULT_SYNTAXES[media_type]}`",
            ", ".join(alone),
            ", ".join(f"`{each}`" for each in allowed),
        )
        yield row(*cells)


def _syntax_row(syntax: Syntax) -> str:
    as_stored = answers_as(syntax.uid, STANDARD.frames)
    return row(
        f"`{syntax.uid}`",
        syntax.name,
        f"`{as_stored}`",
        f"`{media_type_of(as_stored)}`",
        mark(syntax.may_be_lossy),
        mark(syntax.decodes),
        mark(syntax.encodes),
    )


if __name__ == "__main__":
    sys.exit(write_or_check(PAGE, page()))
