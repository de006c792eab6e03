"""The documentation of events is current, and is what is really told."""

import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import orjson
import pytest

from hilum.delivery.letters import copy_of, letter_of
from hilum.delivery.rendering import DEAD_LETTER, FEED_TYPES
from hilum.domain.errors import ArchiveFull, ArchiveUnavailable, LimitExceeded
from hilum.domain.events import Event, Rejected
from hilum.inbound.orthanc.errors import SourceFailed, UnknownAtSource
from hilum.inbound.orthanc.tally import failure_of_error
from tests.event_schemas import DOCUMENT, MESSAGES, ROOT, problems, schema_of


def test_the_documents_are_current() -> None:
    tool = ROOT / "tools" / "asyncapi_reference.py"

    run = subprocess.run(
        [sys.executable, str(tool), "--check"], capture_output=True, text=True, check=False
    )

    assert run.returncode == 0, run.stderr


def test_every_type_of_event_is_documented() -> None:
    azure = {
        f"Microsoft.HealthcareApis.DicomImage{what}" for what in ("Created", "Updated", "Deleted")
    }
    assert {each["name"] for each in MESSAGES.values()} == {*FEED_TYPES, DEAD_LETTER, *azure}


@pytest.mark.parametrize("name", MESSAGES)
def test_what_is_rendered_is_what_the_schema_says(name: str) -> None:
    message = MESSAGES[name]
    for example in message["examples"]:
        assert problems(message, example["payload"]) == []
        assert set(example["payload"]) == set(schema_of(message)["properties"])


@pytest.mark.parametrize(
    ("event_type", "name"),
    [
        ("dicom.metadata.v1", "metadataNotTold"),
        ("hilum.study.stable.v1", "eventNotTold"),
        ("hilum.instance.created.v1", "eventNotTold"),
        ("dicom.metadata.dlq", "eventNotTold"),
    ],
)
@pytest.mark.parametrize("body", [b'{"a":1}', b"no JSON", b"x" * 2000])
@pytest.mark.parametrize("study", ["1.2.3", ""])
def test_a_copy_of_whatever_could_not_be_told_is_what_the_schema_says(
    event_type: str, name: str, body: bytes, study: str
) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    event = Event(str(uuid4()), event_type, study, 7, moment, "c-1", body)
    why = Rejected(event.event_id, "message-too-large", "It is too large.")

    copy = copy_of(letter_of("all", event, why, moment), limit_bytes=1000)

    assert copy.type == MESSAGES[name]["name"]
    assert problems(MESSAGES[name], orjson.loads(copy.body)) == []


def test_a_copy_of_what_tells_of_a_submission_names_no_study() -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    event = Event(str(uuid4()), "study.uploaded", str(uuid4()), 7, moment, "c-1", b"{}")
    why = Rejected(event.event_id, "message-too-large", "It is too large.")

    copy = copy_of(letter_of("all", event, why, moment), limit_bytes=1000)

    body = orjson.loads(copy.body)
    assert problems(MESSAGES["eventNotTold"], body) == []
    assert (copy.key, body["study_instance_uid"]) == (event.key, None)


@pytest.mark.parametrize("fetching", [True, False])
@pytest.mark.parametrize(
    "error",
    [
        SourceFailed("It answered with status 500."),
        UnknownAtSource("It does not know this (404)."),
        ArchiveFull("There is no space left."),
        ArchiveUnavailable("The database does not answer."),
        LimitExceeded("orthanc.instance_bytes", 1, "The instance is too large"),
        RuntimeError("a bug"),
    ],
)
def test_every_failure_of_an_ingestion_is_what_the_schema_says(
    error: Exception, fetching: bool
) -> None:
    failure = failure_of_error("id", error, fetching=fetching)
    message = MESSAGES["ingestionFailure"]
    told = {
        **message["examples"][0]["payload"],
        "error_reason": failure.reason,
        "stage": failure.stage,
        "error_class": failure.error_class,
        "message": failure.message,
        "study_instance_uid": None,
        "findings": [],
    }

    assert problems(message, told) == []


@pytest.mark.parametrize("name", MESSAGES)
def test_the_schemas_refuse_what_is_not_told(name: str) -> None:
    message = MESSAGES[name]
    body = message["examples"][0]["payload"]
    for field in body:
        lacking = {key: value for key, value in body.items() if key != field}
        assert problems(message, lacking), f"{name} without {field}"
        assert problems(message, {**body, field: [{}]}), f"{name} with a wrong {field}"


def test_every_reference_leads_somewhere() -> None:
    text = json.dumps(DOCUMENT)
    references = set(re.findall(r'"\$ref": "#/([^"]+)"', text))
    assert references
    for reference in references:
        place: Any = DOCUMENT
        for step in reference.split("/"):
            assert step in place, reference
            place = place[step]


def test_no_example_has_a_body_that_cannot_be_read_back() -> None:
    for message in MESSAGES.values():
        for example in message["examples"]:
            assert orjson.loads(orjson.dumps(example["payload"])) == example["payload"]
