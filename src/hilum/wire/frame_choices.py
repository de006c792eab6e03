"""Which representations of frames a client takes (PS3.18 sections 8.7.5 and 8.7.8)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from hilum.domain.errors import InvalidRequest, NotAcceptable
from hilum.imaging.syntaxes import OCTETS, SYNTAXES
from hilum.wire.accept import MediaRange, parse_accept
from hilum.wire.frame_rules import (
    DEFAULT_SYNTAXES,
    SPELLINGS,
    FrameRules,
    answers_as,
    media_type_of,
)
from hilum.wire.media_types import MULTIPART
from hilum.wire.retrieve_rules import AS_STORED

ANY: Final = "*/*"
_AS_ASKED, _NAMED, _ANYWAY = range(3)
"""Among media ranges of one quality: bytes as stored cost and change nothing, so they come first;
last comes what is stored when `*` was said beside a media type that it is not of."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One usable media range."""

    quality: float
    multipart: bool
    media_types: tuple[str, ...]
    """Of today's spelling; `ANY` alone: whatever it is stored in."""
    spelled: str | None
    """As the client spells it; None for a wild card."""
    syntaxes: tuple[str, ...]
    """Values of `transfer-syntax`; empty when it is left open."""


@dataclass(frozen=True, slots=True)
class FrameForm:
    """One representation the client takes."""

    multipart: bool
    media_type: str
    syntax: str


# Clients send the same few headers again and again; what is refused is not remembered.
@lru_cache(maxsize=1024)
def frame_forms(
    accept: str | None, *, stored: str, frames: int, rules: FrameRules
) -> Sequence[FrameForm]:
    """Return what the client takes of `frames` frames stored in `stored`, best first.

    Whether a transfer syntax can be had is another question. A single part holds one frame: where
    several are asked for, such media ranges count as if they were not there.

    Raises `NotAcceptable`, and `InvalidRequest` on surfaces that call several frames in a single
    part that.
    """
    wishes = frame_wishes(accept, rules)
    able = [wish for wish in wishes if wish.multipart or frames == 1]
    if not able and rules.several_in_one_is_400:
        message = "Several frames are given as multipart/related only."
        raise InvalidRequest(message)
    forms = [liked for wish in able for liked in _forms(wish, answers_as(stored, rules), rules)]
    forms.sort(key=lambda liked: liked[:2])
    if not forms:
        raise NotAcceptable(_offer(rules))
    return tuple(dict.fromkeys(form for *_, form in forms))


@lru_cache(maxsize=256)
def frame_wishes(accept: str | None, rules: FrameRules) -> tuple[Wish, ...]:
    """Return the usable media ranges, best first. Raises `NotAcceptable` when there is none."""
    if accept is None or (not rules.strict and not accept.strip()):
        if rules.strict:
            message = "An Accept header is required to retrieve frames."
            raise NotAcceptable(message)
        accept = ANY
    # Quotation marks round `type` are optional on every surface, so the grammar is lenient here.
    ranges = parse_accept(accept, strict=False)
    wishes = tuple(wish for each in ranges for wish in _wishes(each, rules))
    if not wishes:
        raise NotAcceptable(_offer(rules))
    return wishes


def _wishes(media_range: MediaRange, rules: FrameRules) -> Iterator[Wish]:
    syntaxes = tuple(value.strip().rstrip("\0") for value in media_range.all("transfer-syntax"))
    quality = media_range.quality
    if media_range.type == ANY:
        kind = (rules.wildcard or ANY,)
        yield Wish(quality, True, kind, None, syntaxes or (AS_STORED,))
        return
    multipart = media_range.covers(MULTIPART)
    named = media_range.all("type") if multipart else (media_range.type,)
    if not named and not rules.strict:
        named = (ANY,)
    for name in named:
        spelled = name.strip().lower()
        types = _offered_types(spelled, rules)
        if not multipart:
            types = tuple(each for each in types if each in rules.single_part)
        wanted = _offered_syntaxes(types, syntaxes, rules)
        if types and (wanted or not syntaxes):
            is_wild = "*" in spelled
            yield Wish(quality, multipart, types, None if is_wild else spelled, wanted)


def _offered_types(name: str, rules: FrameRules) -> tuple[str, ...]:
    name = name if rules.strict else SPELLINGS.get(name, name)
    offered = tuple(media_type for media_type, _ in rules.offered)
    if name in offered:
        return (name,)
    if rules.strict or not name.endswith("/*"):
        return ()
    return (ANY,) if name == ANY else tuple(each for each in offered if each.startswith(name[:-1]))


def _offered_syntaxes(
    types: Sequence[str], syntaxes: tuple[str, ...], rules: FrameRules
) -> tuple[str, ...]:
    allowed = dict(rules.offered).get(types[0]) if types else None
    if not allowed:
        return syntaxes
    return tuple(each for each in syntaxes if each in allowed)


def _forms(wish: Wish, stored: str, rules: FrameRules) -> Iterator[tuple[float, int, FrameForm]]:
    """Yield what a wish means for frames that go out in `stored` when nothing is decoded."""
    for rank, media_type, syntax in _meant(wish, stored, rules):
        label = wish.spelled if wish.spelled and media_type in wish.media_types else media_type
        yield -wish.quality, rank, FrameForm(wish.multipart, label, syntax)


def _meant(wish: Wish, stored: str, rules: FrameRules) -> Iterator[tuple[int, str, str]]:
    natural = media_type_of(stored)
    if not wish.syntaxes:
        for place, (media_type, syntax) in enumerate(_left_open(wish, stored, natural)):
            is_stored = place == 0 and syntax == stored
            yield _AS_ASKED if is_stored else _NAMED, media_type, syntax
        return
    for syntax in wish.syntaxes:
        if syntax != AS_STORED:
            yield from ((_NAMED, each, syntax) for each in _fitting(wish, syntax, rules))
        elif ANY in wish.media_types or natural in wish.media_types:
            yield _AS_ASKED, natural, stored
        elif OCTETS in wish.media_types:
            yield _AS_ASKED, OCTETS, stored
        elif not rules.strict:
            yield _ANYWAY, natural, stored


def _left_open(wish: Wish, stored: str, natural: str) -> Iterator[tuple[str, str]]:
    """The default of the media type, but what is lossy already is not decoded (PS3.18 8.7.3)."""
    if ANY in wish.media_types:
        yield natural, stored
        return
    known = SYNTAXES.get(stored)
    fits = natural in wish.media_types
    if fits and (wish.spelled is None or (known is not None and known.may_be_lossy)):
        yield natural, stored
    for media_type in wish.media_types:
        yield media_type, DEFAULT_SYNTAXES[media_type]
    if fits and natural != OCTETS:
        yield natural, stored


def _fitting(wish: Wish, syntax: str, rules: FrameRules) -> Iterator[str]:
    """Media types of the wish that frames in a named syntax can be given as."""
    if answers_as(syntax, rules) != syntax:
        return
    natural = media_type_of(syntax)
    if ANY in wish.media_types or natural in wish.media_types:
        yield natural
    elif OCTETS in wish.media_types:
        yield OCTETS


def _offer(rules: FrameRules) -> str:
    offered = []
    for media_type, syntaxes in rules.offered:
        allowed = f"; transfer-syntax={' or '.join(sorted(syntaxes))}" if syntaxes else ""
        offered.append(f"{media_type}{allowed}")
    types = ", ".join(offered)
    return (
        "The Accept header names nothing that is offered here: multipart/related with type "
        f"{types}; one frame also alone as {', '.join(sorted(rules.single_part))}."
    )
