"""Stored metadata as XML: a document for each instance (PS3.18 8.7.3.2, PS3.19 A.1)."""

import zlib
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from hilum.dicom.json_values import as_written
from hilum.dicom.native_model import native_model
from hilum.domain.records import MetadataRecord
from hilum.wire.bulk_telling import BulkUrls, told
from hilum.wire.dataset_forms import DataSetForm
from hilum.wire.metadata_join import gathered
from hilum.wire.multipart_writer import MultipartWriter

_TEXTS: Final = 1000
"""As many are encoded at a time; a text is an attribute, or a part of one."""
_GZIP: Final = 16 + zlib.MAX_WBITS
_LEVEL: Final = 1
"""Fast, since it is done for every answer; such text shrinks to a tenth even so."""


class XmlJoin:
    """Writes the documents of an answer: `start`, then `add` for each page, then `end`.

    One document takes half a millisecond of processor time for 300 attributes.
    """

    __slots__ = ("_compressor", "_form", "_urls", "_writer")

    def __init__(self, urls: BulkUrls | None, form: DataSetForm, *, gzip: bool) -> None:
        self._urls = urls
        self._form = form
        self._writer = MultipartWriter() if form.multipart else None
        self._compressor = zlib.compressobj(_LEVEL, wbits=_GZIP) if gzip else None

    @property
    def content_type(self) -> str:
        media_type = self._form.media_type
        return media_type if self._writer is None else self._writer.content_type(media_type)

    def start(self) -> bytes:
        return b""

    def add(self, records: Iterable[MetadataRecord]) -> Iterator[bytes]:
        """Yield pieces, none of them empty. Raises `ValueError` for a damaged record."""
        return gathered(self._coded(self._pieces(records)))

    def end(self) -> bytes:
        last = b"" if self._writer is None else self._writer.end()
        if self._compressor is None:
            return last
        return self._compressor.compress(last) + self._compressor.flush()

    def _pieces(self, records: Iterable[MetadataRecord]) -> Iterator[bytes]:
        for record in records:
            if self._writer is not None:
                yield self._writer.part_head(self._form.media_type)
            dataset = as_written(b"".join(told(record, self._urls)))
            yield from _encoded(native_model(dataset))

    def _coded(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        return pieces if self._compressor is None else map(self._compressor.compress, pieces)


def _encoded(texts: Iterator[str]) -> Iterator[bytes]:
    """Put texts together, since most are short."""
    while together := list(islice(texts, _TEXTS)):
        yield "".join(together).encode()
