"""The feed, page by page: what happened, in order, without patient data."""

from typing import Final

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from hilum.desk.parameters import whole_number
from hilum.domain.records import FeedEntry
from hilum.ports.index import FeedReader

_DEFAULT_LIMIT: Final = 100
_MAXIMUM_LIMIT: Final = 1000
_LARGEST: Final = 2**63 - 1
_SHOWN: Final = {
    "revision": "revision",
    "because": "because",
    "source": "source",
    "number_of_instances": "numberOfInstances",
    "failed_instances": "failedInstances",
    "stage": "stage",
    "reason": "reason",
    "study_id": "studyId",
    "round": "round",
}
"""What is shown of the payload of facts: nothing that tells of a patient."""


def feed_router(feed: FeedReader) -> APIRouter:
    """`/feed` below `/api/v1`."""
    router = APIRouter(tags=["Desk"])

    @router.get(
        "/feed",
        summary="What happened, in order",
        description=(
            "Entries with a `sequence` above `after` (default 0), at most `limit` of them "
            f"(default {_DEFAULT_LIMIT}, at most {_MAXIMUM_LIMIT}). To follow the feed, ask again "
            "with the last sequence seen; an empty page means that nothing is new. Sequence "
            "numbers grow and may have gaps. The header `X-Feed-Id` names the feed. It changes "
            "when the index was rebuilt: the new feed has higher numbers and announces every "
            "instance again as created, but says nothing of what was deleted before, so whoever "
            "sees another id should begin at 0 and compare. Entries of `kind` `created`, `updated` "
            "and `deleted` are about instances. Those of `study-stable` are about a study, and "
            "those of `ingestion-failed` about something a source offered and that could not be "
            "kept: their series, instance and perhaps study are empty. Those of `study-uploaded`, "
            "`study-validated`, `study-refused`, `study-archived` and `study-failed` are about an "
            "upload: `studyId` names it. `partition` is the number of the data partition."
        ),
    )
    async def read_feed(request: Request) -> Response:
        after = whole_number(request, "after", 0, 0, _LARGEST)
        limit = whole_number(request, "limit", _DEFAULT_LIMIT, 1, _MAXIMUM_LIMIT)
        entries = [entry_fields(entry) for entry in await feed.feed(after, limit)]
        return Response(
            orjson.dumps(entries),
            headers={"X-Feed-Id": await feed.feed_id()},
            media_type="application/json",
        )

    return router


def entry_fields(entry: FeedEntry) -> dict[str, object]:
    """An entry as JSON, without patient data."""
    told: dict[str, object] = {
        "sequence": entry.sequence,
        "time": entry.time.isoformat(timespec="milliseconds"),
        "kind": entry.kind.value,
        "partition": entry.partition,
        "studyInstanceUid": entry.uids.study,
        "seriesInstanceUid": entry.uids.series,
        "sopInstanceUid": entry.uids.sop_instance,
        "version": entry.version,
        "correlationId": entry.correlation_id,
    }
    if entry.payload is not None:
        payload = orjson.loads(entry.payload)
        told.update((ours, payload[theirs]) for theirs, ours in _SHOWN.items() if theirs in payload)
    return told
