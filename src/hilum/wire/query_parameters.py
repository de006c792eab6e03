"""From a query string to a query (PS3.18 sections 8.3.4 and 10.6; Azure DICOM service)."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import unquote, unquote_plus

from hilum.dicom.attributes import RETURNED_KEYWORDS, tag_of
from hilum.dicom.dictionary import DICTIONARY
from hilum.domain.errors import InvalidQuery, NotAcceptable
from hilum.domain.extended_tags import ExtendedTag
from hilum.domain.identifiers import (
    DEFAULT_PARTITION,
    PartitionKey,
    SeriesInstanceUID,
    StudyInstanceUID,
)
from hilum.domain.levels import Level
from hilum.domain.queries import Query
from hilum.wire.query_attributes import (
    NO_ATTRIBUTE,
    Reading,
    conditions_of,
    find_tag,
    means_attribute,
    printable,
    read_attribute,
)
from hilum.wire.search_rules import SearchRules

_T = TypeVar("_T")
_RESERVED: Final = frozenset({"limit", "offset", "fuzzymatching", "includefield"})
_ALL: Final = "all"
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_UID_TAGS: Final = {
    level: f"{tag_of(keyword):08X}"
    for level, keyword in ((Level.STUDY, "StudyInstanceUID"), (Level.SERIES, "SeriesInstanceUID"))
}
# Sequences are not among them: the index leaves out those that are very large.
_INDEXED: Final = {
    level: frozenset(
        f"{tag_of(keyword):08X}"
        for keyword in RETURNED_KEYWORDS[level]
        if DICTIONARY[tag_of(keyword)][0] != "SQ"
    )
    for level in Level
}

MAXIMUM_PARAMETERS: Final = 200


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A query and the attributes wanted of each match, as DICOM JSON keys in ascending order."""

    query: Query
    tags: tuple[str, ...]
    known: tuple[str, ...]
    """Those of `tags` that are answered without a value when a match has none."""
    limit_capped: bool
    """The client asked for more rows than are given at once, or for no number of rows."""
    extended: Sequence[tuple[str, ExtendedTag]] = ()
    """Extended query tags that are matched on, and how the client wrote them."""


def read_search(
    query_string: bytes,
    rules: SearchRules,
    level: Level,
    study: StudyInstanceUID | None = None,
    series: SeriesInstanceUID | None = None,
    partition: PartitionKey = DEFAULT_PARTITION,
    extended: Sequence[ExtendedTag] = (),
) -> SearchRequest:
    """Read the query string of a search for `level` below the UIDs of the path, in `partition`.

    Raises `InvalidQuery`, which names the parameter and never its value.
    """
    reserved, attributes = _sort_out(_split(query_string, rules), rules)
    path_level = Level.SERIES if series else Level.STUDY if study else None
    reading = Reading(
        rules,
        level,
        path_level,
        _boolean(reserved, "fuzzymatching"),
        extended={tag.path: tag for tag in extended},
    )
    for name, value in attributes:
        read_attribute(reading, name, value)
    limit, capped = _limit(reserved, rules)
    offset = _offset(reserved, rules)
    query = Query(level, conditions_of(reading), study, series, partition, limit, offset)
    named = _named(reading, reserved.get("includefield", ()))
    tags = _returned(reading, named, everything=_ALL in named)
    known = _known(reading, named, tags)
    return SearchRequest(query, tags, known, capped, reading.extended_named)


def names_others(query_string: bytes, rules: SearchRules) -> bool:
    """Whether a query string names attributes that the surface does not search by itself."""
    for piece in query_string.split(b"&"):
        name = unquote_plus(piece.partition(b"=")[0].decode("latin-1"))
        if name.lower() not in _RESERVED:
            tag = find_tag(name)
            if tag is not None and tag not in rules.searchable:
                return True
    return False


def accept_of(scope: Mapping[str, Any], query_string: bytes, *, strict: bool) -> str | None:
    """The Accept a request means: the parameter `accept`, where offered, before the header.

    PS3.18 section 8.3.3.1: the parameter is for clients that cannot set headers. Strict surfaces
    do not offer it.
    """
    if not strict and b"accept=" in query_string:
        for piece in query_string.split(b"&"):
            name, _, value = piece.partition(b"=")
            if name == b"accept" and value:
                # A plus sign means itself here: it is part of `application/dicom+json`.
                return unquote(value.decode("latin-1"))
    values = [value for name, value in scope["headers"] if name == b"accept"]
    return b",".join(values).decode("latin-1") if values else None


def by_accept(scope: Mapping[str, Any], choose: Callable[[str | None], _T], *, strict: bool) -> _T:
    """Return what `choose` makes of the Accept that a request means, as `accept_of` has it.

    Viewers append parameters of their own to every URL, `accept=image/jhc` is one: where nothing
    that the parameter names is offered, the header counts. Raises what `choose` raises.
    """
    header = accept_of(scope, b"", strict=strict)
    accept = accept_of(scope, scope["query_string"], strict=strict)
    try:
        return choose(accept)
    except NotAcceptable:
        if accept == header:
            raise
        return choose(header)


def _split(query_string: bytes, rules: SearchRules) -> list[tuple[str, str]]:
    if not query_string:
        return []
    if len(query_string) > rules.maximum_query_bytes:
        allowed = rules.maximum_query_bytes
        message = f"it is longer than {allowed} bytes (setting search.query_bytes)"
        raise InvalidQuery("", message)
    pieces = query_string.decode("latin-1").split("&")
    if len(pieces) > MAXIMUM_PARAMETERS:
        raise InvalidQuery("", f"at most {MAXIMUM_PARAMETERS} parameters are read")
    parameters = []
    for piece in pieces:
        if piece:
            name, _, value = piece.partition("=")
            # NUL is padding, whoever sends it along.
            parameters.append((_decode(name, name), _decode(name, value).rstrip("\0")))
            if _CONTROL.search(parameters[-1][1]) is not None:
                raise InvalidQuery(printable(name), "it holds a control character")
    return parameters


def _decode(name: str, text: str) -> str:
    if text.isascii() and "%" not in text and "+" not in text:
        return text
    try:
        # Browsers send some characters unescaped; those came as UTF-8 bytes, too.
        return unquote_plus(text.encode("latin-1").decode("utf-8"), errors="strict")
    except UnicodeDecodeError as error:
        raise InvalidQuery(printable(name), "it is not UTF-8") from error


def _sort_out(
    parameters: Sequence[tuple[str, str]], rules: SearchRules
) -> tuple[Mapping[str, list[str]], list[tuple[str, str]]]:
    """Part the parameters that steer from those that are attributes."""
    reserved: dict[str, list[str]] = {}
    attributes = []
    for name, value in parameters:
        lowered = name.lower()
        if lowered in _RESERVED:
            reserved.setdefault(lowered, []).append(value)
        elif rules.strict or means_attribute(name):
            attributes.append((name, value))
    for name, values in reserved.items():
        if name != "includefield" and len(values) > 1:
            raise InvalidQuery(name, "it is given more than once")
    return reserved, attributes


def _boolean(reserved: Mapping[str, list[str]], name: str) -> bool:
    value = reserved.get(name, ["false"])[0].strip().lower()
    if value not in {"true", "false"}:
        raise InvalidQuery(name, "it is either true or false")
    return value == "true"


def _number(reserved: Mapping[str, list[str]], name: str) -> int | None:
    if name not in reserved:
        return None
    text = reserved[name][0].strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise InvalidQuery(name, "it is a whole number, not negative")
    return int(text)


def _limit(reserved: Mapping[str, list[str]], rules: SearchRules) -> tuple[int, bool]:
    limit = _number(reserved, "limit")
    if limit is None:
        return rules.default_limit, True
    if limit == 0 or (rules.strict and limit > rules.maximum_limit):
        raise InvalidQuery("limit", f"it is a number from 1 to {rules.maximum_limit}")
    return min(limit, rules.maximum_limit), limit > rules.maximum_limit


def _offset(reserved: Mapping[str, list[str]], rules: SearchRules) -> int:
    offset = _number(reserved, "offset") or 0
    if offset > rules.maximum_offset:
        raise InvalidQuery("offset", f"it is at most {rules.maximum_offset}")
    return offset


def _named(reading: Reading, includefields: Sequence[str]) -> frozenset[str]:
    """Keys of the attributes that the query names, and `all` when that is among them."""
    names = {name.strip() for text in includefields for name in text.split(",")}
    everything = {_ALL} if any(name.lower() == _ALL for name in names) else set()
    if everything and reading.rules.literal:
        return frozenset(reading.tags | everything)
    named = {_included(name, reading.rules) for name in names if name and name.lower() != _ALL}
    return frozenset(reading.tags | named | everything)


def _returned(reading: Reading, named: frozenset[str], *, everything: bool) -> tuple[str, ...]:
    """Keys of what a match is answered with: defaults, UIDs of the path, named, included."""
    tags = set(named - {_ALL})
    sets = reading.rules.returned_all if everything else reading.rules.returned
    for level in Level:
        if reading.path_level is not None and level <= reading.path_level:
            tags.add(_UID_TAGS[level])
        elif level <= reading.level:
            tags.update(sets[level])
    return tuple(sorted(tags))


def _known(reading: Reading, named: frozenset[str], tags: tuple[str, ...]) -> tuple[str, ...]:
    """Keys that PS3.18 section 10.6.3.3 has in every answer: required, or named and supported.

    Supported means that the index holds it: of others nobody knows that there is no value.
    """
    if reading.rules.literal:
        return ()
    known: set[str] = set()
    for level in Level:
        if level <= reading.level:
            known.update(reading.rules.required[level])
            known.update(named & _INDEXED[level])
    return tuple(tag for tag in tags if tag in known)


def _included(name: str, rules: SearchRules) -> str:
    """Key of one included attribute; of an attribute in a sequence, that of the sequence."""
    parts = [name] if rules.literal else name.split(".")
    tags = [find_tag(part) for part in parts]
    if tags[0] is None or None in tags:
        raise InvalidQuery("includefield", f"{NO_ATTRIBUTE}: {printable(name)}")
    return f"{tags[0]:08X}"
