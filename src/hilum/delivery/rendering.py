"""From an entry of the feed to the events that tell it.

An event's id is made of the feed's name, the entry's sequence and the event's type, so telling it
again, by whatever process, repeats the id.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import orjson

from hilum.domain.events import Event
from hilum.domain.identifiers import (
    InstanceUIDs,
    ObjectKey,
    PartitionKey,
    Scope,
    SeriesInstanceUID,
    SOPInstanceUID,
    StudyInstanceUID,
    Version,
    object_key,
)
from hilum.domain.records import FeedEntry, FeedKind, InstanceRecord
from hilum.domain.submissions import EVENT_OF_STATE, FEED_KIND_OF_STATE
from hilum.ports.index import InstanceReader

INSTANCE_TYPES: Final[Mapping[FeedKind, str]] = {
    FeedKind.CREATED: "hilum.instance.created.v1",
    FeedKind.UPDATED: "hilum.instance.updated.v1",
    FeedKind.DELETED: "hilum.instance.deleted.v1",
}
STUDY_STABLE: Final = "hilum.study.stable.v1"
METADATA: Final = "dicom.metadata.v1"
METADATA_DLQ: Final = "dicom.metadata.dlq"
DEAD_LETTER: Final = "hilum.dead-letter.v1"
"""Tells that an event of another type could not be delivered; beside the filter."""

SUBMISSION_TYPES: Final[Mapping[FeedKind, str]] = {
    kind: EVENT_OF_STATE[state] for state, kind in FEED_KIND_OF_STATE.items()
}

FEED_TYPES: Final = (
    *INSTANCE_TYPES.values(), STUDY_STABLE, METADATA, METADATA_DLQ, *SUBMISSION_TYPES.values()
)  # fmt: skip
"""Every type of event that an entry of the feed is rendered to."""

_TYPES: Final[Mapping[FeedKind, tuple[str, ...]]] = {
    **{kind: (name,) for kind, name in INSTANCE_TYPES.items()},
    FeedKind.STUDY_STABLE: (STUDY_STABLE, METADATA),
    FeedKind.INGESTION_FAILED: (METADATA_DLQ,),
    **{kind: (name,) for kind, name in SUBMISSION_TYPES.items()},
}
_PAGE: Final = 500

Locate = Callable[[ObjectKey], str]
"""The URL of an object: `file:///...`, `s3://bucket/...`."""


def types_of(kind: FeedKind) -> Sequence[str]:
    """The types of the events that tell an entry of this kind, in their order."""
    return _TYPES[kind]


class Renderer:
    """Renders the entries of the feed called `feed_id`.

    `dicom.metadata.v1` lists at most `listed_instances` instances of a study, so that the size of
    an event does not grow with that of the study.
    """

    def __init__(
        self, feed_id: str, instances: InstanceReader, locate: Locate, listed_instances: int = 1000
    ) -> None:
        self._feed_id = feed_id
        self._namespace = uuid.uuid5(uuid.NAMESPACE_URL, f"hilum:feed:{feed_id}")
        self._instances = instances
        self._locate = locate
        self._listed = listed_instances

    def event_id(self, sequence: int, event_type: str) -> str:
        """Name the event of this type that the entry `sequence` is rendered to."""
        return str(uuid.uuid5(self._namespace, f"{sequence}:{event_type}"))

    def instance(self, entry: FeedEntry) -> Event:
        """Render an entry about an instance."""
        event_type = INSTANCE_TYPES[entry.kind]
        event_id = self.event_id(entry.sequence, event_type)
        uids = entry.uids
        body = {
            "event_id": event_id,
            "event_type": event_type,
            "feed": self._feed_id,
            "sequence": entry.sequence,
            "timestamp": _told(entry),
            "correlation_id": entry.correlation_id,
            "partition": entry.partition,
            "partition_name": entry.partition_name,
            "position": entry.position,
            "study_instance_uid": uids.study,
            "series_instance_uid": uids.series,
            "sop_instance_uid": uids.sop_instance,
            "version": entry.version,
        }
        return event_of_entry(entry, event_id, event_type, orjson.dumps(body))

    async def fact(self, entry: FeedEntry, event_type: str) -> Event:
        """Render an entry about a study or a failed ingestion as an event of one of its types.

        Raises `ValueError` or `KeyError` for a payload that cannot be understood.
        """
        payload: dict[str, Any] = orjson.loads(entry.payload or "")
        event_id = self.event_id(entry.sequence, event_type)
        if entry.kind.of_submission:
            return _submission(entry, payload, event_id, event_type, self._feed_id)
        if event_type == METADATA_DLQ:
            body = _failure(entry, payload)
        elif event_type == METADATA:
            body = await self._metadata(entry, payload)
        else:
            body = _stable(entry, payload)
        body |= {
            "event_id": event_id,
            "event_type": event_type,
            "feed": self._feed_id,
            "sequence": entry.sequence,
        }
        return event_of_entry(entry, event_id, event_type, orjson.dumps(body))

    async def _metadata(self, entry: FeedEntry, payload: dict[str, Any]) -> dict[str, Any]:
        study, partition = entry.uids.study, entry.partition
        held, more = await self._held(Scope(study, partition=partition), entry.version)
        return {
            "correlation_id": entry.correlation_id,
            "study_instance_uid": study,
            "patient_id": payload["patient_id"],
            "modality": payload["modality"],
            "study_date": payload["study_date"],
            "storage_path": self._folder(partition, study),
            "timestamp": _told(entry),
            "partition": partition,
            "revision": payload["revision"],
            "because": payload["because"],
            "source": payload["source"],
            "partial": payload["failed_instances"] > 0,
            "failed_instances": payload["failed_instances"],
            "number_of_series": payload["number_of_series"],
            "number_of_instances": payload["number_of_instances"],
            "modalities": payload["modalities"],
            "instances": [
                {
                    "series_instance_uid": each.uids.series,
                    "sop_instance_uid": each.uids.sop_instance,
                    "storage_path": self._locate(each.object_key),
                }
                for each in held
            ],
            "instances_complete": not more,
        }

    async def _held(self, scope: Scope, newest: Version) -> tuple[list[InstanceRecord], bool]:
        """Read what is held of a study now, but for what came after the fact; and is there more."""
        found: list[InstanceRecord] = []
        after = 0
        while len(found) <= self._listed:
            page = await self._instances.instances(scope, after, _PAGE)
            if not page:
                return found, False
            found.extend(each for each in page if each.version <= newest)
            after = page[-1].key
        return found[: self._listed], True

    def _folder(self, partition: PartitionKey, study: StudyInstanceUID) -> str:
        uids = InstanceUIDs(study, SeriesInstanceUID("0"), SOPInstanceUID("0"))
        location = self._locate(object_key(partition, uids, Version(0)))
        return location.rsplit("/", 2)[0] + "/"


def _stable(entry: FeedEntry, payload: dict[str, Any]) -> dict[str, Any]:
    """Tell of a study at rest, without patient data."""
    return {
        "timestamp": _told(entry),
        "correlation_id": entry.correlation_id,
        "partition": entry.partition,
        "study_instance_uid": entry.uids.study,
        "revision": payload["revision"],
        "because": payload["because"],
        "source": payload["source"],
        "failed_instances": payload["failed_instances"],
        "number_of_series": payload["number_of_series"],
        "number_of_instances": payload["number_of_instances"],
        "size_bytes": payload["size_bytes"],
        "modalities": payload["modalities"],
        "newest_version": entry.version,
    }


def _failure(entry: FeedEntry, payload: dict[str, Any]) -> dict[str, Any]:
    return {
        "original_payload": {"orthanc_study_id": payload["source_id"]},
        "error_reason": payload["reason"],
        "correlation_id": entry.correlation_id,
        "source": payload["source"],
        "stage": payload["stage"],
        "error_class": payload["error_class"],
        "message": payload["message"],
        "attempt": payload["attempt"],
        "first_seen": payload["first_failed"],
        "failed_at": _told(entry),
        "study_instance_uid": payload["study_instance_uid"],
        "findings": payload["findings"],
    }


def _submission(
    entry: FeedEntry, payload: dict[str, Any], event_id: str, event_type: str, feed_id: str
) -> Event:
    """Tell of a submission: what is told of its state stands under `data`, and flat."""
    study_id, data = payload["study_id"], payload["data"]
    body = {
        **data,
        "event": event_type,
        "version": 1,
        "id": event_id,
        "study_id": study_id,
        "round": payload["round"],
        "timestamp": _told(entry),
        "correlation_id": entry.correlation_id,
        "partition": entry.partition,
        "data": data,
        "event_id": event_id,
        "event_type": event_type,
        "feed": feed_id,
        "sequence": entry.sequence,
    }
    return event_of_entry(entry, event_id, event_type, orjson.dumps(body), study_id)


def event_of_entry(
    entry: FeedEntry, event_id: str, event_type: str, body: bytes, key: str = ""
) -> Event:
    """What an entry of the feed becomes, with this body; its key is that of the study if empty."""
    return Event(
        event_id=event_id,
        type=event_type,
        key=key or entry.uids.study,
        sequence=entry.sequence,
        time=entry.time,
        correlation_id=entry.correlation_id,
        body=body,
    )


def _told(entry: FeedEntry) -> str:
    return entry.time.isoformat(timespec="milliseconds")
