"""Walking over the cache: how much it holds, and removing what is old or too much.

Nothing is remembered of single files, so that millions of them take no memory: a walk adds up bytes
by time of last use, and a second one removes what lies before the time that comes of it.
"""

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, NamedTuple

from hilum.adapters.storage.derived.files import DerivedFiles, on_disk, remove_folder
from hilum.adapters.storage.derived.layout import INCOMING, SHARDS

_STEPS: Final = 4096
"""Times of last use are told apart as finely as a part of the longest age in so many."""
_MARK_SECONDS: Final = 24 * 3600
"""How long a version that is gone is remembered: longer than any request that may draw it."""
_INCOMING_SECONDS: Final = 3600
"""Files that are still being written after this time never will be."""
_BREATH_FILES: Final = 256
_BREATH_SECONDS: Final = 0.001
"""A walk pauses for this long after so many files, so that it does not hold up requests."""


@dataclass(slots=True)
class Swept:
    """What a walk found and did."""

    objects: int = 0
    """Objects that are left, and their bytes."""
    size_bytes: int = 0
    by_age: int = 0
    by_size: int = 0
    """Objects that were removed, by reason."""


class Bounds(NamedTuple):
    """Bytes above which something is removed, and how many of them are left then."""

    most: int
    target: int


class _File(NamedTuple):
    path: str
    size: int
    used: float


class Sweeper:
    """Walks over the files of one cache, in a thread; `stop` ends a walk early."""

    def __init__(self, files: DerivedFiles, maximum_age_seconds: float) -> None:
        self._root = os.fspath(files.root)
        self._age = maximum_age_seconds
        self._step = maximum_age_seconds / _STEPS
        self.stop: Final = threading.Event()

    def __call__(self, bounds: Callable[[int], Bounds], now: float) -> Swept:
        """Remove what was not used for the longest age, and what is too much.

        `bounds` follow from the bytes that were found. What is above them goes in the order of last
        use. Raises `OSError` when the disk fails.
        """
        swept, by_time = self._count(now)
        self._clear_incoming(now)
        most, target = bounds(swept.size_bytes)
        if swept.size_bytes > most and not self.stop.is_set():
            self._shrink(swept, by_time, target, now)
        return swept

    def _count(self, now: float) -> "tuple[Swept, Counter[int]]":
        swept = Swept()
        by_time: Counter[int] = Counter()
        for file in self._walk(now):
            if now - file.used > self._age:
                swept.by_age += _unlinked(file.path)
                continue
            swept.objects += 1
            swept.size_bytes += file.size
            by_time[self._time_of(file, now)] += file.size
        return swept, by_time

    def _shrink(self, swept: Swept, by_time: "Counter[int]", target_bytes: int, now: float) -> None:
        excess = swept.size_bytes - target_bytes
        last, whole = 0, 0
        for step in sorted(by_time, reverse=True):
            last = step
            if whole + by_time[step] >= excess:
                break
            whole += by_time[step]
        of_last = excess - whole
        for file in self._walk(now):
            step = self._time_of(file, now)
            if step < last or (step == last and of_last <= 0):
                continue
            if step == last:
                of_last -= file.size
            if _unlinked(file.path):
                swept.by_size += 1
                swept.objects -= 1
                swept.size_bytes -= file.size

    def _time_of(self, file: _File, now: float) -> int:
        """Steps since the last use; 0 is the present, also for a clock that was put back."""
        return min(max(int((now - file.used) / self._step), 0), _STEPS)

    def _walk(self, now: float) -> Iterator[_File]:
        """Every object. Folders that are found empty, and old marks, are removed on the way."""
        seen = 0
        for shard in SHARDS:
            with suppress(FileNotFoundError), os.scandir(f"{self._root}/{shard}") as places:
                for place in places:
                    for file in self._of_version(place, now):
                        yield file
                        seen += 1
                        if seen % _BREATH_FILES == 0 and self.stop.wait(_BREATH_SECONDS):
                            return
            if self.stop.is_set():
                return

    def _of_version(self, place: "os.DirEntry[str]", now: float) -> Iterator[_File]:
        if not place.is_dir(follow_symlinks=False):
            with suppress(FileNotFoundError):
                if now - place.stat(follow_symlinks=False).st_mtime > _MARK_SECONDS:
                    _unlinked(place.path)
            return
        is_empty = True
        with suppress(FileNotFoundError), os.scandir(place.path) as files:
            for file in files:
                with suppress(FileNotFoundError):
                    facts = file.stat(follow_symlinks=False)
                    is_empty = False
                    yield _File(file.path, on_disk(facts.st_size), facts.st_mtime)
        if is_empty:
            with suppress(OSError):  # somebody puts something there now
                os.rmdir(place.path)  # noqa: PTH106 - no Path object is needed

    def _clear_incoming(self, now: float) -> None:
        with suppress(FileNotFoundError), os.scandir(f"{self._root}/{INCOMING}") as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    if entry.is_dir(follow_symlinks=False):
                        # A version that is gone; whoever moved it here may have died over it.
                        remove_folder(entry.path)
                    elif now - entry.stat(follow_symlinks=False).st_mtime > _INCOMING_SECONDS:
                        _unlinked(entry.path)


def _unlinked(path: str) -> bool:
    """Remove a file; False when it was gone."""
    try:
        os.unlink(path)  # noqa: PTH108 - as above
    except FileNotFoundError:
        return False
    return True
