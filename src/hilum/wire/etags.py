"""Entity tags of metadata and instances (RFC 9110 sections 8.8.3 and 13.1.2)."""

import re
from typing import Final

from hilum.domain.levels import Level
from hilum.domain.records import ScopeSummary
from hilum.wire.retrieve_rules import RetrieveRules

_TAG: Final = re.compile(
    r'\s*(?:W/)?(?:"([\x21\x23-\x7e\x80-\xff]*)"|([^\s",]+))\s*(?:,|$)', re.IGNORECASE
)


def entity_tag(summary: ScopeSummary, level: Level) -> str:
    """Opaque tag: the version of an instance, or newest version and count of what is above it."""
    if level is Level.INSTANCE:
        return str(summary.newest_version)
    return f"{summary.newest_version}-{summary.instances}"


def etag_header(tag: str, rules: RetrieveRules) -> str:
    """Value of the ETag field, in the form of the surface."""
    return f'W/"{tag}"' if rules.quoted_etags else tag


def cache_control(seconds: float) -> str:
    """Value of the Cache-Control field: how long a browser may use an answer without asking."""
    age = int(seconds)
    return f"private, max-age={age}" if age else "private, no-cache"


def none_match(if_none_match: str | None, tag: str) -> bool:
    """False when the client holds `tag` already, so that 304 answers it.

    Compares weakly, as RFC 9110 asks for GET; bare tags are read, too, since the Azure service
    sends such, and letters compare without case, as it does. A field that cannot be read matches
    nothing: the client gets the whole answer.
    """
    if if_none_match is None:
        return True
    if if_none_match.strip() == "*":
        return False
    position = 0
    while position < len(if_none_match):
        found = _TAG.match(if_none_match, position)
        if found is None:
            return True
        candidate = found[2] if found[1] is None else found[1]
        if candidate.lower() == tag.lower():
            return False
        position = found.end()
    return True
