"""Events as the Azure DICOM service tells them: as CloudEvents, or in the schema of Event Grid.

Only what happens to instances has a form there; other events keep their types and bodies, in the
same envelope.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import orjson

from hilum.adapters.sinks.cloud_events import STRUCTURED_TYPE
from hilum.domain.events import Event
from hilum.domain.identifiers import DEFAULT_PARTITION_NAME

AzureFormat = Literal["cloudevents", "eventgrid"]
_TYPES: Final[Mapping[str, str]] = {
    "hilum.instance.created.v1": "Microsoft.HealthcareApis.DicomImageCreated",
    "hilum.instance.updated.v1": "Microsoft.HealthcareApis.DicomImageUpdated",
    "hilum.instance.deleted.v1": "Microsoft.HealthcareApis.DicomImageDeleted",
}


@dataclass(frozen=True, slots=True)
class AzureNames:
    """What events say about where they come from."""

    source: str
    """Of a CloudEvent; the topic of an Event Grid event."""
    host: str
    """Name of the service, as its clients call it."""
    partitions: bool = False
    """Events name the data partition."""


def rendered_for_azure(
    event: Event, form: AzureFormat, names: AzureNames
) -> tuple[dict[str, str], bytes]:
    """Headers and body of the HTTP request."""
    kind = _TYPES.get(event.type)
    subject, data = (event.key, None) if kind is None else _image(event, names)
    told = orjson.Fragment(event.body) if data is None else data
    if form == "eventgrid":
        envelope = _event_grid(event, kind or event.type, names.source, subject)
        headers = {"content-type": "application/json", "aeg-event-type": "Notification"}
        return headers, orjson.dumps([{**envelope, "data": told}])
    envelope = _cloud_event(event, kind or event.type, names.source, subject)
    return {"content-type": STRUCTURED_TYPE}, orjson.dumps({**envelope, "data": told})


def _image(event: Event, names: AzureNames) -> tuple[str, dict[str, Any]]:
    """Subject and data of an event about an instance."""
    body = orjson.loads(event.body)
    study, series = body["study_instance_uid"], body["series_instance_uid"]
    instance = body["sop_instance_uid"]
    data: dict[str, Any] = {
        "imageStudyInstanceUid": study,
        "imageSeriesInstanceUid": series,
        "imageSopInstanceUid": instance,
        "serviceHostName": names.host,
        # A dead letter may be of a time before positions.
        "sequenceNumber": body.get("position") or body["sequence"],
    }
    if names.partitions:
        data["partitionName"] = body.get("partition_name") or DEFAULT_PARTITION_NAME
    return f"{names.host}/v1/studies/{study}/series/{series}/instances/{instance}", data


def _cloud_event(event: Event, kind: str, source: str, subject: str) -> dict[str, Any]:
    envelope = {
        "specversion": "1.0",
        "id": event.event_id,
        "source": source,
        "type": kind,
        "time": _time(event),
        "datacontenttype": "application/json",
    }
    return {**envelope, "subject": subject} if subject else envelope


def _event_grid(event: Event, kind: str, topic: str, subject: str) -> dict[str, Any]:
    return {
        "id": event.event_id,
        "topic": topic,
        "subject": subject,
        "eventType": kind,
        "eventTime": _time(event),
        "dataVersion": "1",
        "metadataVersion": "1",
    }


def _time(event: Event) -> str:
    return event.time.isoformat(timespec="microseconds").replace("+00:00", "Z")
