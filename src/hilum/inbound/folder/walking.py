"""The walk: from the paths a person named to candidates, in a stable order, one at a time."""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hilum.inbound.folder.candidates import (
    Candidate,
    Skip,
    Skipped,
    identity,
    nothing,
    what_the_system_says,
)
from hilum.inbound.folder.dicomdir import referenced_files
from hilum.inbound.folder.zip_members import zip_candidates
from hilum.ingest.sniffing import looks_like_zip
from hilum.ingest.zip_files import ZipLimits

_OPEN_ONLY = os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0)


@dataclass(slots=True)
class Walk:
    """Iterates over everything below some paths.

    Links are followed, a folder is entered once however many links lead to it (loops end), and
    only regular files are opened: a pipe or a device would hold the import up for ever.
    """

    paths: Sequence[Path]
    zip_limits: ZipLimits = field(default_factory=ZipLimits)
    _entered: set[tuple[int, int]] = field(default_factory=set, init=False)

    def __iter__(self) -> Iterator[Candidate | Skipped]:
        for path in self.paths:
            yield from self._from(path.absolute())

    def _from(self, start: Path) -> Iterator[Candidate | Skipped]:
        """Walk without recursion: a deep tree must not end the import."""
        folders: list[Path] = []
        yield from self._met(start, folders, named=True)
        while folders:
            folder = folders.pop()
            try:
                paths = sorted(folder.iterdir())
            except OSError as error:
                yield Skipped(str(folder), Skip.UNREADABLE, what_the_system_says(error))
                continue
            inner: list[Path] = []
            for path in paths:
                yield from self._met(path, inner, named=False)
            folders.extend(reversed(inner))

    def _met(
        self, path: Path, folders: list[Path], *, named: bool
    ) -> Iterator[Candidate | Skipped]:
        """Yield what a path holds; a folder seen for the first time is put into `folders`."""
        try:
            status = path.stat()
        except OSError as error:
            yield Skipped(str(path), Skip.UNREADABLE, what_the_system_says(error))
            return
        if stat.S_ISDIR(status.st_mode):
            if (key := (status.st_dev, status.st_ino)) not in self._entered:
                self._entered.add(key)
                folders.append(path)
        elif not stat.S_ISREG(status.st_mode):
            yield Skipped(str(path), Skip.NOT_DICOM, "not a regular file")
        elif path.name.upper() == "DICOMDIR":
            yield from self._dicomdir(path, status, named=named)
        else:
            yield from self._file(path, status, named=named)

    def _dicomdir(
        self, path: Path, status: os.stat_result, *, named: bool
    ) -> Iterator[Candidate | Skipped]:
        if not named:
            reason = "DICOMDIR: the walk finds what it refers to"
            yield Skipped(str(path), Skip.INDEX_FILE, reason, status.st_size)
            return
        for found in referenced_files(path):
            if isinstance(found, Skipped):
                yield found
            else:
                # A reference to a folder or to the DICOMDIR itself yields nothing to follow.
                yield from self._met(found, [], named=found.name.upper() != "DICOMDIR")

    def _file(
        self, path: Path, status: os.stat_result, *, named: bool
    ) -> Iterator[Candidate | Skipped]:
        try:
            head = _head(path)
        except OSError as error:
            yield Skipped(str(path), Skip.UNREADABLE, what_the_system_says(error), status.st_size)
            return
        if looks_like_zip(head):
            yield from zip_candidates(path, self.zip_limits)
            return
        yield Candidate(
            name=str(path),
            identity=identity(str(path), status.st_size, status.st_mtime_ns),
            weight_bytes=status.st_size,
            named=named,
            open=lambda: path.open("rb"),
            release=nothing,
        )


def _head(path: Path) -> bytes:
    descriptor = os.open(path, _OPEN_ONLY)
    try:
        return os.read(descriptor, 4)
    finally:
        os.close(descriptor)


@dataclass(slots=True)
class Survey:
    """How much there is, counted beside the import so that the remaining time can be told."""

    files: int = 0
    size_bytes: int = 0
    finished: bool = False
    stopped: bool = False

    def run(self, paths: Sequence[Path]) -> None:
        """Count regular files and their bytes; returns early when `stopped` is set."""
        entered: set[tuple[int, int]] = set()
        folders: list[Path] = []
        for path in paths:
            self._met(path.absolute(), entered, folders)
        while folders and not self.stopped:
            folder = folders.pop()
            try:
                with os.scandir(folder) as entries:
                    for entry in entries:
                        self._met(entry, entered, folders)
            except OSError:
                continue  # the walk meets it too and reports it
        self.finished = not self.stopped

    def _met(
        self,
        path: Path | os.DirEntry[str],
        entered: set[tuple[int, int]],
        folders: list[Path],
    ) -> None:
        try:
            status = path.stat()
        except OSError:
            return
        if stat.S_ISREG(status.st_mode):
            self.files += 1
            self.size_bytes += status.st_size
        elif stat.S_ISDIR(status.st_mode) and (status.st_dev, status.st_ino) not in entered:
            entered.add((status.st_dev, status.st_ino))
            folders.append(Path(path))
