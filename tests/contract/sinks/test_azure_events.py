"""Webhooks that tell events as the Azure DICOM service does, and that ask before they tell."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import orjson
import pytest

from hilum.domain.errors import SinkUnavailable
from tests.contract.sinks.events import an_event
from tests.contract.sinks.far_sides import FarWebhook, sink_of
from tests.contract.sinks.receiver import Decision, Posted
from tests.event_schemas import MESSAGES, problems

HOST = "pacs.example.org"
IMAGE = {
    "study_instance_uid": "1.2",
    "series_instance_uid": "1.2.3",
    "sop_instance_uid": "1.2.3.4",
    "partition_name": "ward",
    "position": 41,
    "sequence": 57,
}


@pytest.fixture
async def hook() -> AsyncIterator[FarWebhook]:
    far = FarWebhook()
    await far.begin()
    yield far
    await far.end()


def table(hook: FarWebhook, form: str, **more: Any) -> dict[str, Any]:
    return {**hook.table(), "format": form, "service_host": HOST, "source": "/archive", **more}


async def told(hook: FarWebhook, form: str, type_: str, body: Mapping[str, Any]) -> Posted:
    sink = sink_of(table(hook, form))
    await sink.open()
    event = an_event(57, type_=type_, body=orjson.dumps(body))
    assert list(await sink.send([event])) == []
    await sink.close()
    [posted] = hook.receiver.requests
    assert posted.event_id == event.event_id
    return posted


@pytest.mark.azure("12-events", "12-events-subject", "12-events-data")
@pytest.mark.parametrize("what", ["Created", "Updated", "Deleted"])
async def test_12_a_cloud_event_is_that_of_the_azure_service(hook: FarWebhook, what: str) -> None:
    posted = await told(hook, "cloudevents", f"hilum.instance.{what.lower()}.v1", IMAGE)

    assert posted.headers["content-type"] == "application/cloudevents+json"
    event = orjson.loads(posted.body)
    assert event == {
        "specversion": "1.0",
        "id": "0f0f0f0f-57",
        "source": "/archive",
        "type": f"Microsoft.HealthcareApis.DicomImage{what}",
        "time": "2026-03-01T12:30:15.250000Z",
        "datacontenttype": "application/json",
        "subject": f"{HOST}/v1/studies/1.2/series/1.2.3/instances/1.2.3.4",
        "data": {
            "imageStudyInstanceUid": "1.2",
            "imageSeriesInstanceUid": "1.2.3",
            "imageSopInstanceUid": "1.2.3.4",
            "serviceHostName": HOST,
            "sequenceNumber": 41,
        },
    }
    assert problems(MESSAGES[f"cloudeventsDicomImage{what}"], event) == []


@pytest.mark.azure("12-events", "12-events-data")
@pytest.mark.parametrize("what", ["Created", "Updated", "Deleted"])
async def test_12_an_event_grid_event_is_that_of_the_azure_service(
    hook: FarWebhook, what: str
) -> None:
    posted = await told(hook, "eventgrid", f"hilum.instance.{what.lower()}.v1", IMAGE)

    assert posted.headers["content-type"] == "application/json"
    assert posted.headers["aeg-event-type"] == "Notification"
    [event] = orjson.loads(posted.body)
    assert (event["eventType"], event["dataVersion"], event["data"]["sequenceNumber"]) == (
        f"Microsoft.HealthcareApis.DicomImage{what}",
        "1",
        41,
    )
    assert event["topic"] == "/archive"
    assert problems(MESSAGES[f"eventgridDicomImage{what}"], event) == []


@pytest.mark.parametrize("form", ["cloudevents", "eventgrid"])
async def test_what_is_no_image_keeps_its_type_and_body(hook: FarWebhook, form: str) -> None:
    posted = await told(hook, form, "hilum.study.stable.v1", {"revision": 3})

    whole = orjson.loads(posted.body)
    event = whole[0] if form == "eventgrid" else whole
    assert event["data"] == {"revision": 3}
    assert event.get("type", event.get("eventType")) == "hilum.study.stable.v1"


async def test_an_event_of_a_time_before_positions_has_its_sequence(hook: FarWebhook) -> None:
    old = {name: value for name, value in IMAGE.items() if name != "position"}

    posted = await told(hook, "cloudevents", "hilum.instance.created.v1", old)

    assert orjson.loads(posted.body)["data"]["sequenceNumber"] == 57


@pytest.mark.parametrize("allowed", ["*", HOST, HOST.upper()])
async def test_who_allows_our_origin_gets_events(hook: FarWebhook, allowed: str) -> None:
    hook.receiver.decide = lambda _headers, _body: (200, {"WebHook-Allowed-Origin": allowed})
    sink = sink_of(table(hook, "cloudevents", handshake=True))

    await sink.open()
    await sink.send([an_event(1, body=orjson.dumps(IMAGE))])
    await sink.close()

    asked, posted = hook.receiver.requests
    assert (asked.method, asked.headers["webhook-request-origin"]) == ("OPTIONS", HOST)
    assert posted.method == "POST"


@pytest.mark.parametrize(
    "answer",
    [(200, {}), (200, {"WebHook-Allowed-Origin": "other.example.org"}), (405, {}), 0],
)
async def test_who_does_not_gets_none(hook: FarWebhook, answer: Decision) -> None:
    hook.receiver.decide = lambda _headers, _body: answer
    sink = sink_of(table(hook, "cloudevents", handshake=True))

    with pytest.raises(SinkUnavailable, match="handshake"):
        await sink.open()
    await sink.close()


def _validating(wrong: str = "") -> Any:
    def decide(headers: Mapping[str, str], body: bytes) -> Decision:
        if headers["aeg-event-type"] == "SubscriptionValidation":
            [event] = orjson.loads(body)
            code = wrong or event["data"]["validationCode"]
            return 200, {}, orjson.dumps({"validationResponse": code})
        return 200

    return decide


async def test_who_sends_the_code_of_event_grid_back_gets_events(hook: FarWebhook) -> None:
    hook.receiver.decide = _validating()
    sink = sink_of(table(hook, "eventgrid", handshake=True))

    await sink.open()
    await sink.send([an_event(1, body=orjson.dumps(IMAGE))])
    await sink.close()

    asked, posted = hook.receiver.requests
    [event] = orjson.loads(asked.body)
    assert event["eventType"] == "Microsoft.EventGrid.SubscriptionValidationEvent"
    assert posted.headers["aeg-event-type"] == "Notification"


async def test_who_sends_another_code_back_gets_none(hook: FarWebhook) -> None:
    hook.receiver.decide = _validating("guessed")
    sink = sink_of(table(hook, "eventgrid", handshake=True))

    with pytest.raises(SinkUnavailable, match="handshake"):
        await sink.open()
    await sink.close()
