"""Where instances may go and come from: the operator's list, so that no request reaches others."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from hilum.domain.transfers import PlaceKind, PlaceNotAllowed, TransferPlace

_ANY_LABEL = "*."


@dataclass(frozen=True, slots=True)
class Allowed:
    """`places` are URLs that a place's own must begin with; `*.` stands for one label of a host.

    A folder must lie below one of `folders`, links followed.
    """

    places: Sequence[str] = ()
    folders: Sequence[Path] = ()

    def demand(self, place: TransferPlace) -> None:
        """Raise `PlaceNotAllowed`, which says how an operator allows it.

        The links of a folder are looked at where they lie, which may take its time.
        """
        if place.kind is PlaceKind.FOLDER:
            self._demand_folder(place)
        elif not any(_covers(urlsplit(each), urlsplit(str(place))) for each in self.places):
            message = (
                f"Nothing may be exported to or imported from {place}: an operator allows it by "
                "the setting transfers.places."
            )
            raise PlaceNotAllowed(message)

    def _demand_folder(self, place: TransferPlace) -> None:
        # The same path with its links followed, so that none of them leads out.
        folder = Path(os.path.realpath(Path(place.url, *place.prefix.split("/"))))
        if not any(folder.is_relative_to(os.path.realpath(root)) for root in self.folders):
            message = (
                "Nothing may be exported to or imported from this folder: an operator allows it "
                "by the setting transfers.folders."
            )
            raise PlaceNotAllowed(message)


def _covers(allowed: SplitResult, asked: SplitResult) -> bool:
    path, below = allowed.path.rstrip("/"), asked.path.rstrip("/")
    return (
        allowed.scheme == asked.scheme
        and _is_host(allowed.hostname or "", asked.hostname or "")
        and allowed.port == asked.port
        and (below == path or below.startswith(f"{path}/"))
    )


def _is_host(pattern: str, host: str) -> bool:
    if not pattern.startswith(_ANY_LABEL):
        return pattern == host
    return host.partition(".")[2] == pattern.removeprefix(_ANY_LABEL)
