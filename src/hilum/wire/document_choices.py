"""How documents, reports and video go out: which form, under what name, and how safely."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from hilum.domain.errors import NotAcceptable
from hilum.domain.implementation import IMPLEMENTATION_VERSION_NAME
from hilum.wire.accept import parse_accept, refused_types
from hilum.wire.media_types import MULTIPART

_DIGITS: Final = 40
"""160 bits, as hexadecimal digits."""
_PDF: Final = "application/pdf"
_EXTENSIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        _PDF: "pdf",
        "text/html": "html",
        "text/plain": "txt",
        "text/xml": "xml",
        "application/xml": "xml",
        "text/rtf": "rtf",
        "model/stl": "stl",
        "model/obj": "obj",
        "model/mtl": "mtl",
        "video/mp4": "mp4",
        "video/mpeg": "mpg",
        "video/mp2t": "ts",
        "video/H264": "h264",
        "video/H265": "h265",
    }
)
DOCUMENT_TYPES: Final = tuple(_EXTENSIONS)
"""Media types in which instances that are no images go out."""
_SHOWN: Final = frozenset({_PDF, "text/html", "text/plain", "text/xml", "application/xml"})
"""What browsers show themselves, as they do video; anything else is kept as a file."""
_NOTHING_ACTS: Final = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


@dataclass(frozen=True, slots=True)
class DocumentForm:
    """The form that a client takes."""

    media_type: str
    multipart: bool
    is_written_here: bool
    """A text of ours; what others wrote says itself which characters it has, or does not."""

    @property
    def content_type(self) -> str:
        """Media type with the character set, where that is known."""
        return f"{self.media_type}; charset=utf-8" if self.is_written_here else self.media_type


def document_form(
    accept: str | None, offered: Sequence[str], *, is_written_here: bool = False
) -> DocumentForm:
    """Return the best form of a document that can be had as `offered`, the first by default.

    Raises `NotAcceptable`, saying what there is.
    """
    if accept is None or not accept.strip():
        return DocumentForm(offered[0], multipart=False, is_written_here=is_written_here)
    refused = refused_types(accept)
    for media_range in parse_accept(accept, strict=False):
        multipart = media_range.type == MULTIPART
        types = [name.strip().lower() for name in media_range.all("type")] or ["*/*"]
        for media_type in offered:
            name = media_type.lower()
            is_named = name == media_range.type or (multipart and name in types)
            is_covered = "*/*" in types if multipart else media_range.covers(name)
            if is_named or (is_covered and name not in refused):
                return DocumentForm(media_type, multipart, is_written_here=is_written_here)
    listed = ", ".join(offered)
    message = (
        "The Accept header names nothing that this instance can be rendered as: it is no image, "
        f"and can be had as {listed}, also as the type of {MULTIPART}."
    )
    raise NotAcceptable(message)


def document_tag(dataset_sha256: bytes, form: DocumentForm) -> str:
    """Return an opaque, strong tag (RFC 9110 8.8.1).

    What is written here may change from release to release.
    """
    release = IMPLEMENTATION_VERSION_NAME if form.is_written_here else ""
    text = f"{release}|document|{form.multipart:d}|{form.media_type}"
    return hashlib.sha256(dataset_sha256 + text.encode()).hexdigest()[:_DIGITS]


def safety_headers(media_type: str, name: str) -> dict[str, str]:
    """Headers that keep what a sender wrote from acting in a browser as if it were ours.

    `name` is the file's without extension. Viewers of PDF do not work in a sandbox, and bring one
    of their own.
    """
    extension = _EXTENSIONS.get(media_type, "bin")
    is_video = media_type.startswith("video/")
    shown = "inline" if is_video or media_type in _SHOWN else "attachment"
    headers = {"content-disposition": f'{shown}; filename="{name}.{extension}"'}
    if media_type != _PDF and not is_video:
        headers["content-security-policy"] = _NOTHING_ACTS
    return headers
