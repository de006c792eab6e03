"""The audit trail of HTTP: who asked for what, and what clients add to it by headers.

As in the Azure DICOM service (section 12): headers `X-MS-AZUREDICOM-AUDIT-*` go into the trail, too
many of them or too large a one are refused.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from starlette.types import Scope

from hilum.access import NOBODY, AccessScope, Principal
from hilum.domain.errors import InvalidRequest
from hilum.domain.identifiers import DEFAULT_PARTITION_NAME
from hilum.domain.partitions import InvalidPartitionName, parse_partition_name
from hilum.ports.audit import AuditEntry, AuditTrail
from hilum.wire.request_facts import Place

_NAMES: Final = frozenset({"study", "series", "instance", "workitem"})
"""Parameters of routes that are UIDs."""
_IN_QUERY: Final = {b"studyUID": "study", b"seriesUID": "series", b"objectUID": "instance"}
"""Parameters of WADO-URI, which names what it is about in the query string (PS3.18 9.1)."""
_MOST_PARAMETERS: Final = 50
_PREFIX: Final = b"x-ms-azuredicom-audit-"
_UID: Final = re.compile(r"[0-9.]{1,64}", re.ASCII)
_AUDITED: Final = "hilum.audited"
"""Key of what is known of a request before it is answered, in an ASGI scope."""


class AuditHeadersRefused(InvalidRequest):
    """A request wants more in the audit trail than there is room for, or what is no text."""

    code = "audit-headers-refused"
    title = "The audit headers cannot be taken"


@dataclass(frozen=True, slots=True)
class _Audited:
    action: AccessScope
    route: str
    uids: Mapping[str, str]
    partition: str | None
    headers: Mapping[str, str]


class Auditor:
    """Begun when the route of a request is known, ended when it is answered."""

    __slots__ = ("_header_bytes", "_headers", "_trail")

    def __init__(
        self, trail: AuditTrail | None = None, *, headers: int = 10, header_bytes: int = 2048
    ) -> None:
        """`trail`: None writes nothing; too much is refused in any case."""
        self._trail = trail
        self._headers = headers
        self._header_bytes = header_bytes

    def begin(
        self,
        scope: Scope,
        action: AccessScope,
        route: str,
        uids: Mapping[str, str],
        partition: str | None,
    ) -> None:
        """Note what is asked for, in the partition that the path names.

        Raises `AuditHeadersRefused`.
        """
        found: dict[str, str] = {}
        scope[_AUDITED] = _Audited(action, route, uids, partition, found)
        added = [(name, value) for name, value in scope["headers"] if name.startswith(_PREFIX)]
        if len(added) > self._headers:
            raise AuditHeadersRefused(
                f"There are {len(added)} headers X-MS-AZUREDICOM-AUDIT-*; at most {self._headers}"
                " are taken (setting audit.headers)."
            )
        for name, value in added:
            found[name.removeprefix(_PREFIX).decode("latin-1")] = self._taken(value)

    def end(self, scope: Scope, status: int, correlation_id: str) -> None:
        """Write the entry, once, whatever became of the request; none unless it was begun."""
        audited: _Audited | None = scope.pop(_AUDITED, None)
        if self._trail is None or audited is None:
            return
        state = scope.get("state", {})
        principal: Principal = state.get("principal", NOBODY)
        place: Place | None = state.get("place")
        client = scope.get("client")
        self._trail.tell(
            AuditEntry(
                action=audited.action.value,
                method=scope.get("method", "GET"),  # a WebSocket begins with GET
                route=audited.route,
                status=status,
                principal=principal.name,
                credential=principal.credential.value,
                peer=client[0] if client else "",
                correlation_id=correlation_id,
                partition=place.partition_name if place else _named(audited.partition),
                uids=audited.uids,
                headers=audited.headers,
            )
        )

    def _taken(self, value: bytes) -> str:
        if len(value) > self._header_bytes:
            raise AuditHeadersRefused(
                f"The value of an X-MS-AZUREDICOM-AUDIT-* header is longer than"
                f" {self._header_bytes} bytes (setting audit.header_bytes)."
            )
        try:
            text = value.decode("utf-8")
        except UnicodeDecodeError:
            text = value.decode("latin-1")
        if not text.isprintable():
            raise AuditHeadersRefused(
                "The value of an X-MS-AZUREDICOM-AUDIT-* header holds control characters."
            )
        return text


def uids_in_path(names: Sequence[str], segments: Sequence[str]) -> Mapping[str, str]:
    """Parameters that are UIDs; whatever else a client put there is not repeated."""
    return {
        name: segment
        for name, segment in zip(names, segments, strict=True)
        if name in _NAMES and _UID.fullmatch(segment)
    }


def uids_in_query(query_string: bytes) -> Mapping[str, str]:
    """The UIDs of a request of WADO-URI; nothing else of its query string."""
    pairs = (each.partition(b"=") for each in query_string.split(b"&")[:_MOST_PARAMETERS])
    return {
        _IN_QUERY[name]: text
        for name, _, value in pairs
        if name in _IN_QUERY and _UID.fullmatch(text := unquote(value.decode("latin-1")))
    }


def _named(partition: str | None) -> str:
    """Of a request that was refused before its partition was looked at; empty: it is no name."""
    try:
        return DEFAULT_PARTITION_NAME if partition is None else parse_partition_name(partition)
    except InvalidPartitionName:
        return ""
