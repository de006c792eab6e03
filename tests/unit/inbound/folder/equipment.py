"""A pipeline that remembers, and files worth importing."""

import hashlib
import itertools
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hilum.domain.identifiers import Version
from hilum.domain.instances import Arrival, Disposition, InMemory, Outcome, StorePolicy
from hilum.domain.origins import Door, Origin
from hilum.inbound.folder.importing import ImportFiles, ImportRequest
from hilum.inbound.folder.ledger import Ledger
from hilum.inbound.folder.report import ImportReport


@dataclass
class RememberingIngest:
    """Keeps bytes once; answers by what they start with, or by what a test tells it to."""

    held: list[bytes] = field(default_factory=list)
    seen: int = 0
    answer: Callable[[bytes], Outcome | None] = lambda _data: None

    async def __call__(self, arrival: Arrival) -> Outcome:
        self.seen += 1
        content = arrival.content
        data = content.data if isinstance(content, InMemory) else content.path.read_bytes()
        assert len(data) == content.size_bytes
        told = self.answer(data)
        if told is not None:
            return told
        disposition = Disposition.ALREADY_HELD if data in self.held else Disposition.CREATED
        if data not in self.held:
            self.held.append(data)
        version = Version(self.held.index(data) + 1)
        return Outcome(disposition, version=version, dataset_sha256=_digest(data))

    async def digests(self, versions: Sequence[Version]) -> Mapping[Version, tuple[bytes, bytes]]:
        return {
            version: (b"", _digest(self.held[version - 1]))
            for version in versions
            if version <= len(self.held)
        }


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


@dataclass
class FolderSpool:
    """A spool in a folder; remembers how large its files grew."""

    folder: Path
    spooled: list[int] = field(default_factory=list)
    _names: "itertools.count[int]" = field(default_factory=itertools.count)

    @asynccontextmanager
    async def create(self) -> AsyncIterator["FolderSpoolFile"]:
        file = FolderSpoolFile(self.folder / str(next(self._names)))
        try:
            yield file
        finally:
            self.spooled.append(file.size_bytes)
            file.path.unlink(missing_ok=True)


@dataclass
class FolderSpoolFile:
    path: Path
    size_bytes: int = 0

    async def write(self, data: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(data)
        self.size_bytes += len(data)

    async def finish(self) -> int:
        return self.size_bytes


@dataclass
class Importer:
    """Imports paths as `hilum import` does."""

    folder: Path
    ingest: RememberingIngest = field(default_factory=RememberingIngest)
    pauses: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.folder / "spool").mkdir()
        self.spool = FolderSpool(self.folder / "spool")

    async def __call__(self, *paths: Path, **options: object) -> ImportReport:
        files = ImportFiles(self.ingest, self.spool, self.ingest, pause=self._pause, **options)  # type: ignore[arg-type]
        with Ledger(self.folder / "ledger") as ledger:
            return await files(
                ImportRequest(
                    paths,
                    Origin(Door.IMPORT, "test"),
                    StorePolicy("standard"),
                    ledger,
                )
            )

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
