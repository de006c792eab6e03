"""What an error of the store's client means for the archive.

The client's own texts hold keys (UIDs of patients' studies), addresses and parts of signatures:
none of it is repeated. What is told is the status, the store's own error code, and what to do.
"""

import re
from typing import Final

from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    NotSupportedError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)

from hilum.domain.errors import ArchiveFault, ArchiveFull, ArchiveUnavailable, ObjectMissing

StoreError = (BaseError, FileNotFoundError)
"""What a call of the client raises."""

_STATUS: Final = re.compile(r"non-2xx status code: (\d{3})")
_CODE: Final = re.compile(r"<Code>([A-Za-z0-9]{1,64})</Code>")
_NO_BUCKET: Final = frozenset({"NoSuchBucket", "ContainerNotFound"})
_FULL: Final = frozenset(
    {
        "InsufficientCapacity",
        "InsufficientStorage",
        "QuotaExceeded",
        "StorageQuotaExceeded",
        "XMinioStorageFull",
    }
)
_FULL_TEXTS: Final = ("no space left on device", "disk quota exceeded")
_NO_CREDENTIALS: Final = ("credential", "token request", "169.254.169.254")
"""The last is where a machine of a cloud is asked for its role, when nothing else was found."""
_INSUFFICIENT_STORAGE: Final = 507
_RANGE_NOT_SATISFIABLE: Final = 416
_NOT_IMPLEMENTED: Final = 501


def is_taken(error: Exception) -> bool:
    """True when a conditional put found something under its name, or met another put of it."""
    return isinstance(error, (AlreadyExistsError, PreconditionError))


def is_out_of_range(error: Exception) -> bool:
    """True when a range begins behind the end of its object, told by the server or the client."""
    return _status(error) == _RANGE_NOT_SATISFIABLE or "StartTooLarge" in str(error)


def is_unsupported(error: Exception) -> bool:
    """True when the server does not know conditional puts."""
    return isinstance(error, NotSupportedError) or _status(error) == _NOT_IMPLEMENTED


def is_missing(error: Exception) -> bool:
    """True for an object that is not there; False when the whole bucket is not."""
    return isinstance(error, FileNotFoundError) and _code(error) not in _NO_BUCKET


def store_fault(error: Exception, action: str, place: str) -> ArchiveFault:
    """Translate `error`, which stopped `action` (such as "keeping an object") at `place`."""
    if is_missing(error):
        return ObjectMissing("The archive does not hold an object its index names.")
    status, code, text = _status(error), _code(error), str(error)
    if isinstance(error, FileNotFoundError):
        return ArchiveUnavailable(
            f"There is no bucket at {place}: create it, or correct storage.url ({code})."
        )
    if status == _INSUFFICIENT_STORAGE or code in _FULL or _has(text, _FULL_TEXTS):
        return ArchiveFull(
            f"The object store {place} has no space for {action}{_told(status, code)}."
            " Free space or raise its quota."
        )
    return ArchiveUnavailable(f"The object store {place} {_reason(error, status, code, action)}.")


def timed_out(seconds: float, action: str, place: str) -> ArchiveUnavailable:
    """The fault of an operation that took longer than it may."""
    return ArchiveUnavailable(
        f"The object store {place} did not finish {action} within {seconds:g} s."
    )


def _reason(error: Exception, status: int | None, code: str, action: str) -> str:
    told = _told(status, code)
    if isinstance(error, (PermissionDeniedError, UnauthenticatedError)):
        return f"refused the credentials for {action}{told}: check them and their permissions"
    text = str(error)
    if any(part in text.lower() for part in _NO_CREDENTIALS):
        return f"cannot be used for {action}: no valid credentials were found"
    if "kind: Connect" in text or "dns error" in text:
        return f"cannot be reached for {action}: check its address and that it runs"
    if "kind: Timeout" in text or "TimedOut" in text:
        return f"did not answer in time while {action}"
    if "redirect without LOCATION" in text:
        return f"refused {action}: storage.s3.region is probably not that of the bucket"
    return f"refused {action}{told}"


def _told(status: int | None, code: str) -> str:
    known = " ".join(part for part in (str(status or ""), code) if part)
    return f" ({known})" if known else ""


def _status(error: Exception) -> int | None:
    found = _STATUS.search(str(error))
    return int(found[1]) if found else None


def _code(error: Exception) -> str:
    found = _CODE.search(str(error))
    return found[1] if found else ""


def _has(text: str, parts: tuple[str, ...]) -> bool:
    lower = text.lower()
    return any(part in lower for part in parts)
