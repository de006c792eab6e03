"""Any exception that ends a request, as what a client may be told about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from hilum.domain.errors import HilumError
from hilum.wire.http_status import http_headers, http_status


@dataclass(frozen=True, slots=True)
class FaultDetail:
    """One wrong place in a request. Its value is left out: it may be a patient's."""

    where: str
    """Such as `query.limit`."""
    reason: str


@dataclass(frozen=True, slots=True)
class Fault:
    """What went wrong, ready to be rendered; safe to show."""

    status: int
    code: str
    title: str
    detail: str
    headers: Mapping[str, str] = field(default_factory=dict)
    errors: Sequence[FaultDetail] = ()


PROTOCOL_FAULTS: Final[Mapping[int, tuple[str, str, str]]] = MappingProxyType(
    {
        400: ("invalid-request", "The request is not valid", "The request is not valid."),
        401: (
            "not-authenticated",
            "Credentials are missing or not valid",
            "Credentials are missing or not valid.",
        ),
        403: ("access-denied", "Access denied", "The caller may not do this."),
        404: (
            "unknown-address",
            "No such resource",
            "There is no resource at this address; /docs lists those there are.",
        ),
        405: (
            "method-not-allowed",
            "Method not allowed",
            "The resource at this address does not take this method.",
        ),
        500: (
            "internal-error",
            "Something went wrong",
            "The server failed in an unexpected way; the correlation id finds it in the log.",
        ),
    }
)
"""Status -> code, title and detail of what the HTTP framework refuses before a route is asked."""


def fault_of(error: Exception, *, dicomweb: bool) -> Fault:
    """Describe `error`; an exception that is no fact of ours becomes a generic 500."""
    if isinstance(error, HilumError):
        status = http_status(error, dicomweb=dicomweb)
        return Fault(status, error.code, error.title, str(error), http_headers(error))
    if isinstance(error, RequestValidationError):
        return _invalid_input(error, 400 if dicomweb else 422)
    if isinstance(error, HTTPException):
        return _refused_by_framework(error)
    return Fault(500, *PROTOCOL_FAULTS[500])


def _invalid_input(error: RequestValidationError, status: int) -> Fault:
    details = [
        FaultDetail(".".join(str(step) for step in entry["loc"]), str(entry["msg"]))
        for entry in error.errors()
    ]
    code, title, _ = PROTOCOL_FAULTS[400]
    text = " ".join(f"{entry.where} is invalid: {entry.reason}." for entry in details)
    return Fault(status, code, title, text, errors=details)


def _refused_by_framework(error: HTTPException) -> Fault:
    status = error.status_code
    headers = dict(error.headers or {})
    nearest = status if status in PROTOCOL_FAULTS else (400 if status < 500 else 500)
    code, title, detail = PROTOCOL_FAULTS[nearest]
    if status == 405 and "Allow" in headers:
        detail = f"{detail} It takes {headers['Allow']}."
    return Fault(status, code, title, detail, headers)
