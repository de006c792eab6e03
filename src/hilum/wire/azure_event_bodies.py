"""The events of the Azure DICOM service, as schemas (see `hilum.wire.event_bodies`)."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from hilum.wire.event_bodies import Uid

ImageEventType = Literal[
    "Microsoft.HealthcareApis.DicomImageCreated",
    "Microsoft.HealthcareApis.DicomImageUpdated",
    "Microsoft.HealthcareApis.DicomImageDeleted",
]


class _Body(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)


class ImageData(_Body):
    """Which instance it happened to."""

    image_study_instance_uid: Uid = Field(alias="imageStudyInstanceUid")
    """Study Instance UID."""
    image_series_instance_uid: Uid = Field(alias="imageSeriesInstanceUid")
    """Series Instance UID."""
    image_sop_instance_uid: Uid = Field(alias="imageSopInstanceUid")
    """SOP Instance UID."""
    service_host_name: str = Field(alias="serviceHostName")
    """Name of this service: the setting `service_host` of the sink."""
    sequence_number: int = Field(alias="sequenceNumber")
    """`sequence` of the entry in the change feed."""
    partition_name: str = Field("", alias="partitionName")
    """Name of the data partition, where there are partitions."""


class ImageCloudEvent(_Body):
    """What happened to an instance, as a CloudEvent of the Azure DICOM service.

    Of webhook sinks with `format = "cloudevents"`; the whole body (`application/cloudevents+json`).
    """

    specversion: Literal["1.0"]
    """Version of CloudEvents."""
    id: str
    """The same when told again. Drop repeats by it."""
    source: str
    """The setting `source` of the sink."""
    type: ImageEventType
    """What happened."""
    time: datetime
    """When it was committed."""
    datacontenttype: Literal["application/json"]
    """What `data` is."""
    subject: str
    """`{host}/v1/studies/{study}/series/{series}/instances/{instance}`."""
    data: ImageData
    """Which instance it happened to."""


class ImageGridEvent(_Body):
    """What happened to an instance, in the schema of Event Grid.

    Of webhook sinks with `format = "eventgrid"`; the body of the request is a list of one.
    """

    id: str
    """The same when told again. Drop repeats by it."""
    topic: str
    """The setting `source` of the sink."""
    subject: str
    """`{host}/v1/studies/{study}/series/{series}/instances/{instance}`."""
    event_type: ImageEventType = Field(alias="eventType")
    """What happened."""
    event_time: datetime = Field(alias="eventTime")
    """When it was committed."""
    data_version: Literal["1"] = Field(alias="dataVersion")
    """Version of `data`."""
    metadata_version: Literal["1"] = Field(alias="metadataVersion")
    """Version of the envelope."""
    data: ImageData
    """Which instance it happened to."""
