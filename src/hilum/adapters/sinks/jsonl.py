"""Events to a file of JSON lines, for people, log shippers and systems without a broker.

One line is one event: `event_id`, `type`, `key`, `sequence`, `time`, `correlation_id`, `headers`
and `body`. The lines of one `send` are synced to the disk before it returns. A file that has
reached `rotate_bytes` is renamed to `NAME.<time of the rename>.jsonl` beside it and never written
again; old files are kept unless `keep_files` bounds them. What a crash left of a line at the end
is removed at the next start: it was never acknowledged, and its event is sent again.

One process writes a file at a time (a lock on it says so); the folder must be writable.
"""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Final

import orjson
import structlog

from hilum.domain.errors import SinkUnavailable
from hilum.domain.events import Event, Rejected, ToldEvent
from hilum.foundation.tasks import note_error

log = structlog.get_logger()

_STEP_BYTES: Final = 64 << 10
_LINES_AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True)
class JsonLinesOptions:
    """Plain values; defaults as in the settings."""

    path: Path
    rotate_bytes: int = 256 << 20
    keep_files: int = 0
    """Renamed files that are kept, the newest; 0 is all."""


class JsonLinesSink:
    """`EventSink`."""

    def __init__(
        self,
        name: str,
        options: JsonLinesOptions,
        sync: Callable[[int], None] = os.fsync,
    ) -> None:
        self._where = f"file sink {name!r}"
        self._options = options
        self._sync = sync
        self._file: int | None = None
        self._size = 0
        self._turn = asyncio.Lock()
        self._working: asyncio.Task[None] | None = None

    async def open(self) -> None:
        await self._in_turn(self._opened)

    async def send(self, events: Sequence[Event]) -> Sequence[Rejected]:
        lines = b"".join(_line(event) for event in events)
        if lines:
            await self._in_turn(lambda: self._append(lines))
        return ()

    async def close(self) -> None:
        await self._in_turn(self._closed)

    async def told(self, types: Collection[str]) -> AsyncIterator[ToldEvent]:
        """See `RemembersEvents`; files that were removed are not there."""
        path = self._options.path
        files = [*sorted(path.parent.glob(f"{path.stem}.*Z{path.suffix}")), path]
        lines = (line for file in files if file.exists() for line in _whole_lines(file))
        try:
            while some := await asyncio.to_thread(lambda: list(islice(lines, _LINES_AT_ONCE))):
                for told in map(orjson.loads, some):
                    if told["type"] in types:
                        yield ToldEvent(
                            told["event_id"], told["type"], told["key"], told["sequence"]
                        )
        except (OSError, orjson.JSONDecodeError, KeyError) as error:
            message = f"{self._where}: {path} cannot be read back: {type(error).__name__}."
            raise SinkUnavailable(message) from error

    async def _in_turn(self, work: Callable[[], object]) -> None:
        """Work in a thread, behind the one that a cancelled call may have left at work."""
        async with self._turn:
            if self._working is not None:
                await asyncio.wait([self._working])
            self._working = asyncio.create_task(asyncio.to_thread(self._guarded, work))
            self._working.add_done_callback(note_error)
            await asyncio.shield(self._working)

    def _guarded(self, work: Callable[[], object]) -> None:
        try:
            work()
        except OSError as error:
            self._closed()
            reason = error.strerror or type(error).__name__
            message = f"{self._where}: {self._options.path} cannot be written: {reason}."
            raise SinkUnavailable(message) from error

    def _append(self, lines: bytes) -> None:
        if self._file is not None and _moved(self._file, self._options.path):
            self._closed()
        file = self._opened()
        self._size = os.fstat(file).st_size  # somebody may have emptied it, as logrotate can
        try:
            _write(file, lines)
            self._sync(file)
        except OSError:
            # The lines are sent again; without this there could be half a line in the middle.
            with suppress(OSError):
                os.ftruncate(file, self._size)
            raise
        self._size += len(lines)
        if self._size >= self._options.rotate_bytes:
            try:
                self._rotate()
            except OSError as error:
                # The lines are safe: failing here would have them sent, and written, again.
                log.warning("sink_file_not_rotated", sink=self._where, reason=error.strerror)

    def _opened(self) -> int:
        if self._file is not None:
            return self._file
        path = self._options.path
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        try:
            _lock(file, path)
            self._size = self._mended(file)
            _sync_folder(path.parent)
        except BaseException:
            os.close(file)
            raise
        self._file = file
        return file

    def _mended(self, file: int) -> int:
        size = os.fstat(file).st_size
        whole = _end_of_last_line(file, size)
        if whole < size:
            os.ftruncate(file, whole)
            self._sync(file)
            log.warning("sink_line_repaired", sink=self._where, removed_bytes=size - whole)
        return whole

    def _rotate(self) -> None:
        path = self._options.path
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        path.rename(path.with_name(f"{path.stem}.{now}{path.suffix}"))
        self._closed()
        _sync_folder(path.parent)
        if self._options.keep_files:
            old = sorted(path.parent.glob(f"{path.stem}.*Z{path.suffix}"))
            for each in old[: -self._options.keep_files]:
                each.unlink(missing_ok=True)

    def _closed(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            os.close(file)


def _line(event: Event) -> bytes:
    body = event.body
    if b"\n" in body:
        body = orjson.dumps(orjson.loads(body))
    return orjson.dumps(
        {
            "event_id": event.event_id,
            "type": event.type,
            "key": event.key,
            "sequence": event.sequence,
            "time": event.time.isoformat(),
            "correlation_id": event.correlation_id,
            "headers": dict(event.headers),
            "body": orjson.Fragment(body),
        },
        option=orjson.OPT_APPEND_NEWLINE,
    )


def _whole_lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from (line for line in file if line.endswith(b"\n"))


def _lock(file: int, path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        message = "another process writes to it"
        raise OSError(11, message, str(path)) from None


def _moved(file: int, path: Path) -> bool:
    """Somebody renamed or removed the file, as logrotate does."""
    try:
        return not os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return True


def _write(file: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(file, left) :]


def _end_of_last_line(file: int, size: int) -> int:
    """The size the file has without what follows its last line feed."""
    end = size
    while end > 0:
        start = max(0, end - _STEP_BYTES)
        found = os.pread(file, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _sync_folder(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
