"""Which form of a picture a client takes (PS3.18 8.7.4, 8.7.8 and 10.4.4)."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from hilum.domain.errors import NotAcceptable
from hilum.domain.presentation import PictureType
from hilum.wire.accept import MediaRange, parse_accept, refused_types
from hilum.wire.media_types import MULTIPART
from hilum.wire.rendered_rules import RenderedRules

_ANY = "*/*"


@dataclass(frozen=True, slots=True)
class RenderedForm:
    """How pictures go out."""

    multipart: bool
    picture: PictureType


# Clients send the same few headers again and again; what is refused is not remembered.
@lru_cache(maxsize=256)
def rendered_form(accept: str | None, *, alone: bool, rules: RenderedRules) -> RenderedForm:
    """Return the best form that the client takes.

    `alone`: the resource is one picture, which goes out by itself unless multipart is asked for.
    Otherwise media types without multipart count as if they were not there (PS3.18 10.4.4).
    Raises `NotAcceptable`.
    """
    if rules.strict:
        return _only(accept, rules)
    if accept is None or not accept.strip():
        accept = _ANY
    refused = refused_types(accept)
    for media_range in parse_accept(accept, strict=False):
        for form in _forms(media_range, rules, alone=alone):
            if form.picture not in refused or media_range.type == form.picture:
                return form
    raise NotAcceptable(_offer(rules, alone=alone))


def _only(accept: str | None, rules: RenderedRules) -> RenderedForm:
    ranges = parse_accept(accept or "", strict=False)
    if len(ranges) == 1 and "," not in (accept or ""):
        for picture in rules.offered:
            if ranges[0].type == picture:
                return RenderedForm(multipart=False, picture=picture)
    raise NotAcceptable(_offer(rules, alone=True))


def _forms(media_range: MediaRange, rules: RenderedRules, *, alone: bool) -> Iterator[RenderedForm]:
    if media_range.type == _ANY:
        for picture in rules.offered:
            yield RenderedForm(not alone, picture)
        return
    multipart = media_range.covers(MULTIPART)
    if not multipart and not alone:
        return
    named = media_range.all("type") or (_ANY,) if multipart else (media_range.type,)
    for name in named:
        spelled = MediaRange(name.strip().lower(), (), 1.0)
        for picture in rules.offered:
            if spelled.covers(picture):
                yield RenderedForm(multipart, picture)


def _offer(rules: RenderedRules, *, alone: bool) -> str:
    types = ", ".join(rules.offered)
    if rules.strict:
        return f"An Accept header with one media type of these is required: {types}."
    text = "The Accept header names nothing that is offered here"
    if alone:
        return f"{text}: {types}, also as the type of {MULTIPART}."
    return f"{text}: {MULTIPART} with type {types}."
