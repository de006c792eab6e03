"""Every error the product knows, as facts; the number each wire gives them lives in `hilum.wire`.

HilumError
├── InvalidRequest            the caller's words are wrong (InvalidUID, InvalidQuery, MalformedBody)
├── NotAcceptable             no representation the caller accepts (NotTranscodable)
├── UnsupportedMediaType      a body we do not take
├── LimitExceeded             a bound that is a setting was reached (BodyTooLarge: as announced;
│                             TooManyReaders, PixelLimitExceeded)
├── NotHeld                   study, series, instance or submission unknown here, or without pixel
│                             data or such bulk data
├── StateConflict             what is asked contradicts how far something has come
├── UnknownState              a word that is no state
├── RangeNotSatisfiable       a range of bytes outside what there is
├── PixelsNotDecodable        stored pixel data that is not what the data set says
├── PixelEngineBusy           later it may work
├── UnreadableInstance        bytes that are no DICOM data set we can read (see hilum.dicom.errors);
│                             NotIndexable, NothingUsable
├── AccessDenied              NotAuthenticated, NotAllowed
├── ArchiveFault              ArchiveFull, ArchiveUnavailable, ObjectExists, ObjectMissing,
│                             QueryTooCostly, ShuttingDown
└── EngineUnavailable         what stands beside the archive: SinkUnavailable, BusUnavailable
"""

from typing import ClassVar


class HilumError(Exception):
    """A fact that stopped the work; `str(error)` is safe to show and holds no patient data."""

    code: ClassVar[str] = "error"
    title: ClassVar[str] = "Something went wrong"


class InvalidRequest(HilumError):
    """The request itself is wrong; sending it again unchanged cannot help."""

    code = "invalid-request"
    title = "The request is not valid"


class InvalidUID(InvalidRequest):
    """A text that is not a UID (PS3.5 section 9.1)."""

    code = "invalid-uid"
    title = "Not a valid UID"

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name} is not a valid UID: {reason}.")


class InvalidQuery(InvalidRequest):
    """A query parameter that cannot be understood or is not offered here; "": the query as such."""

    code = "invalid-query"
    title = "The query is not valid"

    def __init__(self, parameter: str, reason: str) -> None:
        self.parameter = parameter
        what = f"Query parameter {parameter!r}" if parameter else "The query"
        super().__init__(f"{what} is invalid: {reason}.")


class MalformedBody(InvalidRequest):
    """A body that does not follow the format its Content-Type declares."""

    code = "malformed-body"
    title = "The body cannot be read"


class NotAcceptable(HilumError):
    """Nothing we can produce satisfies the Accept header."""

    code = "not-acceptable"
    title = "No acceptable representation"


class UnsupportedMediaType(HilumError):
    """A Content-Type this door does not take."""

    code = "unsupported-media-type"
    title = "Content-Type not supported"


class LimitExceeded(HilumError):
    """A bound that is a setting was reached.

    `limit` is the name of the setting, `allowed` its value, so that an operator can find it.
    """

    code = "limit-exceeded"
    title = "A limit was exceeded"

    def __init__(self, limit: str, allowed: int, what: str) -> None:
        self.limit = limit
        self.allowed = allowed
        super().__init__(f"{what} (setting {limit} allows {allowed}).")


class BodyTooLarge(LimitExceeded):
    """A body whose announced length is over a limit; nothing of it was read."""

    code = "body-too-large"
    title = "The announced body is too large"


class TooManyReaders(LimitExceeded):
    """As many clients as are allowed listen to events; one may go soon."""

    code = "too-many-readers"
    title = "Too many listen already"


class PixelsNotDecodable(HilumError):
    """The stored pixel data is no frame of what the data set describes."""

    code = "pixels-not-decodable"
    title = "The pixel data cannot be decoded"


class NotTranscodable(NotAcceptable):
    """The pixels cannot be put into the transfer syntax or media type that is wanted."""

    code = "not-transcodable"
    title = "Not possible in this transfer syntax"


class PixelLimitExceeded(LimitExceeded):
    """Work on a frame would take, or took, more memory or time than is allowed."""

    code = "pixel-limit-exceeded"
    title = "The image is too large to be worked on"


class PixelEngineBusy(HilumError):
    """More frames wait to be worked on than may; trying again later helps."""

    code = "pixel-engine-busy"
    title = "Too many images are being worked on"


class NotHeld(HilumError):
    """Nothing with these UIDs is held here."""

    code = "not-held"
    title = "Not held here"


class StudyNotFound(NotHeld):
    code = "study-not-found"
    title = "No such study here"


class SeriesNotFound(NotHeld):
    code = "series-not-found"
    title = "No such series here"


class InstanceNotFound(NotHeld):
    code = "instance-not-found"
    title = "No such instance here"


class NoPixelData(NotHeld):
    """The instance has no pixel data, so it has no frames and cannot be drawn."""

    code = "no-pixel-data"
    title = "No pixel data"


class NoBulkData(NotHeld):
    """The instance has no such bulk data, or nothing that is retrieved as bulk data."""

    code = "no-bulk-data"
    title = "No such bulk data"


class SubmissionNotFound(NotHeld):
    """No upload has this `study_id`, or what is known of it was forgotten after its time."""

    code = "submission-not-found"
    title = "No such upload here"


class StateConflict(HilumError):
    """What is asked contradicts how far something has come; looking at it first tells."""

    code = "state-conflict"
    title = "Not possible in this state"


class UnknownState(HilumError):
    """A word that is no state; the answer lists those there are."""

    code = "unknown-state"
    title = "No such state"


class RangeNotSatisfiable(HilumError):
    """A range of bytes that begins behind the end of what is `size_bytes` long."""

    code = "range-not-satisfiable"
    title = "No such range"

    def __init__(self, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        super().__init__(f"The range lies outside the {size_bytes} bytes there are.")


class UnreadableInstance(HilumError):
    """Bytes that cannot be read as a DICOM data set; the kinds are in `hilum.dicom.errors`."""

    code = "unreadable-instance"
    title = "Not a readable DICOM instance"


class NotIndexable(UnreadableInstance):
    """A readable instance with a value that no index row can hold; trying again cannot help."""

    code = "not-indexable"
    title = "The instance cannot be indexed"


class NothingUsable(UnreadableInstance):
    """An upload of files whose first bytes are neither those of DICOM nor of a zip file.

    Send DICOM files (PS3.10), data sets without their preamble, or zip files of them.
    """

    code = "nothing-usable"
    title = "No file of the upload can be DICOM"

    def __init__(self, files: int) -> None:
        what = "The file is" if files == 1 else f"All {files} files are"
        super().__init__(
            f"{what} neither DICOM nor zip by the first bytes. Send DICOM files, or zip files of"
            " them."
        )


class AccessDenied(HilumError):
    """The caller may not do this."""

    code = "access-denied"
    title = "Access denied"


class NotAuthenticated(AccessDenied):
    """No credentials, or credentials that are wrong, expired or revoked."""

    code = "not-authenticated"
    title = "Credentials are missing or not valid"


class NotAllowed(AccessDenied):
    """Known caller, but the scope asked for was not granted."""

    code = "not-allowed"
    title = "This action is not granted"

    def __init__(self, *scopes: str) -> None:
        """Any of `scopes` would do."""
        needed = " or ".join(map(repr, scopes))
        super().__init__(f"The scope {needed} is needed and not granted to these credentials.")


class ArchiveFault(HilumError):
    """The archive cannot do it now; nothing was half kept and the caller may try again."""

    code = "archive-fault"
    title = "The archive cannot do this now"
    engine: str = ""
    """`objects` or `index`, where it is known which of them failed."""


class ArchiveFull(ArchiveFault):
    """No space is left (ENOSPC, EDQUOT, or the reserve of free disk space is reached).

    For uploads also the quarantine's, which what was refused of them fills.
    """

    code = "archive-full"
    title = "The archive has no space left"


class ArchiveUnavailable(ArchiveFault):
    """Storage or database does not answer: read-only disk, I/O error, locked database."""

    code = "archive-unavailable"
    title = "The archive is not available"


class ObjectExists(ArchiveFault):
    """Other bytes lie under the name that an object was to have: the index has lost rows."""

    code = "object-exists"
    title = "Another object has this name"


class ObjectMissing(ArchiveFault):
    """The index names an object that the store does not hold: `hilum fsck` finds and tells."""

    code = "object-missing"
    title = "A stored object is missing"


class QueryTooCostly(ArchiveFault):
    """A statement ran into its time limit; a narrower question will be answered."""

    code = "query-too-costly"
    title = "The query takes too long"


class ShuttingDown(ArchiveFault):
    """The server finishes what it accepted and takes nothing new."""

    code = "shutting-down"
    title = "The server is shutting down"


class EngineUnavailable(HilumError):
    """A broker or another engine beside the archive cannot be reached; it heals by itself."""


class SinkUnavailable(EngineUnavailable):
    """A destination of events cannot take any now; what was to be sent is sent later.

    `retry_after_seconds` is how long the destination itself asked to be left alone, if it did.
    """

    def __init__(self, message: str, retry_after_seconds: float | None = None) -> None:
        self.retry_after_seconds = retry_after_seconds
        super().__init__(message)


class BusUnavailable(EngineUnavailable):
    """The bus between roles cannot be reached; nothing was published."""


class BusBacklogFull(BusUnavailable):
    """A topic takes no more until its groups have caught up, or somebody is a group of it."""
