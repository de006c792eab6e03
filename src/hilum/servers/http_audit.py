"""The audit trail of HTTP: who asked for what, and what clients add to it by headers.

As in the Azure DICOM service (section 12): headers `X-MS-AZUREDICOM-AUDIT-*` go into the trail, too
many of them or too large a one are refused.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from starlette.types import Scope

from hilum.access import NOBODY, Principal
from hilum.domain.errors import InvalidRequest
from hilum.ports.audit import AuditEntry, AuditTrail
from hilum.servers.http_edge import CLIENT_GONE
from hilum.servers.http_exchange import Exchange
from hilum.servers.http_routes import Target
from hilum.wire.request_facts import place_of

_NAMES: Final = frozenset({"study", "series", "instance", "workitem"})
"""Parameters of routes that are UIDs."""
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
    target: Target
    segments: Sequence[str]
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

    def begin(self, scope: Scope, target: Target, segments: Sequence[str]) -> None:
        """Note what is asked for. Raises `AuditHeadersRefused`."""
        if not target.scopes:
            return
        found: dict[str, str] = {}
        scope[_AUDITED] = _Audited(target, segments, found)
        added = [(name, value) for name, value in scope["headers"] if name.startswith(_PREFIX)]
        if len(added) > self._headers:
            raise AuditHeadersRefused(
                f"There are {len(added)} headers X-MS-AZUREDICOM-AUDIT-*; at most {self._headers}"
                " are taken (setting audit.headers)."
            )
        for name, value in added:
            found[name.removeprefix(_PREFIX).decode("latin-1")] = self._taken(value)

    def end(self, scope: Scope, exchange: Exchange) -> None:
        """Write the entry, whatever became of the request; none for what machines poll."""
        audited: _Audited | None = scope.get(_AUDITED)
        if self._trail is None or audited is None or exchange.quiet:
            return
        principal: Principal = scope.get("state", {}).get("principal", NOBODY)
        client = scope.get("client")
        self._trail.tell(
            AuditEntry(
                action=audited.target.scopes[0].value,
                method=scope["method"],
                route=audited.target.template,
                status=exchange.status if exchange.complete else CLIENT_GONE,
                principal=principal.name,
                credential=principal.credential.value,
                peer=client[0] if client else "",
                correlation_id=exchange.correlation_id,
                partition=place_of(scope).partition_name,
                uids=_uids(audited.target.parameters, audited.segments),
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


def _uids(names: Sequence[str], segments: Sequence[str]) -> Mapping[str, str]:
    """Parameters that are UIDs; whatever else a client put there is not repeated."""
    return {
        name: segment
        for name, segment in zip(names, segments, strict=True)
        if name in _NAMES and _UID.fullmatch(segment)
    }
