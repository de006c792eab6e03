"""What is in quarantine over HTTP, for operators and the upload page."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any, Final

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from hilum.desk.parameters import json_object, whole_number
from hilum.desk.quarantine_documents import (
    MOST_TOLD,
    decided_document,
    prospect_document,
    quarantined_document,
    whole_document,
)
from hilum.domain.errors import InvalidQuery, MalformedBody, NotHeld, ObjectMissing
from hilum.domain.origins import Door
from hilum.domain.quarantine import QuarantineState
from hilum.domain.submissions import StudyId
from hilum.ports.quarantine import QuarantineQuery
from hilum.submissions.mending.mend import COERCIONS
from hilum.submissions.quarantine import Quarantine
from hilum.wire.bodies import StreamedResponse
from hilum.wire.request_facts import origin_of

_DEFAULT_LIMIT: Final = 100
_MAXIMUM_LIMIT: Final = 1000
_LARGEST: Final = 2**63 - 1
_LONGEST_TEXT: Final = 1000
_MOST_COERCIONS: Final = 100
_CHUNK_BYTES: Final = 1 << 20

_LIST: Final = f"""
Newest first, those with a `key` below `before`, at most `limit` (default {_DEFAULT_LIMIT}, at most
{_MAXIMUM_LIMIT}), without findings and histories. `state` ({", ".join(QuarantineState)}), `code`,
`door`, `study_id` (of an upload) and `study_instance_uid` narrow it.
"""
_SHOW: Final = f"""
With its findings, its history and, while it is held, what could be done about it: `repairs` names
the coercions that find something to mend, what each would change, and which findings would be gone;
`default` says whether it is applied without being named. `remaining` is what would still be wrong
after all of those, `would_pass` whether the archive would take it then. At most {MOST_TOLD} of
anything are told; `changes_complete`, `mends_complete` and `remaining_complete` say whether that is
all.
"""
_REPAIR: Final = f"""
Mends a copy and has the archive judge it as the original was judged. Body: `reason`, and
`coercions`, a list of names of those to apply (default: all that find something to mend and need
not be named): {", ".join(COERCIONS)}. Some take a value: `declare-charset=ISO_IR 144`. The mended
file says what was changed in it (Original Attributes Sequence); the original stays until its time
is over. Answers with the record, the `outcome` of the archive and what the `repairs` did. 409:
still refused, or decided already.
"""


def quarantine_router(quarantine: Quarantine) -> APIRouter:
    """What may be read: below `/api/v1`."""
    router = APIRouter(tags=["Quarantine"])

    @router.get("/quarantine", summary="What was refused and kept apart", description=_LIST)
    async def list_quarantined(request: Request) -> Response:
        before = whole_number(request, "before", None, 1, _LARGEST)
        limit = whole_number(request, "limit", _DEFAULT_LIMIT, 1, _MAXIMUM_LIMIT)
        found = await quarantine.page(_query(request), before, limit)
        return _answer([quarantined_document(each) for each in found])

    @router.get("/quarantine/{key}", summary="One thing in quarantine", description=_SHOW)
    async def show(key: str) -> Response:
        record = await quarantine.show(_key(key))
        document = whole_document(record)
        if record.state is QuarantineState.HELD:
            document |= prospect_document(await quarantine.prospect(record))
        return _answer(document)

    @router.get(
        "/quarantine/{key}/file",
        summary="Its bytes as they came",
        response_class=Response,
        responses={200: {"content": {"application/octet-stream": {}}, "description": "Bytes."}},
    )
    async def file(key: str) -> Response:
        record = await quarantine.show(_key(key))
        path = quarantine.holding.path(record.what.place)
        if not await asyncio.to_thread(path.exists):
            message = f"The bytes of number {record.key}, {record.state.value}, are kept no longer."
            raise NotHeld(message)
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Disposition": f'attachment; filename="quarantine-{record.key}.dcm"',
            "Cache-Control": "no-store",
        }
        return StreamedResponse(_chunks(path), headers, length=record.what.size_bytes)

    return router


def quarantine_release_router(quarantine: Quarantine, command_bytes: int = 65_536) -> APIRouter:
    """What passes over the rules: below `/api/v1`. `command_bytes`: the longest body."""
    router = APIRouter(tags=["Quarantine"])

    @router.post(
        "/quarantine/{key}/release",
        summary="Archive it as it is",
        description="Body: `reason`, and `profile`, by which it is judged (default `minimal`, which"
        " demands the four UIDs and nothing more). Answers with the record and the `outcome` of the"
        " archive. 409: refused even so, or decided already.",
    )
    async def release(key: str, request: Request) -> Response:
        body = await _decision(request, command_bytes, "reason", "profile")
        profile = _text(body, "profile") or "minimal"
        by, reason = _by(request), _text(body, "reason")
        return _answer(decided_document(await quarantine.release(_key(key), by, reason, profile)))

    return router


def quarantine_repair_router(quarantine: Quarantine, command_bytes: int = 65_536) -> APIRouter:
    """What has the archive judge once more: below `/api/v1`."""
    router = APIRouter(tags=["Quarantine"])

    @router.post("/quarantine/{key}/repair", summary="Archive a mended copy", description=_REPAIR)
    async def repair(key: str, request: Request) -> Response:
        body = await _decision(request, command_bytes, "reason", "coercions")
        coercions, reason = _coercions(body), _text(body, "reason")
        decided = await quarantine.repair(_key(key), _by(request), reason, coercions)
        return _answer(decided_document(decided))

    return router


def quarantine_discard_router(quarantine: Quarantine, command_bytes: int = 65_536) -> APIRouter:
    """What destroys something: below `/api/v1`."""
    router = APIRouter(tags=["Quarantine"])

    @router.post(
        "/quarantine/{key}/discard",
        summary="Give it up for good",
        description="Body: `reason`. Its bytes go, its record stays. With"
        " `original` true: the original of something repaired goes, which a delete of the instance"
        " does not reach. 409: decided otherwise; not repaired.",
    )
    async def discard(key: str, request: Request) -> Response:
        body = await _decision(request, command_bytes, "reason", "original")
        discarded = quarantine.discard_original if _original(body) else quarantine.discard
        decided = await discarded(_key(key), _by(request), _text(body, "reason"))
        return _answer(decided_document(decided))

    return router


def _query(request: Request) -> QuarantineQuery:
    told = request.query_params
    state, door = told.get("state"), told.get("door")
    if state and state not in set(QuarantineState):
        raise InvalidQuery("state", f"give one of {', '.join(QuarantineState)}")
    if door and door not in set(Door):
        raise InvalidQuery("door", f"give one of {', '.join(Door)}")
    study_id = told.get("study_id")
    return QuarantineQuery(
        state=QuarantineState(state) if state else None,
        code=told.get("code") or None,
        door=door or None,
        study_id=StudyId(study_id) if study_id else None,
        study_instance_uid=told.get("study_instance_uid") or None,
    )


def _key(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise NotHeld("What is in quarantine is named by a number.")
    return int(text)


def _by(request: Request) -> str:
    return origin_of(request, Door.QUARANTINE).principal


async def _decision(request: Request, most_bytes: int, *members: str) -> dict[str, Any]:
    """The body. A misspelt member is refused: without it, more might be done than was meant."""
    body = await json_object(request, most_bytes)
    if not body.keys() <= set(members):
        raise MalformedBody(f"The body may have the members {', '.join(members)} and no others.")
    return body


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name) or ""
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
        raise MalformedBody(f"{name} should be a text of at most {_LONGEST_TEXT} characters.")
    return value


def _original(body: dict[str, Any]) -> bool:
    told = body.get("original", False)
    if not isinstance(told, bool):
        raise MalformedBody("original should be true or false.")
    return told


def _coercions(body: dict[str, Any]) -> Sequence[str] | None:
    told = body.get("coercions")
    if told is None:
        return None
    if (
        not isinstance(told, list)
        or len(told) > _MOST_COERCIONS
        or not all(isinstance(each, str) and len(each) <= _LONGEST_TEXT for each in told)
    ):
        raise MalformedBody("coercions should be a list of names of coercions.")
    return told


async def _chunks(path: Path) -> AsyncGenerator[bytes, None]:
    try:
        file = await asyncio.to_thread(path.open, "rb")
    except FileNotFoundError as error:
        raise ObjectMissing("The bytes are kept no longer.") from error
    with file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES):
            yield chunk


def _answer(body: object) -> Response:
    return Response(orjson.dumps(body), media_type="application/json")
