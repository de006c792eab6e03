"""The header transcoder: bytes of an instance to identifiers, DICOM JSON and places of bulk data.

`read_header` never reads bulk values and never decodes pixels. How it differs from pydicom's JSON,
and why, is told in docs/dicom-json-differences.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from hilum.dicom.bulk_marks import Gap, take_marks
from hilum.dicom.elements import (
    BulkElement,
    ElementPath,
    PixelDataSpan,
    ProblemKind,
    ValueProblem,
)
from hilum.dicom.entries import SignUnknown
from hilum.dicom.heads import looks_explicit
from hilum.dicom.level import DisorderedTags
from hilum.dicom.limits import HeaderLimits
from hilum.dicom.memo import Context, JsonValue, Memo
from hilum.dicom.part10 import read_opening
from hilum.dicom.reader import ElementReader
from hilum.dicom.sources import FileSource, InflatedSource, Source
from hilum.dicom.transfer_syntaxes import Encoding, encoding_of
from hilum.dicom.vr import PIXEL_REPRESENTATION

__all__ = [
    "BulkElement",
    "ElementPath",
    "FileSource",
    "Header",
    "HeaderLimits",
    "InflatedSource",
    "Memo",
    "PixelDataSpan",
    "ProblemKind",
    "Source",
    "ValueProblem",
    "read_header",
]

ALWAYS_WANTED: Final = frozenset(
    {
        0x00080016,  # SOPClassUID
        0x00080018,  # SOPInstanceUID
        0x0020000D,  # StudyInstanceUID
        0x0020000E,  # SeriesInstanceUID
        0x00280002,  # SamplesPerPixel
        0x00280004,  # PhotometricInterpretation
        0x00280008,  # NumberOfFrames
        0x00280010,  # Rows
        0x00280011,  # Columns
        0x00280100,  # BitsAllocated
        PIXEL_REPRESENTATION,
    }
)
"""What identifies an instance and what its frame table is computed from."""

_SHARED_MEMO: Final = Memo()
_TRANSFER_SYNTAX_UID: Final = 0x00020010


@dataclass(frozen=True, slots=True)
class Header:
    """What one instance says, but for its bulk data."""

    has_preamble: bool
    has_file_meta: bool
    file_meta: Mapping[int, str]
    """Texts of group 0002; its binary elements are left out."""
    transfer_syntax_uid: str
    """From the file meta information or, when `guessed`, told from the first element."""
    guessed: bool
    dataset_offset: int
    """Bytes before the data set."""
    inflated: bool
    """Offsets count in what the data set inflates to: read them through `InflatedSource`."""
    json: bytes
    """DICOM JSON object (PS3.18 Annex F) of the data set in UTF-8, tags ascending, without group
    lengths and groups 0000 and 0002. Of bulk data (VR OB OD OF OL OV OW UN) it holds values up to
    `HeaderLimits.inline_bytes`, but no pixel data."""
    values: Mapping[int, JsonValue]
    """VR and JSON values of the top-level tags that were wanted or are always, when present and
    not bulk data. The lists are shared: do not change them."""
    problems: tuple[ValueProblem, ...]
    """The first problem of each element, at most 100 under one top-level element."""
    bulk: tuple[BulkElement, ...]
    """Every element that was left out of the JSON, in its order, which is that of the file."""
    gaps: tuple[Gap, ...]
    """Where in the JSON each of `bulk` belongs; empty without `HeaderLimits.inline_bytes`."""
    pixel_data: PixelDataSpan | None

    def text(self, tag: int) -> str | None:
        """Return the first value of a wanted tag as text; None when absent or empty.

        The groups of a person name are joined with `=`, as in a file.
        """
        _, values = self.values.get(tag, ("", []))
        if not values or values[0] is None:
            return None
        first = values[0]
        if isinstance(first, dict):
            groups = (first.get(key, "") for key in ("Alphabetic", "Ideographic", "Phonetic"))
            return "=".join(groups).rstrip("=")
        return str(first)


def read_header(
    source: Source,
    *,
    limits: HeaderLimits | None = None,
    wanted: frozenset[int] = frozenset(),
    memo: Memo | None = None,
) -> Header:
    """Read the header of the instance in `source`.

    `wanted` should be one set that lasts, since what is remembered is remembered per set. `memo`
    is the memory to use; all readers without one share one of 32 MiB. Any number of threads may
    read at once.

    Raises the errors of `hilum.dicom.errors`, and `LimitExceeded`.
    """
    limits = limits or HeaderLimits()
    memo = memo or _SHARED_MEMO
    opening = read_opening(source)
    encoding = encoding_of(opening.transfer_syntax_uid)
    start = opening.dataset_offset
    if encoding.is_deflated:
        source, start = InflatedSource(source, start, limits), 0
    is_implicit = _is_implicit(bytes(source[start : start + 6]), encoding)
    context = memo.start(
        is_implicit=is_implicit,
        is_little_endian=encoding.is_little_endian,
        wanted=_with_always_wanted(wanted),
        inline_bytes=limits.inline_bytes,
    )
    reader, marked = _Attempt(source, start, limits, memo).read(context)
    json, gaps = take_marks(marked)
    report = reader.report
    problems = report.problems
    if is_implicit != encoding.is_implicit:
        problems.insert(0, _wrong_syntax(is_implicit=is_implicit))
    return Header(
        has_preamble=opening.has_preamble,
        has_file_meta=opening.has_file_meta,
        file_meta=opening.file_meta,
        transfer_syntax_uid=opening.transfer_syntax_uid,
        guessed=opening.guessed,
        dataset_offset=opening.dataset_offset,
        inflated=encoding.is_deflated,
        json=json,
        values=reader.values,
        problems=tuple(problems),
        bulk=tuple(report.bulk),
        gaps=gaps,
        pixel_data=report.pixel_data,
    )


@lru_cache(maxsize=64)
def _with_always_wanted(wanted: frozenset[int]) -> frozenset[int]:
    return wanted | ALWAYS_WANTED


@dataclass(frozen=True, slots=True)
class _Attempt:
    """Reads a data set, and again if its order or a late PixelRepresentation asks for it."""

    source: Source
    start: int
    limits: HeaderLimits
    memo: Memo

    def read(self, context: Context) -> tuple[ElementReader, bytes]:
        try:
            return self._read_in_any_order(context)
        except SignUnknown:
            reader, json = self._read_in_any_order(context.with_sign(False))
        _, values = reader.values.get(PIXEL_REPRESENTATION, ("", []))
        if values and values[0]:
            return self._read_in_any_order(context.with_sign(True))
        return reader, json

    def _read_in_any_order(self, context: Context) -> tuple[ElementReader, bytes]:
        try:
            return self._read_once(context, uses_runs=True)
        except DisorderedTags:
            return self._read_once(context, uses_runs=False)

    def _read_once(self, context: Context, *, uses_runs: bool) -> tuple[ElementReader, bytes]:
        room = self.memo.room_bytes
        reader = ElementReader(self.source, self.start, self.limits, room)
        try:
            return reader, reader.read(context, uses_runs=uses_runs)
        finally:
            self.memo.charge(room - reader.room_bytes)


def _is_implicit(head: bytes, encoding: Encoding) -> bool:
    """Tell from the first element whether VRs are written, whatever the transfer syntax says."""
    if len(head) < 6:
        return encoding.is_implicit
    return not looks_explicit(head[4:6])


def _wrong_syntax(*, is_implicit: bool) -> ValueProblem:
    found = "implicit" if is_implicit else "explicit"
    reason = f"the data set is encoded with {found} VR, which this transfer syntax is not"
    path = ElementPath((), _TRANSFER_SYNTAX_UID)
    return ValueProblem(path, "UI", ProblemKind.ENCODING, reason)
