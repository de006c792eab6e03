"""The bodies of events that tell of submissions, as schemas; see `hilum.wire.event_bodies`.

What a state tells stands under `data`, and once more beside the envelope, where readers that know
nothing of the envelope look for it.
"""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from hilum.wire.event_bodies import FeedEventBody, Uid


class SubmissionBody(FeedEventBody):
    """What is in every body that tells of a submission."""

    event: str
    """Type of the event, as `event_type`."""
    version: Literal[1]
    """Of this body."""
    id: str
    """As `event_id`."""
    study_id: str
    """UUID of the submission, as the upload was answered with it. No Study Instance UID."""
    round: int
    """1 at first; releasing or repairing something from quarantine begins another."""
    timestamp: datetime
    """When the state was reached."""
    partition: int
    """Number of the data partition; 1 is the default one."""


class _Data(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)


class UploadedData(_Data):
    """What an upload brought."""

    file_path: str
    """Where its file lies, or the folder of its files; until the submission is archived."""
    original_filename: str
    """Name of the first file, as the sender calls it. May tell of a patient."""
    file_size: int
    """Bytes of all files."""
    files: int
    """How many there are; a zip file counts as one."""
    bytes: int
    """As `file_size`."""


class ValidationDetails(_Data):
    """What validation has to say about the files together."""

    is_valid: bool
    """Whether at least one file may be kept."""
    errors: list[str]
    """The first errors, by number of the file; without values. `/status/ID/files` has them all."""
    missing_tags: list[str]
    """Keywords of attributes that are missing in some file."""
    file_size: int
    """Bytes of all files as received."""
    modality: str
    """Of the first file that is valid, or empty."""
    study_date: str
    """Of the first file that is valid, or empty. Patient data."""


class JudgedFiles(_Data):
    """How many files were judged how."""

    valid: int
    """May be kept."""
    quarantined: int
    """Refused, and kept apart."""
    ignored: int
    """Nothing to keep, such as a DICOMDIR."""


class ValidatedData(_Data):
    """What validation came to."""

    file_path: str
    """As in `study.uploaded`."""
    validation_details: ValidationDetails
    """What validation has to say about the files together."""
    files: JudgedFiles
    """How many files were judged how."""


class ArchivedFiles(_Data):
    """What became of the files."""

    archived: int
    """Held now."""
    already_held: int
    """Held before, with the same bytes."""
    quarantined: int
    """Refused, and kept apart."""
    failed: int
    """Could not be kept for a reason that is not in them."""


class ArchivedData(_Data):
    """Where it is now."""

    archive_path: str
    """The submission's folder in the archive view; empty when there is no such view."""
    metadata_file: str
    """The description in that folder; empty likewise."""
    studies: list[Uid]
    """Study Instance UIDs of what is held."""
    files: ArchivedFiles
    """What became of the files."""


class FailedFiles(_Data):
    """What became of the files."""

    archived: int
    """Held, by this upload or before it."""
    quarantined: int
    """Kept apart, also for the reason it was given up for."""


class FailedData(_Data):
    """Why it was given up."""

    error: str
    """Code of the error."""
    stage: str
    """Which stage gave up: `validator` or `descriptor`."""
    file_path: str
    """As in `study.uploaded`."""
    files: FailedFiles
    """What became of the files."""


class UploadedBody(SubmissionBody, UploadedData):
    """Files were received and are on stable storage; nothing was read of them yet."""

    event_type: Literal["study.uploaded"]
    """Type of the event."""
    data: UploadedData
    """What is also told beside the envelope."""


class ValidatedBody(SubmissionBody, ValidatedData):
    """Every file was judged: one may be kept, or none (`study.validation.failed`)."""

    event_type: Literal["study.validated", "study.validation.failed"]
    """Type of the event."""
    data: ValidatedData
    """What is also told beside the envelope."""


class ArchivedBody(SubmissionBody, ArchivedData):
    """At least one file of a submission is held by the archive."""

    event_type: Literal["study.archived"]
    """Type of the event."""
    data: ArchivedData
    """What is also told beside the envelope."""


class ProcessingFailedBody(SubmissionBody, FailedData):
    """A submission was given up for a reason that is not in its files."""

    event_type: Literal["study.processing.failed"]
    """Type of the event."""
    data: FailedData
    """What is also told beside the envelope."""
