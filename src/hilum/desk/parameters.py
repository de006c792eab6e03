"""Query parameters and bodies of the desk's routes."""

from typing import Any, TypeVar

import orjson
from fastapi import Request

from hilum.domain.errors import InvalidQuery, LimitExceeded, MalformedBody

_Default = TypeVar("_Default", int, None)


def whole_number(
    request: Request, name: str, default: _Default, least: int, most: int
) -> int | _Default:
    """The parameter `name`, or `default` without it. Raises `InvalidQuery` outside the bounds."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and least <= int(text[:20]) <= most):
        raise InvalidQuery(name, f"give a whole number from {least} to {most}")
    return int(text)


async def json_object(request: Request, most_bytes: int) -> dict[str, Any]:
    """The body, which is a JSON object or nothing. Raises `LimitExceeded`, `MalformedBody`."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most_bytes:
            raise LimitExceeded("http.command_bytes", most_bytes, "The body is too large")
    try:
        told = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError:
        raise MalformedBody("The body should be a JSON object.") from None
    if not isinstance(told, dict):
        raise MalformedBody("The body should be a JSON object.")
    return told
