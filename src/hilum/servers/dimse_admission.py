"""Who may associate, and how many at once."""

import ipaddress
import threading
from collections import Counter
from dataclasses import dataclass
from typing import Final

from hilum.servers.dimse_options import DimseOptions

_SPARE_CONNECTIONS: Final = 8
"""Connections beyond the limits that are still heard, so that they can be refused by an
A-ASSOCIATE-RJ that says why instead of a closed connection."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an association is refused: a word for metrics, and PS3.8 table 9-21."""

    reason: str
    result: int
    source: int
    diagnostic: int


CALLING_AE_TITLE: Final = Refusal("calling-ae-title", 1, 1, 3)
CALLED_AE_TITLE: Final = Refusal("called-ae-title", 1, 1, 7)
ASSOCIATIONS: Final = Refusal("associations", 2, 3, 2)
ASSOCIATIONS_PER_PEER: Final = Refusal("associations-per-peer", 2, 3, 2)
SHUTTING_DOWN: Final = Refusal("shutting-down", 2, 3, 1)
CONNECTIONS: Final = "connections"
"""Reason for a connection that was closed unheard."""


class Admission:
    """Counts connections and associations; asked from the event loop and from many threads."""

    def __init__(self, options: DimseOptions) -> None:
        self._options = options
        self._lock = threading.Lock()
        self._connections: Counter[str] = Counter()
        self._associations: Counter[str] = Counter()
        self._closed = False

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        """Refuse everybody from now on."""
        self._closed = True

    def connect(self, address: str) -> bool:
        """Take a connection, unless so many are open that it must be closed unheard."""
        options = self._options
        with self._lock:
            if (
                self._closed
                or self._connections.total() >= options.associations + _SPARE_CONNECTIONS
                or self._connections[address] >= options.associations_per_peer + _SPARE_CONNECTIONS
            ):
                return False
            self._connections[address] += 1
            return True

    def disconnect(self, address: str, *, associated: bool) -> None:
        """Give back what `connect` and a granted `associate` took."""
        with self._lock:
            _give_back(self._connections, address)
            if associated:
                _give_back(self._associations, address)

    def associate(self, address: str, calling: str, called: str) -> Refusal | None:
        """Take a place for an association; None when it is granted. AE titles have no padding."""
        options = self._options
        if options.require_called_ae_title and called != options.ae_title:
            return CALLED_AE_TITLE
        if not self._may_call(address, calling):
            return CALLING_AE_TITLE
        with self._lock:
            if self._closed:
                return SHUTTING_DOWN
            if self._associations.total() >= options.associations:
                return ASSOCIATIONS
            if self._associations[address] >= options.associations_per_peer:
                return ASSOCIATIONS_PER_PEER
            self._associations[address] += 1
        return None

    def _may_call(self, address: str, calling: str) -> bool:
        titles = self._options.allowed_calling_ae_titles
        if titles:
            return calling in titles
        return self._options.any_calling_ae_title or _is_loopback(address)


def _give_back(counter: Counter[str], address: str) -> None:
    counter[address] -= 1
    if counter[address] <= 0:
        del counter[address]


def _is_loopback(address: str) -> bool:
    parsed = ipaddress.ip_address(address)
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).is_loopback


class WorkInProgress:
    """Counts requests that are being served; `with` it while serving one."""

    def __init__(self) -> None:
        self._count = 0
        self._changed = threading.Condition()

    def __enter__(self) -> None:
        with self._changed:
            self._count += 1

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._count -= 1
            self._changed.notify_all()

    def wait_for_end(self, seconds: float) -> int:
        """Wait until nothing is in progress, at most `seconds`; return how many still are."""
        with self._changed:
            self._changed.wait_for(lambda: self._count == 0, seconds)
            return self._count
