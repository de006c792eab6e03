"""Reading a request of the URI service, WADO-URI (PS3.18 chapter 9)."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final
from urllib.parse import unquote_plus

from hilum.domain.errors import InvalidQuery, NotAcceptable
from hilum.domain.identifiers import (
    DEFAULT_PARTITION,
    PartitionKey,
    Scope,
    SeriesInstanceUID,
    SOPInstanceUID,
    StudyInstanceUID,
    parse_uid,
)
from hilum.wire.accept import MediaRange, parse_accept
from hilum.wire.media_types import DICOM, MULTIPART
from hilum.wire.rendering_parameters import LARGEST_SIDE
from hilum.wire.retrieve_rules import AS_STORED

_REQUIRED: Final = ("requestType", "studyUID", "seriesUID", "objectUID")
_RENDERING: Final = (
    *("frameNumber", "annotation", "imageAnnotation", "imageQuality", "rows", "columns"),
    *("region", "windowCenter", "windowWidth"),
)
_NOT_OFFERED: Final = {
    "anonymize": "instances are not anonymized here; ask for them without it, or not at all",
    "presentationUID": "presentation states are not applied here",
    "presentationSeriesUID": "presentation states are not applied here",
}
"""Passing these over would give something else than was asked for: identities, above all."""
_OTHERS: Final = ("contentType", "charset", "transferSyntax")
PARAMETERS: Final = (*_REQUIRED, *_OTHERS, *_RENDERING)
"""Names of what is read, which are case-sensitive; others are passed over (PS3.18 8.3)."""

_NUMBER: Final = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_LONGEST_NUMBER: Final = 32
_REGION: Final = "it is xmin,ymin,xmax,ymax: numbers from 0 to 1, each minimum below its maximum"
_NEVER_SENT: Final = frozenset({"1.2.840.10008.1.2", "1.2.840.10008.1.2.2"})
"""Implicit VR Little Endian and Explicit VR Big Endian shall not be used (PS3.18 8.7.3)."""
_UTF_8: Final = frozenset({"utf-8", "utf8", "iso_ir 192", "*"})


class Kind(Enum):
    """Which of the two transactions a request means (PS3.18 section 9.3)."""

    DICOM = "dicom"
    """Retrieve DICOM Instance (9.4)."""
    RENDERED = "rendered"
    """Retrieve Rendered Instance (9.5)."""
    EITHER = "either"
    """Rendered where there is something to render, else the instance."""


@dataclass(frozen=True, slots=True)
class Region:
    """Part of an image: edges as fractions of its columns and rows."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class UriRequest:
    """What one request asks for."""

    scope: Scope
    kind: Kind
    accept: str
    """Media ranges of what is rendered, best first, as a value of Accept."""
    accept_dicom: str
    """The same of the instance: the syntax that is named, if it can be had, else the default."""
    frame: str | None
    """Counted from 1."""
    region: Region | None
    columns: int | None
    rows: int | None
    rendering: Mapping[str, str]
    """The other parameters of rendering, as those of a rendered resource (8.3.5)."""

    def viewport(self, image_rows: int, image_columns: int) -> str | None:
        """Value of the parameter `viewport`; the size of the image matters for a region only.

        Rows and columns are maxima when both are given; the one that is missing follows from the
        shape. A region without them has a pixel for each of the image. None: the image as it is.
        """
        columns, rows, region = self.columns, self.rows, self.region
        if region is None:
            sized = columns is not None or rows is not None
            return f"{columns or LARGEST_SIDE},{rows or LARGEST_SIDE}" if sized else None
        width = (region.right - region.left) * image_columns
        height = (region.bottom - region.top) * image_rows
        if columns is None and rows is None:
            columns = max(1, round(width))
        place = f"{region.left * image_columns:.9g},{region.top * image_rows:.9g}"
        size = f"{columns or LARGEST_SIDE},{rows or LARGEST_SIDE}"
        return f"{size},{place},{width:.9g},{height:.9g}"


def read_uri_request(
    query_string: bytes, accept: str | None, partition: PartitionKey = DEFAULT_PARTITION
) -> UriRequest:
    """Read the query string; `accept` is the header, which counts without a `contentType`.

    Raises `InvalidQuery` and `InvalidUID`, naming the parameter, and `NotAcceptable`.
    """
    given = _given(query_string)
    scope = _scope(given, partition)
    kind, ranges = _kind(given.get("contentType"), accept)
    _demand_utf_8(given.get("charset"))
    accept_dicom = _of_dicom(_transfer_syntax(given.get("transferSyntax")))
    if kind is Kind.DICOM:
        # What steers rendering has no meaning here, and is passed over.
        return UriRequest(scope, kind, "", accept_dicom, None, None, None, None, {})
    return UriRequest(
        scope,
        kind,
        ", ".join(each.type for each in ranges),
        accept_dicom,
        _frame(given.get("frameNumber")),
        _region(given.get("region")),
        _whole(given, "columns", LARGEST_SIDE),
        _whole(given, "rows", LARGEST_SIDE),
        _rendering(given),
    )


def _given(query_string: bytes) -> Mapping[str, str]:
    given: dict[str, str] = {}
    for piece in query_string.decode("latin-1").split("&"):
        name, _, value = piece.partition("=")
        if name in _NOT_OFFERED and value:
            raise InvalidQuery(name, _NOT_OFFERED[name])
        if name not in PARAMETERS:
            continue
        if name in given:
            raise InvalidQuery(name, "it is given more than once")
        # A plus sign means itself in a media type: `application/dicom+json`.
        text = value.replace("+", "%2B") if name == "contentType" else value
        given[name] = unquote_plus(text, errors="replace").strip()
    return given


def _scope(given: Mapping[str, str], partition: PartitionKey) -> Scope:
    if given.get("requestType") != "WADO":
        raise InvalidQuery("requestType", "it is required, and is WADO")
    for name in _REQUIRED:
        if not given.get(name):
            raise InvalidQuery(name, "it is required, and is one UID")
    study, series, sop_instance = (parse_uid(given[name], name) for name in _REQUIRED[1:])
    return Scope(
        StudyInstanceUID(study),
        SeriesInstanceUID(series),
        SOPInstanceUID(sop_instance),
        partition,
    )


def _kind(content_type: str | None, accept: str | None) -> tuple[Kind, list[MediaRange]]:
    """The transaction, and its media ranges, best first."""
    if content_type:
        ranges = _alone(content_type)
        if not ranges:
            raise InvalidQuery("contentType", "it is one media type or several with commas")
        are_dicom = {each.type == DICOM for each in ranges}
        if len(are_dicom) > 1:
            reason = f"{DICOM} and media types of rendered images exclude each other"
            raise InvalidQuery("contentType", reason)
        return (Kind.DICOM if are_dicom == {True} else Kind.RENDERED), ranges
    ranges = _alone(accept if accept and accept.strip() else "*/*")
    if not ranges:
        message = "The Accept header names no media type of one instance."
        raise NotAcceptable(message)
    if ranges[0].type == DICOM:
        return Kind.DICOM, ranges
    rendered = [each for each in ranges if each.type != DICOM]
    dicom_is_taken = any(each.covers(DICOM) for each in ranges)
    return (Kind.EITHER if dicom_is_taken else Kind.RENDERED), rendered


def _alone(text: str) -> list[MediaRange]:
    """The media ranges, best first; this service has no answers of several parts."""
    return [each for each in parse_accept(text, strict=False) if each.type != MULTIPART]


def _of_dicom(syntax: str | None) -> str:
    named = f'{DICOM}; transfer-syntax="{syntax}", ' if syntax is not None else ""
    return f"{named}{DICOM}; q=0.9"


def _transfer_syntax(text: str | None) -> str | None:
    if not text or text in _NEVER_SENT:
        return None
    return text if text == AS_STORED else parse_uid(text, "transferSyntax")


def _demand_utf_8(text: str | None) -> None:
    if text:
        names = {name.partition(";")[0].strip().strip('"').lower() for name in text.split(",")}
        if not names & _UTF_8:
            raise InvalidQuery("charset", "text is given in UTF-8 only")


def _rendering(given: Mapping[str, str]) -> Mapping[str, str]:
    parameters: dict[str, str] = {}
    annotations = [given[name] for name in ("annotation", "imageAnnotation") if name in given]
    if annotations:
        parameters["annotation"] = ",".join(annotations)
    quality = _whole(given, "imageQuality", 100)
    if quality is not None:
        parameters["quality"] = str(quality)
    center, width = (_number(given, name) for name in ("windowCenter", "windowWidth"))
    if (center is None) is not (width is None):
        missing = "windowCenter" if center is None else "windowWidth"
        raise InvalidQuery(missing, "windowCenter and windowWidth are given together or not at all")
    if width is not None:
        if width < 1:
            raise InvalidQuery("windowWidth", "it is at least 1")
        parameters["window"] = f"{center!r},{width!r},linear"
    return parameters


def _frame(text: str | None) -> str | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text)):
        raise InvalidQuery("frameNumber", "it is a whole number from 1 on")
    return str(int(text))


def _whole(given: Mapping[str, str], name: str, most: int) -> int | None:
    text = given.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and 1 <= int(text) <= most):
        raise InvalidQuery(name, f"it is a whole number from 1 to {most}")
    return int(text)


def _number(given: Mapping[str, str], name: str) -> float | None:
    if name not in given:
        return None
    return _decimal(given[name], name, "it is a decimal number")


def _region(text: str | None) -> Region | None:
    if text is None:
        return None
    parts = text.split(",", 4)
    if len(parts) != 4:
        raise InvalidQuery("region", _REGION)
    left, top, right, bottom = (_decimal(part.strip(), "region", _REGION) for part in parts)
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise InvalidQuery("region", _REGION)
    return Region(left, top, right, bottom)


def _decimal(text: str, name: str, reason: str) -> float:
    if len(text) > _LONGEST_NUMBER or _NUMBER.fullmatch(text) is None:
        raise InvalidQuery(name, reason)
    value = float(text)
    if not math.isfinite(value):
        raise InvalidQuery(name, reason)
    return value
