"""The address under which a client reached us: the beginning of every absolute URL we answer."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any, Final

from hilum.domain.identifiers import InstanceUIDs

_HOST: Final = re.compile(r"[A-Za-z0-9._~\-]+(?::\d{1,5})?|\[[0-9A-Fa-f:.]+\](?::\d{1,5})?")
_PREFIX: Final = re.compile(r"(?:/[A-Za-z0-9._~\-]+)+")
_USUAL_PORTS: Final = {"http": 80, "https": 443}
_SCHEMES: Final = frozenset(_USUAL_PORTS)


@dataclass(frozen=True, slots=True)
class BaseUrl:
    """Finds scheme, host and path prefix, without a slash at the end.

    `public_url` settles it when set. Else the Host header says; `X-Forwarded-Proto`, `-Host` and
    `-Prefix` count when the connection comes from a trusted proxy. What is no host is not repeated,
    and a port is added for who connects to an address and leaves it out.
    """

    public_url: str = ""
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def of(cls, public_url: str = "", trusted_proxies: Iterable[str] = ()) -> "BaseUrl":
        """`trusted_proxies` are addresses or networks such as `10.0.0.0/8`."""
        networks = tuple(ip_network(text, strict=False) for text in trusted_proxies)
        return cls(public_url.rstrip("/"), networks)

    def __call__(self, scope: Mapping[str, Any]) -> str:
        """Return the base URL of an ASGI HTTP scope, such as `https://pacs.example.org/hilum`."""
        if self.public_url:
            return self.public_url
        headers = _chosen(scope["headers"])
        scheme, host, prefix = scope["scheme"], headers.get("host", ""), ""
        is_trusted = self._trusts(scope.get("client"))
        if is_trusted:
            forwarded = headers.get("x-forwarded-proto", "").lower()
            scheme = forwarded if forwarded in _SCHEMES else scheme
            host = headers.get("x-forwarded-host", host)
            prefix = headers.get("x-forwarded-prefix", "").rstrip("/")
        if _HOST.fullmatch(host) is None:
            host = _own_address(scope.get("server"))
        elif not is_trusted and _lacks_port(host, scheme, scope.get("server")):
            host = _own_address(scope["server"])
        if _PREFIX.fullmatch(prefix) is None:
            prefix = ""
        mounted_at = scope.get("app_root_path", scope.get("root_path", ""))
        return f"{scheme}://{host}{prefix}{mounted_at}".rstrip("/")

    def _trusts(self, client: tuple[str, int] | None) -> bool:
        if client is None or not self.trusted_proxies:
            return False
        try:
            address = ip_address(client[0])
        except ValueError:
            return False
        return any(address in network for network in self.trusted_proxies)


def path_of(url: str) -> str:
    """The path of an absolute URL, which counts from whatever scheme and host the client used."""
    _, _, rest = url.partition("://")
    return "/" + rest.partition("/")[2]


def instance_url(base: str, uids: InstanceUIDs) -> str:
    """The resource of an instance below `base`, the URL of a surface (PS3.18 section 10.1.1)."""
    return f"{base}/studies/{uids.study}/series/{uids.series}/instances/{uids.sop_instance}"


def _chosen(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """The headers that matter; of a list made by a chain of proxies the first entry."""
    return {
        name.decode("latin-1"): value.decode("latin-1").partition(",")[0].strip()
        for name, value in headers
        if name == b"host" or name.startswith(b"x-forwarded-")
    }


def _lacks_port(host: str, scheme: str, server: tuple[str, int | None] | None) -> bool:
    """Whether the very address that was connected to is named without its port.

    dicomweb-client does so, whatever port it connects to.
    """
    if server is None or server[1] in {None, _USUAL_PORTS.get(scheme)}:
        return False
    return host in {server[0], f"[{server[0]}]"}


def _own_address(server: tuple[str, int | None] | None) -> str:
    if server is None or server[1] is None:
        return "localhost"
    host, port = server
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
