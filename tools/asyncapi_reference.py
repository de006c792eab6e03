"""Write docs/events/asyncapi.json and the tables of docs/events.md from the bodies of events.

python tools/asyncapi_reference.py            writes both
python tools/asyncapi_reference.py --check    fails when one is not current
"""

import asyncio
import json
import sys
import typing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from hilum import __version__
from hilum.adapters.sinks.azure_events import AzureNames, rendered_for_azure
from hilum.adapters.sinks.topics import Topics
from hilum.delivery.letters import copy_of, letter_of
from hilum.delivery.rendering import Renderer, types_of
from hilum.domain.events import Event, Rejected
from hilum.domain.identifiers import (
    DEFAULT_PARTITION,
    DEFAULT_PARTITION_NAME,
    InstanceUIDs,
    ObjectKey,
    Scope,
    SeriesInstanceUID,
    SOPClassUID,
    SOPInstanceUID,
    StudyInstanceUID,
    TransferSyntaxUID,
    Version,
)
from hilum.domain.records import FeedEntry, FeedKind, InstanceRecord
from hilum.domain.submissions import EVENT_OF_STATE, FEED_KIND_OF_STATE, SubmissionState
from hilum.wire.azure_event_bodies import ImageCloudEvent, ImageGridEvent
from hilum.wire.event_bodies import (
    DeliveryFailureBody,
    EventHeaders,
    IngestionFailureBody,
    InstanceBody,
    MetadataBody,
    StudyStableBody,
)
from hilum.wire.submission_event_bodies import (
    ArchivedBody,
    ProcessingFailedBody,
    UploadedBody,
    ValidatedBody,
)

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "events" / "asyncapi.json"
PAGE = ROOT / "docs" / "events.md"
BEGIN, END = "<!-- events: begin -->", "<!-- events: end -->"
STUDY = "1.2.826.0.1.3680043.8.498.1"
SUBMISSION = "5f0c6c7e-3c1b-4f0e-9d4a-2b8f4f0c7a11"
AT = datetime(2026, 11, 22, 9, 30, 0, 250_000, tzinfo=UTC)


@dataclass(frozen=True)
class Told:
    """One type of event and the schema of its body."""

    kind: str
    body: type[BaseModel]
    example: Event
    name: str
    """Of the message in the AsyncAPI document."""
    of_webhooks: bool = False
    """Told by webhooks only, in a format of others."""


def events() -> list[Told]:
    """Every type, with an example that the product itself rendered."""
    return asyncio.run(_events())


async def _events() -> list[Told]:
    renderer = Renderer(FEED, _Held(), lambda key: f"s3://images/{key}")
    told = [
        Told(name, InstanceBody, renderer.instance(_entry(kind, 17)), f"instance{kind.title()}")
        for kind in (FeedKind.CREATED, FeedKind.UPDATED, FeedKind.DELETED)
        for name in types_of(kind)
    ]
    stable = _entry(FeedKind.STUDY_STABLE, 18, STABLE)
    failed = _entry(FeedKind.INGESTION_FAILED, 19, FAILED)
    metadata = await renderer.fact(stable, "dicom.metadata.v1")
    told += [
        Told(
            "hilum.study.stable.v1",
            StudyStableBody,
            await renderer.fact(stable, "hilum.study.stable.v1"),
            "studyStable",
        ),
        Told("dicom.metadata.v1", MetadataBody, metadata, "studyMetadata"),
        Told(
            "dicom.metadata.dlq",
            IngestionFailureBody,
            await renderer.fact(failed, "dicom.metadata.dlq"),
            "ingestionFailure",
        ),
        *[await _of_submission(renderer, *each) for each in _submissions()],
        _copy(metadata, "metadataNotTold"),
        _copy(told[0].example, "eventNotTold"),
        *_as_azure([each.example for each in told[:3]]),
    ]
    return told


def _as_azure(examples: Sequence[Event]) -> Iterator[Told]:
    names = AzureNames("/hospital/archive", "pacs.example.org", partitions=True)
    for form, body in (("cloudevents", ImageCloudEvent), ("eventgrid", ImageGridEvent)):
        for event in examples:
            _, content = rendered_for_azure(event, form, names)
            whole = orjson.loads(content)
            whole = whole if isinstance(whole, dict) else whole[0]
            kind = whole.get("type") or whole["eventType"]
            example = replace(event, body=orjson.dumps(whole))
            name = f"{form}{kind.rpartition('.')[2]}"
            yield Told(kind, body, example, name, of_webhooks=True)


async def _of_submission(
    renderer: Renderer, state: SubmissionState, body: type[BaseModel], data: dict[str, Any]
) -> Told:
    kind, name = FEED_KIND_OF_STATE[state], EVENT_OF_STATE[state]
    payload = {"study_id": SUBMISSION, "round": 1, "source": "upload", "data": data}
    example = await renderer.fact(_entry(kind, 20 + state.rank, payload, study=""), name)
    return Told(name, body, example, _camel(name))


def _submissions() -> Iterator[tuple[SubmissionState, type[BaseModel], dict[str, Any]]]:
    path = f"/var/lib/hilum/holding/{SUBMISSION}/0"
    judged = {
        "is_valid": True,
        "errors": [],
        "missing_tags": [],
        "file_size": 527_112,
        "modality": "CT",
        "study_date": "20261122",
    }
    refused = {
        **judged,
        "is_valid": False,
        "errors": ["File 0: attribute-missing (0008,0018): SOPInstanceUID is missing."],
        "missing_tags": ["SOPInstanceUID"],
        "modality": "",
        "study_date": "",
    }
    yield (
        SubmissionState.UPLOADED,
        UploadedBody,
        {
            "file_path": path,
            "original_filename": "IM0001.dcm",
            "file_size": 527_112,
            "files": 1,
            "bytes": 527_112,
        },
    )
    for state, details, counts in (
        (SubmissionState.VALIDATED, judged, (1, 0, 0)),
        (SubmissionState.VALIDATION_FAILED, refused, (0, 1, 0)),
    ):
        files = dict(zip(("valid", "quarantined", "ignored"), counts, strict=True))
        data = {"file_path": path, "validation_details": details, "files": files}
        yield state, ValidatedBody, data
    folder = f"/var/lib/hilum/archive/{SUBMISSION}"
    yield (
        SubmissionState.ARCHIVED,
        ArchivedBody,
        {
            "archive_path": folder,
            "metadata_file": f"{folder}/metadata.json",
            "studies": [STUDY],
            "files": {"archived": 1, "already_held": 0, "quarantined": 0, "failed": 0},
        },
    )
    failed = {
        "error": "archive-full",
        "stage": "descriptor",
        "file_path": path,
        "files": {"archived": 0, "quarantined": 1},
    }
    yield SubmissionState.FAILED, ProcessingFailedBody, failed


def _copy(event: Event, name: str) -> Told:
    why = Rejected(
        event.event_id, "message-too-large", "The event has 1200000 bytes, more than ..."
    )
    copy = copy_of(letter_of("to-kafka", event, why, AT), limit_bytes=400)
    return Told(copy.type, DeliveryFailureBody, copy, name)


FEED = "b6b7a1d2c3e4f5061728394a5b6c7d8e"
STABLE = {
    "because": "source",
    "source": "ward-3",
    "revision": 1,
    "failed_instances": 0,
    "number_of_instances": 1,
    "number_of_series": 1,
    "size_bytes": 527_112,
    "patient_id": "P-0001",
    "study_date": "20261122",
    "modality": "CT",
    "modalities": ["CT"],
}
FAILED = {
    "source": "ward-3",
    "source_id": "b9c08539-26f93bde-c81ab0d7-bffaf2cb-a4d0bdd0",
    "reason": "Metadata parsing failure",
    "stage": "read",
    "error_class": "unreadable-instance",
    "message": "1 instances could not be kept; the first: The file ends within an element.",
    "attempt": 3,
    "study_instance_uid": STUDY,
    "findings": ["6f9bde71-... Metadata parsing failure: The file ends within an element."],
    "first_failed": "2026-11-22T09:25:11.000+00:00",
}


def _entry(
    kind: FeedKind, sequence: int, payload: dict[str, Any] | None = None, study: str = STUDY
) -> FeedEntry:
    uids = InstanceUIDs(
        StudyInstanceUID(study),
        SeriesInstanceUID(f"{STUDY}.1" if payload is None else ""),
        SOPInstanceUID(f"{STUDY}.1.1" if payload is None else ""),
    )
    return FeedEntry(
        sequence=sequence,
        time=AT,
        partition=DEFAULT_PARTITION,
        kind=kind,
        uids=uids,
        version=Version(4711),
        correlation_id="f2f1edc4-41a0-41bb-9700-29cdac83c595",
        payload=None if payload is None else orjson.dumps(payload).decode(),
        position=sequence - 2 if payload is None else None,
        partition_name=DEFAULT_PARTITION_NAME,
    )


class _Held:
    """The index of the examples: one instance."""

    async def instances(self, scope: Scope, after: int, _limit: int) -> Sequence[InstanceRecord]:
        if after:
            return []
        series, instance = f"{STUDY}.1", f"{STUDY}.1.1"
        return [
            InstanceRecord(
                key=1,
                uids=InstanceUIDs(
                    scope.study or StudyInstanceUID(STUDY),
                    SeriesInstanceUID(series),
                    SOPInstanceUID(instance),
                ),
                sop_class_uid=SOPClassUID("1.2.840.10008.5.1.4.1.1.2"),
                transfer_syntax_uid=TransferSyntaxUID("1.2.840.10008.1.2.1"),
                version=Version(4711),
                object_key=ObjectKey(f"1/{STUDY}/{series}/{instance}.4711.dcm"),
                size_bytes=527_112,
                dataset_offset=0,
            )
        ]

    async def summary(self, scope: Scope) -> None: ...

    async def metadata(self, *_: object) -> Sequence[Any]:
        return []

    async def metadata_of(self, *_: object) -> Sequence[Any]:
        return []

    async def referenced(self, keys: Sequence[ObjectKey]) -> set[ObjectKey]:
        return set(keys)


def document() -> dict[str, Any]:
    """The AsyncAPI document."""
    told, topics = events(), Topics()
    bodies = list(dict.fromkeys(each.body for each in told))
    _, definitions = models_json_schema(
        [(body, "serialization") for body in (*bodies, EventHeaders)],
        ref_template="#/components/schemas/{model}",
    )
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    messages: dict[str, Any] = {}
    for each in told:
        messages[each.name] = _message(each)
        if each.of_webhooks:
            channel, entry = "webhooks", channels.setdefault("webhooks", {**_WEBHOOKS})
        else:
            channel = _camel(topics.of(each.kind))
            entry = channels.setdefault(
                channel, {"address": topics.of(each.kind), "messages": {}, **_CHANNEL}
            )
        entry["messages"][each.name] = {"$ref": f"#/components/messages/{each.name}"}
        operations[f"tell{channel[0].upper()}{channel[1:]}"] = {
            "action": "send",
            "channel": {"$ref": f"#/channels/{channel}"},
            "summary": "Told by subscriptions (`delivery.subscriptions`) to sinks (`sinks`).",
        }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Hilum events",
            "version": __version__,
            "description": (
                "What the archive tells the world: at least once, in order for each study. "
                "docs/events.md has the promises, and the carriers other than Kafka."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": definitions["$defs"]},
    }


_WEBHOOKS: dict[str, Any] = {
    "address": None,
    "messages": {},
    "description": "Requests to the URL of a webhook sink with another `format` than `hilum`.",
}
_CHANNEL = {
    "description": "Names are the defaults of Kafka and Redis sinks. RabbitMQ: routing keys are "
    "the types of events.",
    "bindings": {"kafka": {"bindingVersion": "0.5.0"}},
}


def _message(told: Told) -> dict[str, Any]:
    if told.of_webhooks:
        return {
            "name": told.kind,
            "title": told.kind,
            "summary": _doc(told.body),
            "contentType": "application/json",
            "payload": {"$ref": f"#/components/schemas/{told.body.__name__}"},
            "examples": [{"payload": orjson.loads(told.example.body)}],
        }
    return {
        "name": told.kind,
        "title": told.kind,
        "summary": _doc(told.body),
        "contentType": "application/json",
        "correlationId": {"location": "$message.header#/correlation_id"},
        "headers": {"$ref": "#/components/schemas/EventHeaders"},
        "payload": {"$ref": f"#/components/schemas/{told.body.__name__}"},
        "bindings": {
            "kafka": {
                "key": {
                    "type": "string",
                    "description": "Study Instance UID, UUID of a submission, or empty.",
                },
                "bindingVersion": "0.5.0",
            }
        },
        "examples": [{"payload": orjson.loads(told.example.body)}],
    }


def _camel(topic: str) -> str:
    first, *rest = topic.replace("-", ".").split(".")
    return first + "".join(word.title() for word in rest)


def _doc(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split())


def tables() -> str:
    """The part of the page that is made from the schemas."""
    return "\n".join(_tables())


def _tables() -> Iterator[str]:
    topics = Topics()
    by_body: dict[type[BaseModel], list[Told]] = {}
    for each in events():
        by_body.setdefault(each.body, []).append(each)
    for body, told in by_body.items():
        names = ", ".join(dict.fromkeys(f"`{each.kind}`" for each in told))
        places = ", ".join(dict.fromkeys(f"`{topics.of(each.kind)}`" for each in told))
        yield f"### {names}\n"
        topic = "" if told[0].of_webhooks else f" Topic {places}."
        yield f"{_doc(body)}{topic}\n"
        yield "| Field | Type | Meaning |"
        yield "| --- | --- | --- |"
        yield from _rows(body)
        example = json.dumps(orjson.loads(told[0].example.body), indent=2)
        yield f"\n```json\n{example}\n```\n"


def _rows(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        kind, inner = _kind(field.annotation)
        text = " ".join((field.description or "").split())
        name = field.alias or name  # noqa: PLW2901
        yield f"| `{prefix}{name}` | {kind} | {text} |"
        if inner is not None:
            dots = "[]." if kind.startswith("list") else "."
            yield from _rows(inner, f"{prefix}{name}{dots}")


_KINDS = {str: "text", int: "whole number", bool: "true or false", datetime: "time (ISO 8601, UTC)"}


def _kind(annotation: object) -> tuple[str, type[BaseModel] | None]:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _kind(arguments[0])
    if origin is typing.Literal:
        return ", ".join(f"`{each}`" for each in arguments), None
    if type(None) in arguments:
        kind, inner = _kind(next(each for each in arguments if each is not type(None)))
        return f"{kind} or null", inner
    if origin is list:
        kind, inner = _kind(arguments[0])
        return f"list of {kind}s", inner
    if origin is dict:
        return "object", None
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "object", annotation
    return _KINDS[annotation], None


def files() -> dict[Path, str]:
    """Everything this tool writes."""
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    made = f"{before}{BEGIN}\n\n{tables()}\n{END}{after}"
    return {DOCUMENT: json.dumps(document(), indent=2, ensure_ascii=False) + "\n", PAGE: made}


def main() -> int:
    """Write the files, or say which is not current."""
    stale = [
        path
        for path, text in files().items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]
    if "--check" not in sys.argv[1:]:
        for path, text in files().items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return 0
    for path in stale:
        print(f"{path} is not current; run python tools/asyncapi_reference.py", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
