"""Query parameters of the desk's routes."""

from typing import TypeVar

from fastapi import Request

from hilum.domain.errors import InvalidQuery

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
