"""Write docs/conformance/rendered.md from the rules of the surfaces themselves.

python tools/rendered_conformance.py            writes the page
python tools/rendered_conformance.py --check    fails when the page is not current
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from fastapi.routing import APIRoute
from pages import mark, row, write_or_check

from hilum.domain.presentation import PictureType
from hilum.imaging.syntaxes import SYNTAXES
from hilum.outbound.dicomweb.rendered import PictureServices, rendered_routers
from hilum.settings.archive import RetrieveSettings
from hilum.settings.pixels import PixelSettings
from hilum.wire.rendered_rules import Parameter, RenderedRules
from hilum.wire.rendering_parameters import FORMS
from hilum.wire.surfaces import AZURE_V2, STANDARD, Surface

PAGE = Path(__file__).parents[1] / "docs" / "conformance" / "rendered.md"
INTRODUCTION = """# Rendered resources and thumbnails

<!-- Made by tools/rendered_conformance.py from src/hilum/wire/rendered_rules.py,
src/hilum/wire/rendering_parameters.py, src/hilum/imaging/syntaxes.py and the routes; do not edit.
-->

Images as pictures for people. How the choice is made, and what comes when something cannot be
drawn, is told in [dicomweb.md](dicomweb.md#rendered-resources-and-thumbnails); how they are drawn
in [decision 0017](../decisions/0017-drawing.md).
"""
_AZURE = "`/v1`, `/v2`"
_STANDARD = "`/dicom-web`"


class _Unused:
    """Stands for use cases: routes are listed, none is called."""


def page() -> str:
    """The whole page."""
    lines = [
        INTRODUCTION,
        "## Resources",
        "",
        f"| resource | {_STANDARD} | {_AZURE} |",
        "|---|---|---|",
        *_resource_rows(),
        "",
        "## Media types",
        "",
        "The first is the default. A resource that is one picture goes out alone, or as the part "
        "of `multipart/related` when that is asked for; studies, series and lists of frames as "
        "`multipart/related` only.",
        "",
        f"| media type | {_STANDARD} | {_AZURE} | all frames of an instance |",
        "|---|---|---|---|",
        *_media_type_rows(),
        "",
        "## Parameters",
        "",
        "A value that is none of these is refused with 400; other parameters are passed over. "
        "Thumbnails know `viewport` only, with a width and a height.",
        "",
        f"| parameter | value | {_STANDARD} | {_AZURE} |",
        "|---|---|---|---|",
        *_parameter_rows(),
        "",
        f"Without `quality` JPEG has {STANDARD.rendered.default_quality} on {_STANDARD} and "
        f"{AZURE_V2.rendered.default_quality} on {_AZURE}.",
        "",
        "## Limits",
        "",
        "| setting | default | what is over it is answered with |",
        "|---|---|---|",
        *_limit_rows(),
        "",
        "## Transfer syntaxes",
        "",
        "Images that are stored in these are drawn; pixels that are floating point numbers are not "
        "(406).",
        "",
        "| transfer syntax | name |",
        "|---|---|",
        *(row(f"`{each.uid}`", each.name) for each in SYNTAXES.values() if each.decodes),
    ]
    return "\n".join(lines) + "\n"


def _paths(surface: Surface) -> Sequence[str]:
    unused: object = _Unused()
    services = PictureServices(unused, unused, unused)  # type: ignore[arg-type]
    return [
        route.path
        for router in rendered_routers(services, surface)
        for route in router.routes
        if isinstance(route, APIRoute) and "GET" in route.methods
    ]


def _resource_rows() -> Iterator[str]:
    azure = _paths(AZURE_V2)
    for path in _paths(STANDARD):
        yield row(f"`{path}`", "yes", mark(path in azure))


def _media_type_rows() -> Iterator[str]:
    for picture in PictureType:
        offered = [picture in rules.offered for rules in _rules()]
        moves = picture is PictureType.GIF and STANDARD.rendered.moving
        yield row(f"`{picture}`", *map(mark, offered), mark(moves))


def _parameter_rows() -> Iterator[str]:
    for name in Parameter:
        read = [name in rules.parameters for rules in _rules()]
        yield row(f"`{name}`", FORMS[name], *map(mark, read))


def _limit_rows() -> Iterator[str]:
    retrieve, pixels = RetrieveSettings(), PixelSettings()
    for section, settings, names in (
        ("pixels", pixels, ("maximum_picture_pixels", "maximum_frame_bytes", "memory_bytes")),
        ("pixels", pixels, ("task_seconds", "queue")),
        ("retrieve", retrieve, ("decoded_frame_bytes", "drawn_header_bytes", "moving_frames")),
        ("retrieve", retrieve, ("pictures_per_request", "frames_per_request")),
    ):
        for name in names:
            status = "503" if name == "queue" else "413"
            yield row(f"`{section}.{name}`", f"{getattr(settings, name):,}", status)


def _rules() -> tuple[RenderedRules, RenderedRules]:
    return STANDARD.rendered, AZURE_V2.rendered


if __name__ == "__main__":
    sys.exit(write_or_check(PAGE, page()))
