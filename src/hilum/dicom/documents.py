"""What an instance without image pixels can be shown as (PS3.18 8.7.4, category "Text")."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from hilum.dicom.json_values import JsonDataset, text, whole

ENCAPSULATED_DOCUMENT: Final = 0x00420011
PDF: Final = "application/pdf"
HTML: Final = "text/html"
PLAIN: Final = "text/plain"
XML: Final = "text/xml"
STL: Final = "model/stl"
OCTETS: Final = "application/octet-stream"
REPORT_TYPES: Final = (HTML, PLAIN, XML)
"""What a structured report can be had as; PS3.18 does not say which XML: the Native DICOM Model."""
TYPE_OF_CLASS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "1.2.840.10008.5.1.4.1.1.104.1": PDF,
        "1.2.840.10008.5.1.4.1.1.104.2": XML,
        "1.2.840.10008.5.1.4.1.1.104.3": STL,
        "1.2.840.10008.5.1.4.1.1.104.4": "model/obj",
        "1.2.840.10008.5.1.4.1.1.104.5": "model/mtl",
    }
)
"""Encapsulated PDF, CDA, STL, OBJ and MTL (PS3.3 A.45 and A.85) and what is in them."""
_MEDIA_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}")
_HINTS: Final = re.compile(
    rb'"(?:00420012|0040A040|0040A730|1\.2\.840\.10008\.5\.1\.4\.1\.1\.104\.[1-5])"'
)
"""MIMETypeOfEncapsulatedDocument, ValueType, ContentSequence, the classes of `TYPE_OF_CLASS`."""
_ACTING: Final = re.compile(r"javascript|ecmascript|jscript|livescript|wasm|^text/css$|^multipart/")
"""What a browser runs or applies in a page of the same origin, whatever else its headers say."""
_BINARY: Final = frozenset({STL, OCTETS})
"""Types whose last byte may be a zero of their own."""


class DocumentKind(StrEnum):
    """Where the bytes of a document come from."""

    ENCAPSULATED = "encapsulated"
    REPORT = "report"


@dataclass(frozen=True, slots=True)
class DocumentFacts:
    """What is said about a document."""

    kind: DocumentKind
    media_types: tuple[str, ...]
    """What it can be had as; the first is the default."""
    length: int | None = None
    """Encapsulated Document Length (0042,0015): bytes without padding."""

    @property
    def may_be_padded(self) -> bool:
        """Whether a zero byte at the end can only be padding (PS3.5 6.2, OB)."""
        return self.length is None and self.media_types[0] not in _BINARY


def may_be_document(metadata: bytes) -> bool:
    """Tell whether DICOM JSON speaks of a document; it may be long, and few instances are one."""
    return _HINTS.search(metadata) is not None


def document_facts(dataset: JsonDataset) -> DocumentFacts | None:
    """Say what kind of document a data set is; None for one of another kind."""
    sop_class = text(dataset, "00080016")
    if sop_class in TYPE_OF_CLASS or text(dataset, "00420012"):
        media_type = named_type(dataset) or TYPE_OF_CLASS.get(sop_class, OCTETS)
        length = whole(dataset, "00420015")
        return DocumentFacts(DocumentKind.ENCAPSULATED, (media_type,), length)
    if text(dataset, "0040A040") == "CONTAINER" or "0040A730" in dataset:
        return DocumentFacts(DocumentKind.REPORT, REPORT_TYPES)
    return None


def named_type(dataset: JsonDataset) -> str | None:
    """Return MIME Type of Encapsulated Document (0042,0012) without parameters.

    None when it is none, or missing; bytes when a browser would let the document act.
    """
    named = text(dataset, "00420012").partition(";")[0].strip().lower()
    if not _MEDIA_TYPE.fullmatch(named):
        return None
    return OCTETS if _ACTING.search(named) else named
