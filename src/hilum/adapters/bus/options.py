"""What every engine of the bus is told, and names made of it."""

import os
import re
import zlib
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from hilum.domain.errors import BusUnavailable, InvalidRequest

_LARGEST_PORT: Final = 65_535
_SERVER: Final = re.compile(
    r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?", re.ASCII
)
_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)


@dataclass(frozen=True, slots=True)
class BusOptions:
    """Plain values; the settings of section `bus` say what they mean."""

    name: str = "hilum"
    partitions: int = 8
    prefetch: int = 32
    message_bytes: int = 900 << 10
    backlog_messages: int = 100_000
    memory_bytes: int = 256 << 20
    retention_seconds: float = 86_400.0
    lease_seconds: float = 10.0
    retry_seconds: float = 1.0
    maximum_retry_seconds: float = 60.0
    finish_seconds: float = 30.0
    request_seconds: float = 10.0
    replicas: int = 0

    @property
    def heartbeat_seconds(self) -> float:
        """How often a process says that it lives, and looks for work to take or to give."""
        return min(self.lease_seconds / 5, 2.0)

    def pause_after(self, attempt: int) -> float:
        """Seconds from a failed attempt to the next one."""
        doubled = self.retry_seconds * 2.0 ** min(attempt - 1, 60)
        return min(doubled, self.maximum_retry_seconds)


def partition_of(key: str, partitions: int) -> int:
    """The part of a topic in which `key` lies: the same in every process, version and engine."""
    return zlib.crc32(key.encode()) % partitions


def demand_word(kind: str, text: str) -> str:
    """`text`, when it may be the name of a topic or a group: what every engine can spell."""
    if not _WORD.fullmatch(text):
        message = f"{text[:100]!r} cannot name a {kind}: 1 to 100 of A-Z a-z 0-9 . _ -"
        raise InvalidRequest(message)
    return text


def address_in(url: str) -> str:
    """`url` without user, password, path and query: fit to be shown."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{hosts_in(parts)}"


def hosts_in(parts: SplitResult) -> str:
    return parts.netloc.rpartition("@")[2]


def unusable(url: str, why: str) -> BusUnavailable:
    """The error for a URL by which nothing can be reached, whatever runs where it points."""
    scheme = url.partition(":")[0]
    return BusUnavailable(f"bus.url ({scheme}://...) cannot be used: {why}.")


def demand_servers(url: str, *, several: bool = False) -> None:
    """Raise `BusUnavailable` unless `url` names a host, or `several`, each with a port or none.

    What is wrong is not quoted: a password with a `/` in it ends up where the port is looked for.
    """
    servers = hosts_in(urlsplit(url)).split(",")
    ports = [match["port"] for each in servers if (match := _SERVER.fullmatch(each))]
    good = len(ports) == len(servers) and all(0 < int(port or 1) <= _LARGEST_PORT for port in ports)
    if not good or (len(servers) > 1 and not several):
        many = "[,host:port]" if several else ""
        text = f"it should name host:port{many}, with a port from 1 to 65535; / @ : in a password"
        raise unusable(url, f"{text} are written %2F %40 %3A")


def unavailable(url: str, error: BaseException) -> BusUnavailable:
    """The error for an engine that does not answer; a library's text might quote the password."""
    reason = _reason(error)
    where = f"The bus at {address_in(url)} is not available"
    return BusUnavailable(f"{where} ({reason}); see setting bus.url.")


def _reason(error: BaseException) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno:
            return os.strerror(cause.errno)
        cause = cause.__cause__ or cause.__context__
    return "no answer in time" if isinstance(error, TimeoutError) else type(error).__name__
