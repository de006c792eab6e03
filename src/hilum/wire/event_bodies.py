"""The bodies of all events, as schemas: docs/events and the AsyncAPI document are made from them.

What is told is rendered in `hilum.delivery`; a test proves that the two agree, field by field.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Uid = Annotated[str, Field(pattern=r"^[0-9.]{1,64}$", examples=["1.2.826.0.1.3680043.8.498.1"])]
Reason = Literal[
    "Metadata parsing failure",
    "DB write failure",
    "Storage write failure",
    "Kafka publish failure",
    "Schema validation failure",
]

Stage = Literal["fetch", "read", "validate", "storage", "database", "deliver"]


class EventBody(BaseModel):
    """What is in every body. Readers skip fields that they do not know: some may be added."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    event_id: str
    """Made of the feed, the sequence and the type: the same when told again. Drop repeats by it."""
    event_type: str
    """Type of the event."""
    sequence: int
    """Of the entry of the feed it was made from: grows, with gaps."""
    correlation_id: str
    """Follows the work from the first request or association through logs, rows and events."""


class FeedEventBody(EventBody):
    """What is in every body that tells an entry of the feed."""

    feed: str
    """Name of the feed, in which `sequence` counts. After the index was rebuilt there is another
    one, which announces everything anew."""


class InstanceBody(FeedEventBody):
    """An instance was stored, replaced by other bytes (a new version), or deleted."""

    event_type: Literal[
        "hilum.instance.created.v1", "hilum.instance.updated.v1", "hilum.instance.deleted.v1"
    ]
    """Type of the event."""
    timestamp: datetime
    """When it was committed."""
    partition: int
    """Number of the data partition; 1 is the default one."""
    partition_name: str
    """Name of the data partition."""
    position: int
    """`sequence` of the entry in the change feed of `/v1` and `/v2`: grows, without gaps."""
    study_instance_uid: Uid
    """Study Instance UID."""
    series_instance_uid: Uid
    """Series Instance UID."""
    sop_instance_uid: Uid
    """SOP Instance UID."""
    version: int
    """Of the instance: larger is newer."""


class StudyStableBody(FeedEventBody):
    """A study is at rest: nothing more is expected for now. Without patient data."""

    event_type: Literal["hilum.study.stable.v1"]
    """Type of the event."""
    timestamp: datetime
    """When it was announced."""
    partition: int
    """Number of the data partition; 1 is the default one."""
    study_instance_uid: Uid
    """Study Instance UID."""
    revision: int
    """1 for the first time; a late instance reopens the study, and the next rest has the next."""
    because: Literal["quiet", "expected-count", "source"]
    """Why it counts as complete: nothing new for its modality's quiet time, all the instances that
    the source had promised, or the source said so (Orthanc's StableStudy)."""
    source: str
    """Name of the source it came from, where one is configured; else empty."""
    failed_instances: int
    """Instances that the source has and that could not be kept."""
    number_of_series: int
    """Series held."""
    number_of_instances: int
    """Instances held."""
    size_bytes: int
    """Bytes held."""
    modalities: list[str]
    """Modalities in the study."""
    newest_version: int
    """Largest version of its instances."""


class HeldInstance(BaseModel):
    """An instance of the study, and where it lies."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    series_instance_uid: Uid
    """Series Instance UID."""
    sop_instance_uid: Uid
    """SOP Instance UID."""
    storage_path: str
    """URL of the stored file: `file://`, `s3://`, `gs://` or `az://`."""


class MetadataBody(FeedEventBody):
    """A study is stored and complete: the event of the Orthanc middleware, one for each state."""

    event_type: Literal["dicom.metadata.v1"]
    """Type of the event."""
    study_instance_uid: Uid
    """Study Instance UID."""
    patient_id: str | None
    """Patient ID. Patient data: whoever may read the topic learns it."""
    modality: str | None
    """Modality of the first series."""
    study_date: str | None
    """Study Date, as in the data set: YYYYMMDD."""
    storage_path: str
    """URL of the study's folder."""
    timestamp: datetime
    """When the study was announced."""
    partition: int
    """Number of the data partition; 1 is the default one."""
    revision: int
    """1 for the first time; a late instance reopens the study, and the next rest has the next."""
    because: Literal["quiet", "expected-count", "source"]
    """Why it counts as complete; see `hilum.study.stable.v1`."""
    source: str
    """Name of the source it came from, where one is configured; else empty."""
    partial: bool
    """True when the source has instances that could not be kept."""
    failed_instances: int
    """How many."""
    number_of_series: int
    """Series held."""
    number_of_instances: int
    """Instances held."""
    modalities: list[str]
    """Modalities in the study."""
    instances: list[HeldInstance]
    """What is held, up to `delivery.listed_instances`."""
    instances_complete: bool
    """False when there are more instances than are listed; ask QIDO-RS for them."""


class _DeadLetterBody(EventBody):
    error_reason: Reason
    """A word of the middleware for what went wrong. Whichever broker it is, an event that could not
    be told is a "Kafka publish failure"."""
    stage: Stage
    """Where it happened: `fetch`, it was not to be had from the source; `read`, it is no DICOM that
    can be read; `validate`, validation or a conflict refused it; `storage` and `database`, the
    archive could not take it; `deliver`, the event could not be told."""
    error_class: str
    """The kind of error: a code or a name, for grouping."""
    message: str
    """What happened and how to mend it; without patient data."""
    attempt: int
    """How often it was tried."""
    first_seen: datetime
    """When it failed first."""
    failed_at: datetime
    """When it failed last."""
    study_instance_uid: Uid | None
    """The study, where it is known."""


class OriginalStudy(BaseModel):
    """What the source had announced."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    orthanc_study_id: str
    """The source's name of the study."""


class IngestionFailureBody(_DeadLetterBody, FeedEventBody):
    """Something that a source offered could not be kept, or not all of it."""

    event_type: Literal["dicom.metadata.dlq"]
    """Type of the event."""
    original_payload: OriginalStudy
    """What was asked for."""
    source: str
    """Name of the source."""
    findings: list[str]
    """What was wrong, instance by instance; the first ones."""


class DeliveryFailureBody(_DeadLetterBody):
    """An event could not be told: the copy of a dead letter (`hilum feed dead-letters`)."""

    event_type: Literal["dicom.metadata.dlq", "hilum.dead-letter.v1"]
    """`dicom.metadata.dlq` for a `dicom.metadata.v1`, else `hilum.dead-letter.v1`."""
    original_payload: dict[str, Any]
    """The body that could not be told, or `{"omitted_bytes": N}` when it is long."""
    subscription: str
    """Name of the subscription whose sink refused it."""
    original_event_id: str
    """Id of the event."""
    original_event_type: str
    """Type of the event."""


class EventHeaders(BaseModel):
    """Headers of Kafka and RabbitMQ messages, fields of Redis stream entries."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    correlation_id: str
    """As in the body."""
    event_id: str
    """As in the body."""
    event_type: str
    """As in the body."""
    sequence: str
    """As in the body, in digits: of a study and type, one not above the last was told before."""
    traceparent: str | None = None
    """W3C trace context of the work that told the event, while traces are collected."""
