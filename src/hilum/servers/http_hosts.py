"""Which names a browser may have called us by while everybody may do everything.

A web page can make its own name resolve to 127.0.0.1 (DNS rebinding) and then read and delete what
an open server on loopback holds, as if it were of the same origin. The `Host` header gives it away.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from starlette.types import Scope, Send

_TEXT: Final = (
    b"This server asks nobody for credentials, so it answers only requests to localhost.\n"
    b"The Host header of this request names another host, as a hostile web page would.\n"
    b"If you meant to reach it by that name, add the name to the setting http.allowed_hosts\n"
    b"or set http.public_url; better, set security.authentication to required.\n"
)


@dataclass(frozen=True, slots=True)
class HostRule:
    """Loopback by any of its names is always allowed, and so are `names`."""

    names: frozenset[str] = frozenset()

    @classmethod
    def of(cls, bound: str, public_url: str, allowed: Iterable[str]) -> "HostRule":
        """`bound` is the address listened on; ports do not count anywhere."""
        public = urlsplit(public_url).hostname or ""
        names = (_name(text) for text in (bound, public, *allowed))
        return cls(frozenset(name for name in names if name))

    def allows(self, scope: Scope) -> bool:
        """Without a `Host` header only HTTP/1.0, which no browser speaks, is let through."""
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if not hosts:
            return bool(scope.get("http_version") == "1.0")
        return all(self._is_ours(_name(host.decode("latin-1"))) for host in hosts)

    def _is_ours(self, name: str) -> bool:
        return name in self.names or name == "localhost" or _is_loopback(name)


async def refuse_host(send: Send) -> None:
    """421 Misdirected Request (RFC 9110 15.5.20), in words for whoever set this up."""
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(_TEXT)).encode("ascii")),
    ]
    await send({"type": "http.response.start", "status": 421, "headers": headers})
    await send({"type": "http.response.body", "body": _TEXT})


def _name(host: str) -> str:
    """Lower case, without port, brackets and the dot of the root."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    if host.count(":") == 1:
        host = host.partition(":")[0]
    return host.rstrip(".")


def _is_loopback(name: str) -> bool:
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
