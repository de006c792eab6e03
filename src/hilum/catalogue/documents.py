"""Rendered forms of what is no image: encapsulated documents, structured reports, video."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import orjson

from hilum.catalogue.not_held import not_held
from hilum.catalogue.renditions import InflatedSpan, Rendition, StoredSpans, WrittenBytes
from hilum.catalogue.stored_bytes import read_exactly
from hilum.catalogue.stored_header import stored_header
from hilum.catalogue.stored_metadata import metadata_of, read_metadata
from hilum.dicom.documents import (
    ENCAPSULATED_DOCUMENT,
    HTML,
    PLAIN,
    XML,
    DocumentFacts,
    DocumentKind,
    document_facts,
    may_be_document,
)
from hilum.dicom.frames import FrameTable, Span
from hilum.dicom.header import HeaderLimits
from hilum.dicom.json_values import as_written
from hilum.dicom.native_model import native_model
from hilum.dicom.structured_reports.html import report_html
from hilum.dicom.structured_reports.plain import report_text
from hilum.dicom.transfer_syntaxes import encoding_of
from hilum.domain.errors import LimitExceeded, NotTranscodable
from hilum.domain.identifiers import Scope, Version
from hilum.domain.instances import Metadata
from hilum.domain.records import FramesRecord, InstanceRecord
from hilum.foundation.recent import Recent
from hilum.imaging.video import LOOKED_AT_BYTES, is_video, video_type
from hilum.ports.index import FrameReader
from hilum.ports.objects import ObjectStore

_REPORTS_AT_ONCE: Final = 2
_REMEMBERED: Final = 1024
"""Documents whose place is remembered; some hundred bytes each."""


@dataclass(frozen=True, slots=True)
class DocumentLimits:
    """Bounds; the settings `retrieve` have the same names."""

    whole_object_bytes: int = 4 << 20
    """Documents up to this size are read in one piece."""
    report_bytes: int = 16 << 20
    """Metadata of a structured report that is rendered."""


@dataclass(frozen=True, slots=True)
class FoundDocument:
    """An instance that can be shown otherwise than as pictures."""

    record: InstanceRecord
    dataset_sha256: bytes
    media_types: tuple[str, ...]
    """What it can be had as; the first is the default."""
    is_written_here: bool
    """Another release of ours may make other bytes of it."""
    source: DocumentFacts | Sequence[Span]
    metadata: Metadata | None = None


class Documents:
    """Finds and opens rendered forms of instances that are not drawn."""

    def __init__(
        self,
        reader: FrameReader,
        objects: ObjectStore,
        header_limits: HeaderLimits,
        limits: DocumentLimits | None = None,
    ) -> None:
        self._reader = reader
        self._objects = objects
        self._header_limits = header_limits
        self._limits = limits or DocumentLimits()
        self._reports = asyncio.Semaphore(_REPORTS_AT_ONCE)
        # Viewers of PDF ask for one small range after the other.
        self._opened_lately: Recent[Version, Rendition] = Recent(_REMEMBERED)

    async def find(self, scope: Scope) -> FoundDocument | None:
        """Find the one instance of `scope`; None when it has no form of this kind.

        Raises `InstanceNotFound`, `ObjectMissing` (also: replaced meanwhile) and
        `ArchiveUnavailable`.
        """
        held = await self._reader.frames(scope)
        if held is None:
            raise not_held(scope)
        if held.frame_table:
            if not is_video(held.instance.transfer_syntax_uid):
                return None
            return await self._video(held)
        metadata = await metadata_of(self._reader, scope, held.instance)
        facts = await read_metadata(metadata, _facts)
        if facts is None:
            return None
        is_report = facts.kind is DocumentKind.REPORT
        return FoundDocument(
            held.instance,
            held.dataset_sha256,
            facts.media_types,
            is_report,
            facts,
            metadata if is_report else None,
        )

    async def open(self, found: FoundDocument, media_type: str) -> Rendition:
        """Open the document as `media_type`, which is one of its own.

        Raises `LimitExceeded`, `NotTranscodable` (it has no bytes), `UnreadableInstance`,
        `ObjectMissing` and `ArchiveUnavailable`.
        """
        if isinstance(found.source, DocumentFacts):
            if found.metadata is not None:
                return await self._report(found.metadata, media_type)
            return await self._known_encapsulated(found.record, found.source)
        whole_bytes = self._limits.whole_object_bytes
        return StoredSpans(self._objects, found.record, found.source, whole_bytes)

    async def _video(self, held: FramesRecord) -> FoundDocument | None:
        record = held.instance
        table = await asyncio.to_thread(FrameTable.unpack, held.frame_table)
        spans = table.fragments()
        if not spans:
            return None
        first = spans[0]
        length = min(first.length, LOOKED_AT_BYTES)
        beginning = await read_exactly(self._objects, record, first.offset, length)
        media_type = video_type(record.transfer_syntax_uid, beginning)
        return FoundDocument(
            record, held.dataset_sha256, (media_type,), is_written_here=False, source=spans
        )

    async def _report(self, metadata: Metadata, media_type: str) -> Rendition:
        most = self._limits.report_bytes
        if metadata.size_bytes > most:
            what = "The structured report is too long to be rendered"
            raise LimitExceeded("retrieve.report_bytes", most, what)
        write = _REPORTS[media_type]
        async with self._reports:
            text = await read_metadata(metadata, lambda it: write(it.text()))
        return WrittenBytes(text.encode(errors="replace"))

    async def _known_encapsulated(self, record: InstanceRecord, facts: DocumentFacts) -> Rendition:
        known = self._opened_lately.get(record.version)
        if known is None:
            known = await self._encapsulated(record, facts)
            self._opened_lately.keep(record.version, known)
        return known

    async def _encapsulated(self, record: InstanceRecord, facts: DocumentFacts) -> Rendition:
        header = await stored_header(self._objects, record, self._header_limits)
        span = next(
            (
                Span(element.offset, element.length)
                for element in header.bulk
                if element.path.tag == ENCAPSULATED_DOCUMENT
                and not element.path.items
                and element.length is not None
            ),
            None,
        )
        if span is None:
            message = f"Instance {record.uids.sop_instance} has no document in it."
            raise NotTranscodable(message)
        if facts.length is not None and facts.length <= span.length:
            span = Span(span.offset, facts.length)
        inflated = encoding_of(record.transfer_syntax_uid).is_deflated
        document = self._opened(record, span, inflated=inflated)
        if facts.may_be_padded and span.length:
            last = [chunk async for chunk in document.chunks(span.length - 1, span.length)]
            if last == [b"\0"]:
                shorter = Span(span.offset, span.length - 1)
                return self._opened(record, shorter, inflated=inflated)
        return document

    def _opened(self, record: InstanceRecord, span: Span, *, inflated: bool) -> Rendition:
        if inflated:
            return InflatedSpan(self._objects, record, span)
        return StoredSpans(self._objects, record, [span], self._limits.whole_object_bytes)


def _facts(metadata: Metadata) -> DocumentFacts | None:
    text = metadata.text()
    return document_facts(orjson.loads(text)) if may_be_document(text) else None


_REPORTS: Final[Mapping[str, Callable[[bytes], str]]] = MappingProxyType(
    {
        HTML: lambda text: report_html(orjson.loads(text)),
        PLAIN: lambda text: report_text(orjson.loads(text)),
        XML: lambda text: "".join(native_model(as_written(text))),
    }
)
"""How a report is written, by media type."""
