"""Which addresses a hook may have: public ones, and the networks that were allowed by name.

A name is resolved for every connection, all its addresses must be allowed, and the connection goes
to the very address that was looked at: a name server that answers differently the next time (DNS
rebinding) gains nothing.
"""

import asyncio
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final

from hilum.domain.errors import SinkUnavailable

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NAT64: Final = ip_network("64:ff9b::/96")
"""Stands for the IPv4 address at its end (RFC 6052)."""
_GLOBAL_UNICAST: Final = ip_network("2000::/3")
"""All that IANA has given out; what lies beside it, such as site-local addresses, is not public."""
_NEVER_PUBLIC: Final = tuple(
    ip_network(each)
    for each in ("192.0.0.0/24", "198.18.0.0/15", "192.88.99.0/24", "2001:20::/28", "3fff::/20")
)


@dataclass(frozen=True, slots=True)
class AddressRule:
    """What is allowed beside public addresses."""

    networks: Sequence[Network] = ()

    def allows(self, address: Address) -> bool:
        return any(address in network for network in self.networks) or all(
            _is_public(each) for each in _meant(address)
        )

    def names(self, address: Address) -> bool:
        """True when the address is in an allowed network, not merely public."""
        return any(address in network for network in self.networks)


async def resolved(host: str, port: int, rule: AddressRule, where: str) -> Sequence[Address]:
    """The addresses of `host`, in the order to try them.

    Raises `SinkUnavailable` when it has none, or one that is not allowed.
    """
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        message = f"{where}: the name {host} cannot be resolved."
        raise SinkUnavailable(message) from None
    addresses = [ip_address(str(each[4][0]).partition("%")[0]) for each in found]
    for address in addresses:
        if not rule.allows(address):
            message = (
                f"{where}: {host} has the address {address}, which is not public. When it is meant,"
                " put its network into `allowed_networks` of the sink."
            )
            raise SinkUnavailable(message)
    return list(dict.fromkeys(addresses))


def _meant(address: Address) -> Iterator[Address]:
    """The address, and any IPv4 address that it stands for."""
    yield address
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            yield address.ipv4_mapped
        if address.sixtofour:
            yield address.sixtofour
        if address.teredo:
            yield from address.teredo
        if address in _NAT64:
            yield IPv4Address(int(address) & 0xFFFFFFFF)


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped or address in _NAT64:
            return True  # judged by the IPv4 address that it stands for
        if address not in _GLOBAL_UNICAST:
            return False
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not any(address in network for network in _NEVER_PUBLIC)
    )
