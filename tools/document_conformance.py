"""Write docs/conformance/documents.md from the tables of documents, reports and video.

python tools/document_conformance.py            writes the page
python tools/document_conformance.py --check    fails when the page is not current
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from pages import row, write_or_check

from hilum.dicom.dictionary import UID_NAMES
from hilum.dicom.documents import HTML, PLAIN, TYPE_OF_CLASS, XML
from hilum.dicom.structured_reports.item_values import VALUE_TYPES
from hilum.imaging.syntaxes import SYNTAXES
from hilum.imaging.video import MP4, MPEG, TRANSPORT_STREAM, is_video, video_type
from hilum.wire.document_choices import safety_headers

PAGE = Path(__file__).parents[1] / "docs" / "conformance" / "documents.md"
INTRODUCTION = """# Rendered documents, reports and video

<!-- Made by tools/document_conformance.py from src/hilum/dicom/documents.py,
src/hilum/dicom/structured_reports, src/hilum/imaging/video.py and
src/hilum/wire/document_choices.py; do not edit. -->

What `/dicom-web/.../instances/{instance}/rendered` gives for instances that are not drawn (PS3.18
8.7.4, categories Text and Video), and WADO-URI likewise. Who asks for something else gets 406 and
is told what there is; the query parameter `accept` comes before the header. All have strong ETags
and 304, and go out in ranges (206, `If-Range`, 416), or as the one part of `multipart/related`
when that is asked for. `/v1` and `/v2` have none of this, as the Azure service has none.
"""


def page() -> str:
    """The whole page."""
    lines = [
        INTRODUCTION,
        "## Encapsulated documents",
        "",
        "The bytes as they were sent, without the byte that pads them to an even length. The media "
        "type is that of MIME Type of Encapsulated Document (0042,0012); without a usable one, "
        "that of the SOP class:",
        "",
        "| SOP class | media type | browsers |",
        "|---|---|---|",
        *_class_rows(),
        "",
        "## Structured reports",
        "",
        f"Every instance whose content is a tree of content items: `{HTML}` (default) or "
        f"`{PLAIN}`, both UTF-8, with patient, study, who verified it, and every item with its "
        "name, code, relationship, value and time of observation. References by position are "
        f"links inside the page. As `{XML}` the whole data set is given as the Native DICOM Model "
        "(PS3.19 A.1), since PS3.18 does not say which XML is meant. In page and text, values are "
        "written for these value types; of others the type is named:",
        "",
        ", ".join(f"`{each}`" for each in sorted(VALUE_TYPES)) + ".",
        "",
        "## Video",
        "",
        "The fragments joined, never decoded. A transfer syntax says how pictures are coded, not "
        "what they lie in: the media type is told from the first bytes.",
        "",
        "| begins with | media type |",
        "|---|---|",
        *_beginning_rows(),
        "",
        "| transfer syntax | media type of anything else |",
        "|---|---|",
        *_syntax_rows(),
        "",
        "## Safety",
        "",
        "What a sender wrote must not act in a browser as if it were ours:",
        "",
        "| media type | Content-Disposition | Content-Security-Policy |",
        "|---|---|---|",
        *_safety_rows(),
        "",
        "The file is named by its SOP Instance UID. `X-Content-Type-Options: nosniff` stands on "
        "every answer. PDF viewers do not work in a sandbox, and bring one of their own.",
        "",
    ]
    return "\n".join(lines)


def _class_rows() -> Iterator[str]:
    for uid, media_type in TYPE_OF_CLASS.items():
        yield row(f"{UID_NAMES[uid]} `{uid}`", f"`{media_type}`", _disposition(media_type))
    yield row(
        "any other, with a media type that is none",
        "`application/octet-stream`",
        "keep it as a file",
    )


def _disposition(media_type: str) -> str:
    shown = safety_headers(media_type, "x")["content-disposition"].startswith("inline")
    return "show it" if shown else "keep it as a file"


def _beginning_rows() -> Iterator[str]:
    for beginning, told, media_type in (
        (b"\0\0\0\x18ftypisom", "a `ftyp` box: an MP4 file", MP4),
        (b"\x47".ljust(188, b"\0") * 4, "packets of a transport stream", TRANSPORT_STREAM),
        (b"\0\0\x01\xba", "a pack header: an MPEG program stream", MPEG),
        (b"\0\0\x01\xb3", "a sequence header: an MPEG elementary stream", MPEG),
    ):
        found = {video_type(uid, beginning) for uid in SYNTAXES if is_video(uid)}
        if found != {media_type}:
            message = f"{told} is told to be {found}"
            raise AssertionError(message)
        yield row(told, f"`{media_type}`")


def _syntax_rows() -> Iterator[str]:
    for syntax in SYNTAXES.values():
        if is_video(syntax.uid):
            yield row(f"{syntax.name} `{syntax.uid}`", f"`{video_type(syntax.uid, b'')}`")


def _safety_rows() -> Iterator[str]:
    for media_type in (HTML, PLAIN, *dict.fromkeys(TYPE_OF_CLASS.values()), MP4):
        headers = safety_headers(media_type, "UID")
        policy = headers.get("content-security-policy")
        yield row(
            f"`{media_type}`",
            f"`{headers['content-disposition']}`",
            f"`{policy}`" if policy else "",
        )


if __name__ == "__main__":
    sys.exit(write_or_check(PAGE, page()))
