"""In which form bulk data goes out (PS3.18 sections 8.7.3.3 and 10.4.3.3.5)."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from hilum.domain.errors import InvalidRequest, NotAcceptable
from hilum.domain.implementation import IMPLEMENTATION_VERSION_NAME
from hilum.imaging.syntaxes import OCTETS
from hilum.wire.accept import MediaRange, parse_accept
from hilum.wire.media_types import MULTIPART
from hilum.wire.retrieve_rules import AS_STORED

_PATH: Final = re.compile(r"[0-9A-Fa-f]{8}(?:/\d{1,9}/[0-9A-Fa-f]{8})*", re.ASCII)
_LONGEST_PATH: Final = 2048
_DIGITS: Final = 40
"""160 bits, as hexadecimal digits."""
_ANY: Final = "*/*"


class How(Enum):
    """What is sent of a value."""

    VALUE = "value"
    """The value; of fragments, what they hold, one after another."""
    FRAMES = "frames"
    """Each frame as stored, in a part of its own."""
    DECODED = "decoded"
    """Native pixel data that was encapsulated."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One form that a value can be had in."""

    media_type: str
    how: How = How.VALUE
    syntax: str = ""
    """Transfer syntax of pixel data."""
    as_stored: bool = True
    """What `transfer-syntax=*` means."""
    alone: bool = True
    """It can be a body by itself; otherwise only parts of one."""

    @property
    def content_type(self) -> str:
        if not self.syntax:
            return self.media_type
        return f"{self.media_type}; transfer-syntax={self.syntax}"


@dataclass(frozen=True, slots=True)
class BulkForm:
    """The form that a client takes."""

    offer: Offer
    multipart: bool


def bulk_path(written: str) -> str:
    """Read the path of a bulk value in a URL. Raises `InvalidRequest`."""
    if len(written) > _LONGEST_PATH or _PATH.fullmatch(written) is None:
        message = (
            "The path of bulk data is a tag of eight hexadecimal digits; before it, for each item "
            "around it, the tag of the sequence and the number of the item, counted from 0: "
            "00281201 or 54000100/0/54001010."
        )
        raise InvalidRequest(message)
    return "/".join(str(int(part)) if n % 2 else part.upper() for n, part in _parts(written))


def _parts(written: str) -> Sequence[tuple[int, str]]:
    return list(enumerate(written.split("/")))


def bulk_form(accept: str | None, offers: Sequence[Offer]) -> BulkForm:
    """Return the best form of a value; the first of `offers` is what is left open.

    Raises `NotAcceptable`, saying what there is.
    """
    if accept is None or not accept.strip():
        accept = _ANY
    for media_range in parse_accept(accept, strict=False):
        for offer in offers:
            if not _has_syntax(media_range, offer):
                continue
            if media_range.type == _ANY:
                return BulkForm(offer, multipart=not offer.alone)
            if media_range.covers(MULTIPART) and _covers_part(media_range, offer):
                return BulkForm(offer, multipart=True)
            if offer.alone and media_range.covers(offer.media_type.lower()):
                return BulkForm(offer, multipart=False)
    alone = ", ".join(offer.content_type for offer in offers if offer.alone) or "nothing"
    parts = ", ".join(offer.content_type for offer in offers)
    message = (
        f"The Accept header names nothing that this bulk data can be had as: {alone} by itself, "
        f"{parts} as the type of {MULTIPART}."
    )
    raise NotAcceptable(message)


def _has_syntax(media_range: MediaRange, offer: Offer) -> bool:
    wanted = [value.strip().rstrip("\0") for value in media_range.all("transfer-syntax")]
    if not wanted or not offer.syntax:
        return True
    return offer.syntax in wanted or (offer.as_stored and AS_STORED in wanted)


def _covers_part(media_range: MediaRange, offer: Offer) -> bool:
    named = [name.strip().lower() for name in media_range.all("type")] or [_ANY]
    part = offer.media_type.lower()
    return any(
        name in {_ANY, part} or (name.endswith("/*") and part.startswith(name[:-1]))
        for name in named
    )


def takes_parts(accept: str | None) -> Sequence[MediaRange]:
    """Return the ranges that take parts, for the bulk data of a whole resource.

    Raises `NotAcceptable` when there is none.
    """
    if accept is None or not accept.strip():
        accept = _ANY
    ranges = parse_accept(accept, strict=False)
    taken = [each for each in ranges if each.type == _ANY or each.covers(MULTIPART)]
    if not taken:
        message = f'All bulk data of a resource is given as {MULTIPART}; type="{OCTETS}" only.'
        raise NotAcceptable(message)
    return taken


def part_offer(ranges: Sequence[MediaRange], offers: Sequence[Offer]) -> Offer:
    """Return in which of `offers` a value is a part; the last one when none is named."""
    for media_range in ranges:
        for offer in offers:
            if _has_syntax(media_range, offer) and _covers_part(media_range, offer):
                return offer
    return offers[-1]


def bulk_tag(dataset_sha256: bytes, path: str, form: BulkForm, location: str) -> str:
    """Return an opaque, strong tag (RFC 9110 8.8.1): the bytes follow from what it is made of.

    Decoders may change from release to release, so the release is in it.
    """
    release = IMPLEMENTATION_VERSION_NAME if form.offer.how is How.DECODED else ""
    where = location if form.multipart else ""
    said = f"{release}|bulk|{path}|{form.offer.content_type}|{form.multipart:d}|{where}"
    return hashlib.sha256(dataset_sha256 + said.encode()).hexdigest()[:_DIGITS]
