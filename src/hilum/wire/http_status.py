"""The one table from facts to HTTP status codes (RFC 9110; Azure DICOM service, section 1.6)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from hilum.dicom.frames import FramesUnknown, FrameTableUnreadable, NoSuchFrame
from hilum.domain import errors

HTTP_STATUS: Final[Mapping[type[errors.HilumError], int]] = MappingProxyType(
    {
        errors.HilumError: 500,
        errors.InvalidRequest: 400,
        errors.NotAcceptable: 406,
        errors.UnsupportedMediaType: 415,
        errors.LimitExceeded: 413,
        errors.PixelsNotDecodable: 422,
        errors.PixelEngineBusy: 503,
        errors.NotHeld: 404,
        errors.StateConflict: 409,
        errors.UnknownState: 422,
        NoSuchFrame: 404,
        errors.UnreadableInstance: 422,
        FramesUnknown: 422,
        errors.RangeNotSatisfiable: 416,
        errors.AccessDenied: 403,
        errors.NotAuthenticated: 401,
        errors.ArchiveFault: 503,
        errors.ArchiveFull: 507,
        # The caller can do nothing and waiting does not help: the operator must act.
        errors.ObjectMissing: 500,
        FrameTableUnreadable: 500,
        errors.TooManyReaders: 503,
        errors.EngineUnavailable: 503,
    }
)
"""A class without an entry has the status of its nearest ancestor that has one."""

DICOMWEB_STATUS: Final[Mapping[type[errors.HilumError], int]] = MappingProxyType(
    {errors.ArchiveFull: 503}
)
"""What differs on the DICOMweb surfaces: their clients know 503 and not WebDAV's 507."""

RETRY_AFTER_SECONDS: Final[Mapping[type[errors.HilumError], int]] = MappingProxyType(
    {
        errors.ArchiveFull: 60,
        errors.ArchiveUnavailable: 5,
        errors.ShuttingDown: 5,
        errors.TooManyReaders: 15,
        errors.PixelEngineBusy: 2,
    }
)
"""When it makes sense to send the same request again; nothing for errors it would not mend."""


def http_status(error: errors.HilumError, *, dicomweb: bool) -> int:
    """Return the status code of `error` on a DICOMweb surface or on the product's own routes."""
    statuses = {**HTTP_STATUS, **DICOMWEB_STATUS} if dicomweb else HTTP_STATUS
    return next(statuses[kind] for kind in type(error).__mro__ if kind in statuses)


def http_headers(error: errors.HilumError) -> dict[str, str]:
    """Return what belongs to the status: when to come back, how to authenticate, to hang up."""
    headers: dict[str, str] = {}
    for ancestor in type(error).__mro__:
        if ancestor in RETRY_AFTER_SECONDS:
            headers["Retry-After"] = str(RETRY_AFTER_SECONDS[ancestor])
            break
    if isinstance(error, errors.NotAuthenticated):
        headers["WWW-Authenticate"] = 'Bearer realm="hilum"'
    if isinstance(error, errors.RangeNotSatisfiable):
        headers["Content-Range"] = f"bytes */{error.size_bytes}"
    if isinstance(error, errors.BodyTooLarge):
        # All of the body would only be thrown away. When a part of it was read already the
        # connection stays: a client that sends on would be cut off before it reads the answer.
        headers["Connection"] = "close"
    return headers
