"""Subscriptions and dead letters over HTTP, for operators."""

import base64
from collections.abc import Mapping
from typing import Any, Final

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from hilum.delivery.operating import DeadLetterNotFound, Operating, Standing
from hilum.desk.parameters import json_object, whole_number
from hilum.domain.delivery import DeadLetter, LetterOrigin, LetterState
from hilum.domain.errors import InvalidQuery, MalformedBody
from hilum.ports.delivery import LetterQuery

_DEFAULT_LIMIT: Final = 100
_MAXIMUM_LIMIT: Final = 1000
_LARGEST: Final = 2**63 - 1
_MOST_KEYS: Final = 1000


def subscriptions_router(operating: Operating) -> APIRouter:
    """What may be read: below `/api/v1`."""
    router = APIRouter(tags=["Delivery"])

    @router.get(
        "/subscriptions",
        summary="Who follows the feed, and how far",
        description=(
            "Every subscription with its `cursor` in the feed, how many entries it is `behind`, "
            "and its open dead letters by cause. `attempts` counts failures in a row; while it is "
            "not 0, `lastError` says why and `nextAttempt` when it is tried again."
        ),
    )
    async def list_subscriptions() -> Response:
        return _answer([standing_fields(each) for each in await operating.standings()])

    @router.get("/subscriptions/{name}", summary="One subscription")
    async def show_subscription(name: str) -> Response:
        return _answer(standing_fields(await operating.standing(name)))

    @router.get(
        "/dead-letters",
        summary="What could not be delivered or ingested",
        description=(
            "In the order of their `key`, those above `after` (default 0), at most `limit` "
            f"(default {_DEFAULT_LIMIT}, at most {_MAXIMUM_LIMIT}), without payloads. `state`, "
            "`origin` (subscription or ingestion), `subject` (name of the subscription or source) "
            "and `cause` narrow it."
        ),
    )
    async def list_letters(request: Request) -> Response:
        after = whole_number(request, "after", 0, 0, _LARGEST)
        limit = whole_number(request, "limit", _DEFAULT_LIMIT, 1, _MAXIMUM_LIMIT)
        found = await operating.letters(_query(request.query_params, "query"), after, limit)
        return _answer([letter_fields(each) for each in found])

    @router.get("/dead-letters/{key}", summary="One dead letter, with its payload")
    async def show_letter(key: str) -> Response:
        if not (key.isascii() and key.isdigit() and len(key) < 19):
            raise DeadLetterNotFound("There is no such dead letter: its name is a number.")
        return _answer(whole_letter_fields(await operating.letter(int(key))))

    return router


def delivery_commands_router(operating: Operating, command_bytes: int = 65_536) -> APIRouter:
    """What changes something: below `/api/v1`. `command_bytes`: the longest body."""
    router = APIRouter(tags=["Delivery"])

    @router.post("/subscriptions/{name}/pause", summary="Stop telling; nothing is lost")
    async def pause(name: str) -> Response:
        await operating.pause(name)
        return _answer(standing_fields(await operating.standing(name)))

    @router.post("/subscriptions/{name}/resume", summary="Go on, at once after an outage too")
    async def resume(name: str) -> Response:
        await operating.resume(name)
        return _answer(standing_fields(await operating.standing(name)))

    @router.post(
        "/subscriptions/{name}/replay",
        summary="Tell again",
        description='Body: `{"after": 123}`. Everything above that sequence is told again, with '
        "the same event ids.",
    )
    async def replay(name: str, request: Request) -> Response:
        after = (await json_object(request, command_bytes)).get("after")
        if not isinstance(after, int) or isinstance(after, bool) or not 0 <= after <= _LARGEST:
            raise MalformedBody('The body should be {"after": N}, with a sequence of the feed.')
        await operating.replay(name, after)
        return _answer(standing_fields(await operating.standing(name)))

    @router.post(
        "/dead-letters/{action}",
        summary="Replay, redirect or discard dead letters",
        description=(
            "`action` is `replay`, `redirect` or `discard`. Body: which, by `keys` (a list) or by "
            "`cause`, `subject`, `origin` (at least one of them); `reason` (discarding needs one); "
            "`target`, the name of the subscription whose sink gets them, for `redirect`. Answers "
            'with how many open ones there were: `{"letters": 3}`.'
        ),
    )
    async def decide(action: str, request: Request) -> Response:
        body = await json_object(request, command_bytes)
        query, reason = _query(body, "body"), _text(body, "reason")
        if query == LetterQuery():
            raise MalformedBody("The body should say which: keys, cause, subject or origin.")
        if action == "replay":
            count = await operating.replay_letters(query, reason)
        elif action == "redirect":
            count = await operating.redirect_letters(query, _text(body, "target"), reason)
        elif action == "discard":
            count = await operating.discard_letters(query, reason)
        else:
            raise DeadLetterNotFound("Dead letters are replayed, redirected or discarded.")
        return _answer({"letters": count})

    return router


def _query(said: Mapping[str, Any], where: str) -> LetterQuery:
    keys = said.get("keys") if where == "body" else None
    if keys is not None and not (
        isinstance(keys, list)
        and len(keys) <= _MOST_KEYS
        and all(type(key) is int and 0 < key <= _LARGEST for key in keys)
    ):
        raise MalformedBody(f"keys should be a list of at most {_MOST_KEYS} numbers.")
    try:
        origin, state = _text(said, "origin"), _text(said, "state")
        return LetterQuery(
            origin=LetterOrigin(origin) if origin else None,
            subject=_text(said, "subject") or None,
            state=LetterState(state) if state else None,
            cause=_text(said, "cause") or None,
            keys=keys,
        )
    except ValueError as error:
        raise InvalidQuery("state or origin", str(error)) from None


def _text(said: Mapping[str, Any], name: str) -> str:
    value = said.get(name, "")
    if not isinstance(value, str) or len(value) > 1000:
        raise MalformedBody(f"{name} should be a text of at most 1000 characters.")
    return value


def standing_fields(standing: Standing) -> dict[str, Any]:
    """A subscription as JSON."""
    each = standing.subscription
    return {
        "name": each.name,
        "sink": each.sink or None,
        "state": each.state.value,
        "cursor": each.cursor,
        "behind": standing.behind,
        "sent": each.sent,
        "rejected": each.rejected,
        "attempts": each.attempts,
        "nextAttempt": None if each.next_attempt is None else each.next_attempt.isoformat(),
        "lastError": each.last_error,
        "openDeadLetters": dict(standing.open_letters),
        "filter": {
            "types": list(each.filter.types),
            "partitions": list(each.filter.partitions),
            "modalities": list(each.filter.modalities),
            "sources": list(each.filter.sources),
        },
        "created": each.created.isoformat(),
    }


def letter_fields(letter: DeadLetter) -> dict[str, Any]:
    """A dead letter as JSON, without its payload."""
    return {
        "key": letter.key,
        "origin": letter.origin.value,
        "subject": letter.subject,
        "state": letter.state.value,
        "cause": letter.cause,
        "message": letter.message,
        "attempts": letter.attempts,
        "firstFailed": letter.first_failed.isoformat(),
        "lastFailed": letter.last_failed.isoformat(),
        "sequence": letter.sequence,
        "eventId": letter.event_id,
        "eventType": letter.event_type,
        "eventKey": letter.event_key,
        "correlationId": letter.correlation_id,
        "headers": dict(letter.headers),
        "copied": None if letter.copied is None else letter.copied.isoformat(),
        "target": letter.target or None,
        "reason": letter.reason or None,
    }


def whole_letter_fields(letter: DeadLetter) -> dict[str, Any]:
    """The same with the payload, as JSON when it is JSON."""
    try:
        payload = {"payload": orjson.loads(letter.body)}
    except orjson.JSONDecodeError:
        payload = {"payloadBase64": base64.b64encode(letter.body).decode()}
    return letter_fields(letter) | payload


def _answer(body: object) -> Response:
    return Response(orjson.dumps(body), media_type="application/json")
