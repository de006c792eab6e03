"""In which form data sets go out: DICOM JSON or XML (PS3.18 sections 8.7.3.2 and 8.7.5)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from hilum.dicom.json_values import JsonDataset
from hilum.dicom.native_model import native_model
from hilum.domain.errors import NotAcceptable
from hilum.wire.accept import MediaRange, parse_accept
from hilum.wire.media_types import DICOM_JSON, JSON, MULTIPART, require_dicom_json
from hilum.wire.multipart_writer import MultipartWriter

DICOM_XML: Final = "application/dicom+xml"


@dataclass(frozen=True, slots=True)
class DataSetForm:
    """A form that the client accepts."""

    media_type: str
    """Of JSON the Content-Type, of XML that of each document."""
    multipart: bool = False
    """A document for each data set, each a part."""

    @property
    def xml(self) -> bool:
        return self.media_type == DICOM_XML


AS_JSON: Final = DataSetForm(DICOM_JSON)


@lru_cache(maxsize=256)
def negotiate_datasets(
    accept: str | None, *, strict: bool, offers_xml: bool, single: bool
) -> DataSetForm:
    """Return the form of an answer made of data sets; JSON unless XML is liked better.

    XML comes as `multipart/related; type="application/dicom+xml"`; where the answer is one data
    set (`single`), as a document of its own, too. What is left open by a wild card is JSON.

    Raises `NotAcceptable`.
    """
    if not offers_xml or accept is None or "xml" not in accept.lower():
        return DataSetForm(require_dicom_json(accept, strict=strict))
    for media_range in parse_accept(accept, strict=strict):
        if media_range.covers(DICOM_JSON) or media_range.covers(JSON):
            return DataSetForm(require_dicom_json(accept, strict=strict))
        if _is_multipart_xml(media_range):
            return DataSetForm(DICOM_XML, multipart=True)
        if single and media_range.type == DICOM_XML:
            return DataSetForm(DICOM_XML)
    offered = [DICOM_JSON, f'{MULTIPART}; type="{DICOM_XML}"', *([DICOM_XML] if single else [])]
    message = f"The Accept header names nothing that is offered here: {', '.join(offered)}."
    raise NotAcceptable(message)


def xml_body(datasets: Iterable[JsonDataset], form: DataSetForm) -> tuple[str, bytes]:
    """Render data sets, one when the form is not multipart; return Content-Type and body."""
    if not form.multipart:
        (dataset,) = datasets
        return DICOM_XML, _document(dataset)
    writer = MultipartWriter()
    body = b"".join(_parts(datasets, writer))
    return writer.content_type(DICOM_XML), body


def _parts(datasets: Iterable[JsonDataset], writer: MultipartWriter) -> Iterator[bytes]:
    for dataset in datasets:
        document = _document(dataset)
        yield writer.part_head(DICOM_XML, length=len(document))
        yield document
    yield writer.end()


def _document(dataset: JsonDataset) -> bytes:
    return "".join(native_model(dataset)).encode()


def _is_multipart_xml(media_range: MediaRange) -> bool:
    if media_range.type != MULTIPART:
        return False
    return any(value.lower() == DICOM_XML for value in media_range.all("type"))
