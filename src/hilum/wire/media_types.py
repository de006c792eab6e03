"""Which representation a client gets (PS3.18 section 8.7; Azure DICOM service, Accept rules)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from hilum.domain.errors import NotAcceptable
from hilum.domain.levels import Level
from hilum.imaging.syntaxes import OCTETS
from hilum.wire.accept import MediaRange, parse_accept
from hilum.wire.retrieve_rules import AS_STORED, RetrieveRules

DICOM: Final = "application/dicom"
DICOM_JSON: Final = "application/dicom+json"
JSON: Final = "application/json"
MULTIPART: Final = "multipart/related"
ZIP: Final = "application/zip"


@dataclass(frozen=True, slots=True)
class InstanceForm:
    """How instances go out."""

    multipart: bool
    syntaxes: tuple[str, ...]
    """Transfer Syntax UIDs in the client's order of liking; `*` is the one it is stored in."""
    archive: bool = False
    """All of them in one ZIP archive."""


# Clients send the same few headers again and again; what is refused is not remembered.
@lru_cache(maxsize=256)
def require_dicom_json(accept: str | None, *, strict: bool) -> str:
    """Return the media type for a DICOM JSON answer.

    Strict: the header must be there, must be grammatical as a whole, and must cover
    `application/dicom+json`. Otherwise a missing header means anything, and who asks for
    `application/json` alone gets the same JSON under that name.

    Raises `NotAcceptable`.
    """
    if accept is None or (not strict and not accept.strip()):
        if strict:
            message = f"An Accept header that covers {DICOM_JSON} is required."
            raise NotAcceptable(message)
        return DICOM_JSON
    if accept == DICOM_JSON:
        return DICOM_JSON
    ranges = parse_accept(accept, strict=strict)
    if any(media_range.covers(DICOM_JSON) for media_range in ranges):
        return DICOM_JSON
    if not strict and any(media_range.covers(JSON) for media_range in ranges):
        return JSON
    message = f"Only {DICOM_JSON} is offered here, and the Accept header does not cover it."
    raise NotAcceptable(message)


@lru_cache(maxsize=256)
def negotiate_retrieve(accept: str | None, *, level: Level, rules: RetrieveRules) -> InstanceForm:
    """Return the form in which the instances of a study, series or instance go out.

    The best media range decides between single part, multipart and archive; every range of that
    form adds the transfer syntaxes it accepts. A wild card range means multipart, as stored.

    Raises `NotAcceptable`.
    """
    if accept is None or (not rules.strict and not accept.strip()):
        if rules.strict:
            message = "An Accept header is required to retrieve instances."
            raise NotAcceptable(message)
        return InstanceForm(multipart=True, syntaxes=rules.default_syntaxes)
    # Quotation marks round `type` are optional on every surface, so the grammar is lenient here.
    best: InstanceForm | None = None
    syntaxes: list[tuple[float, bool, str]] = []
    for media_range in parse_accept(accept, strict=False):
        form = _form(media_range, level, rules)
        if form is None:
            continue
        best = best or form
        if (form.multipart, form.archive) != (best.multipart, best.archive):
            continue
        # Among equals stored bytes come first when asked for: they cost and change nothing.
        left_open = form.syntaxes is rules.default_syntaxes
        syntaxes.extend(
            (-media_range.quality, left_open or syntax != AS_STORED, syntax)
            for syntax in form.syntaxes
        )
    if best is None:
        raise NotAcceptable(_offer(level, rules))
    syntaxes.sort(key=lambda liking: liking[:2])
    liked = tuple(dict.fromkeys(syntax for _, _, syntax in syntaxes))
    return InstanceForm(best.multipart, liked, best.archive)


@lru_cache(maxsize=256)
def likes_bulk_data(accept: str | None, *, level: Level, rules: RetrieveRules) -> bool:
    """Whether a request for instances means all their bulk data (PS3.18 section 10.4.4).

    Multipart octets are kept for historical reasons, and mean the resource `bulkdata` below.
    """
    if accept is None or not rules.tells_bulk_data:
        return False
    for media_range in parse_accept(accept, strict=False):
        if _form(media_range, level, rules) is not None:
            return False
        types = [each.strip().lower() for each in media_range.all("type")]
        if media_range.covers(MULTIPART) and OCTETS in types:
            return True
    return False


def _form(media_range: MediaRange, level: Level, rules: RetrieveRules) -> InstanceForm | None:
    if media_range.type == "*/*":
        return InstanceForm(multipart=True, syntaxes=(AS_STORED,))
    multipart = media_range.covers(MULTIPART)
    archive = rules.offers_zip and media_range.type == ZIP
    if multipart:
        types = media_range.all("type")
        if not types and rules.strict:
            return None
        if any(not _is_dicom(value) for value in types):
            return None
    elif not archive and (level is not Level.INSTANCE or not media_range.covers(DICOM)):
        return None
    named = (value.strip().rstrip("\0") for value in media_range.all("transfer-syntax"))
    wanted = tuple(value for value in named if value)
    if not wanted:
        left_open = (AS_STORED,) if archive else rules.default_syntaxes
        return InstanceForm(multipart, left_open, archive)
    offered = _offered(wanted, rules)
    return InstanceForm(multipart, offered, archive) if offered else None


def _is_dicom(media_type: str) -> bool:
    return media_type.lower() in {DICOM, "application/*", "*/*"}


def _offered(wanted: Sequence[str], rules: RetrieveRules) -> tuple[str, ...]:
    if not rules.offered_syntaxes:
        return tuple(wanted)
    return tuple(syntax for syntax in wanted if syntax in rules.offered_syntaxes)


def _offer(level: Level, rules: RetrieveRules) -> str:
    types = [f'{MULTIPART}; type="{DICOM}"']
    if level is Level.INSTANCE:
        types.append(DICOM)
    if rules.offers_zip:
        types.append(ZIP)
    text = f"The Accept header names nothing that is offered here: {', '.join(types)}"
    if rules.offered_syntaxes:
        text += f", with transfer-syntax {', '.join(sorted(rules.offered_syntaxes))}"
    return f"{text}."
