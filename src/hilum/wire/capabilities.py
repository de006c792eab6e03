"""What a DICOMweb service can do, as a tree of resources (PS3.18 section 8.9 and Annex H)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from hilum.domain.errors import NotAcceptable
from hilum.wire.accept import parse_accept

WADL: Final = "application/vnd.sun.wadl+xml"
JSON: Final = "application/json"
_OFFERED: Final = (WADL, JSON)


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a request may carry beside its path."""

    name: str
    style: str
    """`query` or `header`."""
    title: str = ""
    options: tuple[str, ...] = ()
    """The values that may be given; empty: not a closed list."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What may come back."""

    status: str
    title: str
    media_types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Method:
    """One transaction on a resource."""

    name: str
    """Of HTTP: `GET`, ..."""
    id: str
    """Of the transaction, unique in the service: `RetrieveStudy`."""
    title: str
    parameters: tuple[Parameter, ...]
    takes: tuple[str, ...]
    """Media types of the body of the request."""
    answers: tuple[Answer, ...]


@dataclass(slots=True)
class Resource:
    """One segment of a path, with what lies below it; `{name}` is a variable one."""

    segment: str
    methods: list[Method] = field(default_factory=list)
    children: dict[str, "Resource"] = field(default_factory=dict)

    def at(self, path: str) -> "Resource":
        """The resource at `path` below this one, made when it is not there; "": this one."""
        here = self
        for segment in path.split("/")[1:]:
            here = here.children.setdefault(segment, Resource(segment))
        return here

    def walk(self, path: str = "") -> Iterator[tuple[str, Method]]:
        """Every method of this resource and those below, each with its path."""
        for method in self.methods:
            yield path, method
        for child in self.children.values():
            yield from child.walk(f"{path}/{child.segment}")


def negotiate_capabilities(accept: str | None) -> str:
    """Return the media type of a description: WADL unless JSON is liked better.

    Raises `NotAcceptable`.
    """
    if accept is None or not accept.strip():
        return WADL
    for media_range in parse_accept(accept, strict=False):
        for media_type in _OFFERED:
            if media_range.covers(media_type):
                return media_type
    message = f"Capabilities are given as {' or '.join(_OFFERED)}, which Accept does not cover."
    raise NotAcceptable(message)


def as_json(service: Resource, title: str, base: str) -> Mapping[str, Any]:
    """The description as a flat list of transactions; `base` is the URL of the service."""
    return {
        "service": title,
        "base": base,
        "transactions": [_transaction(path, method) for path, method in service.walk()],
    }


def _transaction(path: str, method: Method) -> Mapping[str, Any]:
    told: dict[str, Any] = {
        "id": method.id,
        "title": method.title,
        "method": method.name,
        "path": path,
        "parameters": [_parameter(each) for each in method.parameters],
        "answers": [
            {"status": each.status, "title": each.title, "media_types": each.media_types}
            for each in method.answers
        ],
    }
    if method.takes:
        told["takes"] = method.takes
    return told


def _parameter(parameter: Parameter) -> Mapping[str, str | Sequence[str]]:
    told: dict[str, str | Sequence[str]] = {"name": parameter.name, "in": parameter.style}
    if parameter.title:
        told["title"] = parameter.title
    if parameter.options:
        told["options"] = parameter.options
    return told
