"""What requests to a surface may carry beside what its routes say of themselves, for OpenAPI."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from hilum.domain.levels import Level
from hilum.wire.editions import REQUEST_ORIGINAL
from hilum.wire.expiry import LEVEL_HEADER, OPTION_HEADER
from hilum.wire.external_metadata import REQUEST_META
from hilum.wire.surfaces import Surface

Json = dict[str, Any]

UID: Final[Json] = {
    "type": "string",
    "pattern": "^[0-9.]*[0-9] *$",
    "maxLength": 64,
    "example": "1.2.826.0.1.3680043.8.498.1",
}
PATH_PARAMETERS: Final[Mapping[str, tuple[str, Json]]] = {
    "study": ("Study Instance UID", UID),
    "series": ("Series Instance UID", UID),
    "instance": ("SOP Instance UID", UID),
    "workitem": ("UID of the work item", UID),
    "frames": (
        "Numbers of frames, from 1, with commas",
        {"type": "string", "pattern": "^[1-9][0-9]*(,[1-9][0-9]*)*$", "example": "1,2"},
    ),
    "tag": (
        "Keyword, or 8 hexadecimal digits",
        {"type": "string", "pattern": "^[0-9A-Za-z]{1,64}$", "example": "ManufacturerModelName"},
    ),
    "operation": (
        "Id of the operation: a UUID, dashes allowed",
        {"type": "string", "pattern": "^[0-9A-Fa-f]{32}$"},
    ),
}
DESCRIPTIONS: Final[Mapping[str, str]] = {
    "limit": "How many at most",
    "offset": "How many to pass over",
    OPTION_HEADER: "From when the time counts",
    LEVEL_HEADER: "What is deleted then",
}
"""Of parameters whose routes say nothing of what they mean, by name."""
_NAMES: Final = ("study", "series", "instance")


def path_parameter(name: str) -> Json:
    """The parameter of a path with this name."""
    description, schema = PATH_PARAMETERS.get(name, ("", {"type": "string"}))
    told: Json = {"name": name, "in": "path", "required": True, "schema": schema}
    return told | ({"description": description} if description else {})


def parameter(name: str, place: str, description: str, schema: Json) -> Json:
    return {
        "name": name,
        "in": place,
        "required": False,
        "description": description,
        "schema": schema,
    }


def headers_of(
    method: str, path: str, statuses: Mapping[str, Any], surface: Surface
) -> Iterator[Json]:
    """The header parameters of an operation; `Accept` and its like are told by its answers."""
    if "304" in statuses:
        yield parameter(
            "If-None-Match",
            "header",
            "ETags the client has: 304 answers when one is current",
            {"type": "string"},
        )
    if method == "get" and _takes_original(path):
        text = "`true`: as it was before the first bulk update"
        yield parameter(REQUEST_ORIGINAL, "header", text, {"type": "boolean", "default": False})
    if method == "get" and surface.external_metadata and _tells_external(path):
        text = "`true`: with what stores said of the study by headers"
        yield parameter(REQUEST_META, "header", text, {"type": "boolean", "default": False})


def _tells_external(path: str) -> bool:
    return path in {"/studies", "/series", "/instances"} or path.endswith(
        ("{study}/metadata", "{series}/metadata", "{instance}/metadata")
    )


def _takes_original(path: str) -> bool:
    return path.removesuffix("/metadata").endswith(("{study}", "{series}", "{instance}"))


def search_parameters(path: str, surface: Surface) -> Iterator[Json]:
    """What a search at this path matches on, and the bounds of its pages."""
    rules = surface.search
    level = Level(("studies", "series", "instances").index(path.rpartition("/")[2]) + 1)
    of_path = sum(f"{{{name}}}" in path for name in _NAMES)
    for attribute in rules.searchable.values():
        if of_path < attribute.level <= level:
            text = f"{attribute.level.name.capitalize()} attribute; also by its tag"
            yield parameter(attribute.keyword, "query", text, {"type": "string", "minLength": 1})
    limit = {
        "type": "integer",
        "minimum": 1,
        "maximum": rules.maximum_limit,
        "default": rules.default_limit,
    }
    yield parameter("limit", "query", "How many matches at most", limit)
    offset = {
        "type": "integer",
        "minimum": 0,
        "maximum": rules.maximum_offset,
        "default": 0,
    }
    yield parameter("offset", "query", "How many matches to pass over", offset)
    fuzzy = {"type": "boolean", "default": False}
    yield parameter("fuzzymatching", "query", "Match names by the beginnings of words", fuzzy)
    include = {"type": "array", "items": {"type": "string"}}
    text = "Attributes to return besides, by keyword or tag, or `all`; may be repeated"
    yield parameter("includefield", "query", text, include)
