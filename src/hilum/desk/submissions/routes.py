"""`/status/{study_id}` and the list of uploads."""

import re
from collections.abc import Mapping
from typing import Any, Final

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from hilum.desk.parameters import json_object, whole_number
from hilum.desk.submissions.documents import submission_document
from hilum.desk.submissions.files import SubmissionFiles
from hilum.desk.submissions.streams import StatusStreams
from hilum.domain.errors import (
    InvalidQuery,
    MalformedBody,
    StateConflict,
    SubmissionNotFound,
    UnknownState,
)
from hilum.domain.submissions import Advance, StudyId, SubmissionRecord, SubmissionState
from hilum.ports.submissions import SubmissionList, SubmissionNotes
from hilum.wire.event_stream import EVENT_STREAM

_STUDY_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_LARGEST: Final = 2**63 - 1
_DEFAULT_LIMIT: Final = 100
_MAXIMUM_LIMIT: Final = 1000
_STATES: Final = ", ".join(SubmissionState)

_STATUS: Final = f"""
`status` is one of {_STATES}; it never goes back within a `round`. `details` is what the last event
told. `files` counts them by what became of each; `findings` are the worst files with errors or
warnings (`findings_complete` says whether those are all; `/files` lists every file). With
`Accept: {EVENT_STREAM}` this is the stream of `/events`.
"""
_EVENTS: Final = """
Server-sent events: `event` is `status`, `data` what `GET /status/{study_id}` answers, without
findings. The present state first, then every change, until nothing happens any more: then the
stream ends. A client that comes back with the last `id` (browsers do so by themselves) misses no
state; after the end it gets 204 and stops.
"""
_POST: Final = f"""
For other programs that work on an upload. Body: `{{"status": "validating", "details": {{}}}}`, with
one of {_STATES}. The state it has is told again without a change; one it has left is 409.
"""


def status_router(
    submissions: SubmissionList, files: SubmissionFiles, streams: StatusStreams
) -> APIRouter:
    """What callers who may read or write ask."""
    router = APIRouter(tags=["Upload"])
    forms: dict[str, Any] = {"application/json": {}, EVENT_STREAM: {}}

    async def record_of(study_id: str) -> SubmissionRecord:
        found = await submissions.submission(parse_study_id(study_id))
        if found is None:
            raise _unknown()
        return found

    @router.get(
        "/status/{study_id}",
        summary="What became of an upload",
        description=_STATUS,
        response_class=Response,
        responses={200: {"content": forms, "description": "How it stands."}},
    )
    async def status(request: Request, study_id: str) -> Response:
        if EVENT_STREAM in request.headers.get("accept", ""):
            return await listen(request, study_id)
        record = await record_of(study_id)
        found, complete = await files.findings(record)
        document = submission_document(record)
        return _answer({**document, "findings": found, "findings_complete": complete})

    @router.get(
        "/status/{study_id}/events",
        summary="Listen to what becomes of an upload",
        description=_EVENTS,
        response_class=Response,
        responses={
            200: {"content": {EVENT_STREAM: {}}, "description": "Events."},
            204: {"description": "Everything was told."},
        },
    )
    async def listen(request: Request, study_id: str) -> Response:
        last = request.headers.get("last-event-id", "")
        return await streams.answer(parse_study_id(study_id), last)

    @router.get(
        "/status/{study_id}/files",
        summary="The files of an upload, with what was found in each",
        description=(
            "In the order of their `number`, those above `after`, at most `limit` of them "
            f"(default {_DEFAULT_LIMIT}, at most {_MAXIMUM_LIMIT}), fewer where very much was "
            "found. `next` is what `after` should "
            "be for the next page, null at the end."
        ),
    )
    async def list_files(request: Request, study_id: str) -> Response:
        after = whole_number(request, "after", -1, 0, _LARGEST)
        limit = whole_number(request, "limit", _DEFAULT_LIMIT, 1, _MAXIMUM_LIMIT)
        record = await record_of(study_id)
        page, following = await files.page(record.study_id, after, limit)
        return _answer({"files": page, "next": following})

    return router


def status_commands_router(
    submissions: SubmissionList, notes: SubmissionNotes, command_bytes: int = 65_536
) -> APIRouter:
    """What other programs write; for callers who may do everything."""
    router = APIRouter(tags=["Upload"])

    @router.post("/status/{study_id}", summary="Say what became of an upload", description=_POST)
    async def post_status(request: Request, study_id: str) -> Response:
        known = parse_study_id(study_id)
        to, details = _told(await json_object(request, command_bytes))
        record = await submissions.submission(known)
        if record is None:
            raise _unknown()
        state: SubmissionState | None = record.state
        if to is not state:
            text = "told by another program"
            state = await notes.advance(known, Advance(to, text, details))
        if state is None:
            raise _unknown()
        if state is not to:
            raise StateConflict(f"The upload is {state}; from there it does not go to {to}.")
        return _answer({"message": f"The upload is {state}.", "study_id": known})

    return router


def uploads_router(submissions: SubmissionList) -> APIRouter:
    """`/uploads` below `/api/v1`."""
    router = APIRouter(tags=["Upload"])

    @router.get(
        "/uploads",
        summary="Uploads, newest first",
        description=(
            f"At most `limit` (default {_DEFAULT_LIMIT}, at most {_MAXIMUM_LIMIT}), without their "
            "histories; `before` goes on below the last `key` of a page. `state` narrows it: "
            f"{_STATES}."
        ),
    )
    async def list_uploads(request: Request) -> Response:
        found = await submissions.submissions(
            state=_state(request.query_params.get("state")),
            before=whole_number(request, "before", None, 1, _LARGEST),
            limit=whole_number(request, "limit", _DEFAULT_LIMIT, 1, _MAXIMUM_LIMIT),
        )
        return _answer({"uploads": [_listed(each) for each in found]})

    return router


def parse_study_id(text: str) -> StudyId:
    """Raises `SubmissionNotFound` for what no upload is called."""
    if _STUDY_ID.fullmatch(text.lower()) is None:
        raise _unknown()
    return StudyId(text.lower())


def _listed(record: SubmissionRecord) -> Mapping[str, Any]:
    document = submission_document(record)
    del document["history"]
    return {
        "key": record.key,
        **document,
        "peer": record.origin.peer,
        "principal": record.origin.principal,
    }


def _told(body: Mapping[str, Any]) -> tuple[SubmissionState, Mapping[str, object]]:
    word, details = body.get("status"), body.get("details", {})
    if not isinstance(word, str) or not isinstance(details, dict | None):
        raise MalformedBody('The body should be {"status": "...", "details": {...}}.')
    try:
        return SubmissionState(word), details or {}
    except ValueError:
        raise UnknownState(f"The status should be one of {_STATES}.") from None


def _state(text: str | None) -> SubmissionState | None:
    if text is None:
        return None
    try:
        return SubmissionState(text)
    except ValueError:
        raise InvalidQuery("state", f"give one of {_STATES}") from None


def _unknown() -> SubmissionNotFound:
    return SubmissionNotFound("There is no upload with this study_id.")


def _answer(body: object) -> Response:
    return Response(
        orjson.dumps(body), headers={"Cache-Control": "no-store"}, media_type="application/json"
    )
