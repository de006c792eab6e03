"""Files that were received and are not archived, or not yet: uploads and quarantine."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from hilum.domain.instances import Content, Spooled


@dataclass(frozen=True, slots=True)
class Held:
    """A file in the holding."""

    place: str
    size_bytes: int
    since: datetime


class Holding(Protocol):
    """A folder that all processes of a deployment share.

    A place is `NAME/NUMBER`: NAME of 1 to 64 characters of a-z 0-9 and hyphens, NUMBER decimal.
    A lack of space raises `ArchiveFull`, an outage `ArchiveUnavailable`.
    """

    async def keep(self, place: str, content: Content) -> None:
        """Keep `content` under `place`, replacing what lies there; durable on return.

        A `Spooled` content's file is taken (moved) where it can be.
        """
        ...

    def take(self, place: str) -> AbstractAsyncContextManager[Spooled]:
        """A second name of the file in the spool, which may be moved away; what is held stays.

        Raises `ObjectMissing` when nothing is held there.
        """
        ...

    def path(self, place: str) -> Path:
        """Where it lies, for reading only."""
        ...

    async def discard(self, place: str) -> None:
        """Free its space; an unknown place is no error."""
        ...

    def turn(self, name: str) -> AbstractAsyncContextManager[None]:
        """Nobody else, in any process, is inside for the same name.

        No two turns may be nested. Whoever dies inside leaves it.
        """
        ...

    def list(self) -> AsyncIterator[Held]:
        """Yield everything held, in no promised order."""
        ...
