"""Notes about objects being written, in an append-only file for each process.

A note is one `write` that the kernel has once it returned, so a killed process cannot take it
along; nothing waits for the disk. What ended is noted together with the next beginning. After a
power failure a note may be missing: its object is then an orphan without a row, which no reader
sees and `hilum fsck` finds.
"""

import errno
import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from hilum.adapters.storage.faults import archive_fault
from hilum.adapters.storage.process_folder import AbandonedFolder, ProcessFolder, abandoned
from hilum.adapters.storage.system import FILE_MODE
from hilum.domain.identifiers import ObjectKey, object_key, parse_object_key

_NOTES: Final = "notes"
_COMPACT_BYTES: Final = 256 << 10
_BEGUN: Final = b"+"
_ENDED: Final = b"-"


class FileIntents:
    """Write intents below `folder`. Its methods may be called from any thread."""

    def __init__(self, folder: Path) -> None:
        try:
            self._found = list(abandoned(folder))
            self._own = ProcessFolder(folder)
            self._path = self._own.path / _NOTES
            self._fd = _open_notes(self._path)
        except OSError as error:
            raise archive_fault(error, "opening the notes of writes") from error
        self._lock = threading.Lock()
        self._open: set[ObjectKey] = set()
        self._ended: list[bytes] = []
        self._size = 0

    @property
    def folder(self) -> Path:
        """The folder of these notes, held until `close`."""
        return self._own.path

    def close(self) -> None:
        """Remove the notes, unless some write is not settled: then the next start settles it."""
        with self._lock:
            if self._open:
                with suppress(OSError):
                    _append(self._fd, b"".join(self._ended))
                self._own.leave()
            else:
                self._own.close()
            os.close(self._fd)
        for folder in self._found:
            folder.release()
        self._found.clear()

    def begin(self, key: ObjectKey) -> None:
        """See `WriteIntents.begin`. Raises `ArchiveFull` or `ArchiveUnavailable`."""
        with self._lock:
            ended, self._ended = self._ended, []
            try:
                self._size += _append(self._fd, b"".join((*ended, _note(_BEGUN, key))))
            except OSError as error:
                raise archive_fault(error, "noting a write") from error
            self._open.add(key)
            if self._size >= _COMPACT_BYTES:
                self._size = 0
                with suppress(OSError):  # the old notes are as good, only longer
                    self._compact()

    def end(self, key: ObjectKey) -> None:
        """See `WriteIntents.end`; never fails.

        A note that a crash takes along only costs the next start a look at a settled key.
        """
        with self._lock:
            self._open.discard(key)
            self._ended.append(_note(_ENDED, key))

    def unfinished(self) -> list[ObjectKey]:
        """See `WriteIntents.unfinished`."""
        return [key for folder in self._found for key in _unsettled(folder)]

    def forget_unfinished(self) -> None:
        """See `WriteIntents.forget_unfinished`."""
        for folder in self._found:
            folder.remove()
        self._found.clear()

    def _compact(self) -> None:
        """Begin a new file with what is not settled; a crash leaves the old one or the new one."""
        fresh_path = self._path.with_suffix(".new")
        with suppress(FileNotFoundError):
            fresh_path.unlink()
        fresh = _open_notes(fresh_path)
        try:
            _append(fresh, b"".join(_note(_BEGUN, key) for key in self._open))
            fresh_path.rename(self._path)
        except OSError:
            os.close(fresh)
            raise
        os.close(self._fd)
        self._fd = fresh


def _note(mark: bytes, key: ObjectKey) -> bytes:
    # The leading line feed parts this note from one that a full disk cut short.
    return b"\n%b%b\n" % (mark, key.encode())


def _append(fd: int, notes: bytes) -> int:
    """Write all or raise `OSError`: a disk that fills up takes a part of what it is given."""
    if os.write(fd, notes) < len(notes):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return len(notes)


def _open_notes(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, FILE_MODE)


def _unsettled(folder: AbandonedFolder) -> Sequence[ObjectKey]:
    try:
        notes = (folder.path / _NOTES).read_bytes()
    except FileNotFoundError:
        return ()
    open_keys: dict[ObjectKey, None] = {}
    for line in notes.splitlines():
        key = _key(line[1:])
        if key is not None and line[:1] == _BEGUN:
            open_keys[key] = None
        elif key is not None and line[:1] == _ENDED:
            open_keys.pop(key, None)
    return tuple(open_keys)


def _key(text: bytes) -> ObjectKey | None:
    """The key in a note; None for a note that was cut short."""
    try:
        key = object_key(*parse_object_key(text.decode()))
    except ValueError:
        return None
    return key if key.encode() == text else None
