"""A subscriber that knows only plain Redis channels and flat messages, as documented for it."""

import asyncio
import re
import tomllib
import uuid
from pathlib import Path
from typing import Any

import orjson
import pytest
from redis.asyncio import Redis

from hilum.bootstrap.delivery import declared
from hilum.domain.submissions import Advance, SubmissionState
from hilum.settings import load_settings
from tests.contract.submissions.stores import a_submission, study_id
from tests.engines import address
from tests.event_schemas import ROOT
from tests.unit.delivery.test_submission_events import ARCHIVED, JUDGED
from tests.unit.delivery.world import a_world

CHANNELS = ("uploads", "validation", "archive")


def documented(url: str, prefix: str) -> dict[str, str]:
    """The configuration of docs/events.md, for another server."""
    text = (ROOT / "docs" / "events.md").read_text()
    blocks = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    (block,) = [each for each in blocks if "sinks.channels" in each]
    table = tomllib.loads(block)
    table["sinks"]["channels"] |= {"url": url, "prefix": prefix}
    named = table["delivery"]["subscriptions"]
    return {
        "HILUM_SINKS": orjson.dumps(table["sinks"]).decode(),
        "HILUM_DELIVERY__SUBSCRIPTIONS": orjson.dumps(named).decode(),
    }


class Subscriber:
    """Reads `study_id` and `file_path` of what comes on the three channels."""

    def __init__(self, url: str, prefix: str) -> None:
        self._client = Redis.from_url(url)
        self._heard = self._client.pubsub()
        self._prefix = prefix

    async def begin(self) -> None:
        await self._heard.subscribe(*(self._prefix + name for name in CHANNELS))
        for _ in CHANNELS:
            assert await self._heard.get_message(timeout=5)

    async def next(self) -> tuple[str, dict[str, Any]]:
        async with asyncio.timeout(20):
            while (message := await self._heard.get_message(timeout=1)) is None:
                pass
        return message["channel"].decode().removeprefix(self._prefix), orjson.loads(message["data"])

    async def end(self) -> None:
        await self._heard.aclose()
        await self._client.aclose()


@pytest.mark.parametrize("valid", [True, False])
async def test_a_simple_subscriber_follows_a_submission(tmp_path: Path, valid: bool) -> None:
    url, prefix = address("redis"), f"{uuid.uuid4().hex}:"
    settings = load_settings(environment=documented(url, prefix))
    ((subscription, sink),) = declared(settings)
    subscriber = Subscriber(url, prefix)
    await subscriber.begin()
    one = study_id()
    details = {**JUDGED["validation_details"], "is_valid": valid}  # type: ignore[dict-item]
    judged = {**JUDGED, "validation_details": details}
    try:
        async with (
            a_world(tmp_path) as world,
            world.delivering((subscription.name, sink, subscription.wanted)),
        ):
            submissions = world.index.submissions
            await submissions.receive(a_submission())
            channel, uploaded = await subscriber.next()
            state = SubmissionState.VALIDATED if valid else SubmissionState.VALIDATION_FAILED
            await submissions.advance(one, Advance(state, data=judged))
            told = [await subscriber.next()]
            if valid:
                await submissions.advance(one, Advance(SubmissionState.ARCHIVED, data=ARCHIVED))
                told.append(await subscriber.next())
    finally:
        await subscriber.end()

    assert (channel, uploaded["study_id"]) == ("uploads", one)
    assert uploaded["file_path"] == f"/uploads/{one}"
    assert (uploaded["original_filename"], uploaded["file_size"]) == ("IM0.dcm", 201)
    channel, validated = told[0]
    assert (channel, validated["study_id"], validated["file_path"]) == ("validation", one, "/f")
    assert validated["validation_details"]["is_valid"] is valid
    if valid:
        channel, archived = told[1]
        assert (channel, archived["study_id"]) == ("archive", one)
        assert archived["archive_path"] == "/a"
