"""Threads that own the connections: one that writes, a few that read; the event loop awaits them.

A lane takes work from one queue. Each of its threads has a connection of its own, opened when first
needed and opened anew after an error that may have broken it, so an outage heals by itself.
Cancelling a caller does not undo work that was queued: it is finished and its result dropped.
"""

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from hilum.adapters.database.connections import Connection, Deadline, Dialect
from hilum.domain.errors import ArchiveUnavailable, HilumError, QueryTooCostly, ShuttingDown

T = TypeVar("T")
_Task = tuple[asyncio.AbstractEventLoop, "asyncio.Future[Any]", Callable[[Connection], Any]]

_IDLE_SECONDS: Final = 0.5


class Lane:
    """What both kinds of lane share: the queue, the hand-over, the error translation."""

    def __init__(self, workers: "Sequence[Worker]", max_waiting: int) -> None:
        self._workers = workers
        self._max_waiting = max_waiting
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._open = False

    def start(self) -> None:
        self._open = True
        for worker in self._workers:
            worker.start(self._tasks)

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on one of the lane's connections and return what it returns.

        Raises `ArchiveUnavailable` when too many wait already, `ShuttingDown` after `close`.
        """
        if not self._open:
            raise ShuttingDown("The archive's database is closed.")
        if self._tasks.qsize() >= self._max_waiting:
            raise ArchiveUnavailable("The archive is not available: too many calls wait for it.")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._tasks.put((loop, future, work))
        return await future

    async def close(self) -> None:
        """Finish what was queued and close the connections."""
        if not self._open:
            return
        self._open = False
        for _ in self._workers:
            self._tasks.put(None)
        for worker in self._workers:
            await asyncio.to_thread(worker.join)


class Worker:
    """One thread and its connection."""

    def __init__(self, name: str, dialect: Dialect) -> None:
        self._name = name
        self._dialect = dialect
        self._connection: Connection | None = None
        self._thread: threading.Thread | None = None

    def start(self, tasks: "queue.SimpleQueue[_Task | None]") -> None:
        self._thread = threading.Thread(
            target=self._serve, args=(tasks,), name=self._name, daemon=True
        )
        self._thread.start()

    def join(self) -> None:
        if self._thread is not None:
            self._thread.join()

    def _serve(self, tasks: "queue.SimpleQueue[_Task | None]") -> None:
        while (task := self._next(tasks)) is not None:
            loop, future, work = task
            try:
                result = self._run(work)
            except BaseException as error:  # noqa: BLE001 (handed to the caller, whatever it is)
                _hand_over(loop, _fail, future, error)
            else:
                _hand_over(loop, _succeed, future, result)
        self._disconnect()

    def _next(self, tasks: "queue.SimpleQueue[_Task | None]") -> _Task | None:
        return tasks.get()

    def _run(self, work: Callable[[Connection], T]) -> T:
        try:
            if self._connection is None:
                self._connection = self._connect()
            return self._attempt(self._connection, work)
        except HilumError:
            raise
        except Exception as error:
            fact = self._dialect.translate(error)
            if fact is None:
                raise
            if not isinstance(fact, QueryTooCostly):
                self._disconnect()
            raise fact from error

    def _attempt(self, connection: Connection, work: Callable[[Connection], T]) -> T:
        return work(connection)

    def _connect(self) -> Connection:
        return self._dialect.connect_writer()

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


class Reader(Worker):
    """Answers questions, each within a time limit."""

    def __init__(self, name: str, dialect: Dialect, limit_seconds: float) -> None:
        super().__init__(name, dialect)
        self._limit_seconds = limit_seconds
        self._deadline = Deadline()

    def _connect(self) -> Connection:
        self._deadline.at = None
        return self._dialect.connect_reader(self._deadline)

    def _attempt(self, connection: Connection, work: Callable[[Connection], T]) -> T:
        self._deadline.at = time.monotonic() + self._limit_seconds
        return work(connection)


class Writer(Worker):
    """Runs each piece of work as one transaction, and lets the database rest in pauses."""

    def __init__(self, name: str, dialect: Dialect) -> None:
        super().__init__(name, dialect)
        self._rested = True

    def _next(self, tasks: "queue.SimpleQueue[_Task | None]") -> _Task | None:
        if not self._rested:
            try:
                return tasks.get(timeout=_IDLE_SECONDS)
            except queue.Empty:
                self._rest()
        return tasks.get()

    def _rest(self) -> None:
        self._rested = True
        if self._connection is not None:
            try:
                self._dialect.rest(self._connection)
            except Exception:  # noqa: BLE001 (the next piece of work finds out and tells)
                self._disconnect()

    def _attempt(self, connection: Connection, work: Callable[[Connection], T]) -> T:
        connection.execute(self._dialect.begin)
        self._rested = False
        try:
            result = work(connection)
            connection.commit()
        except BaseException:
            self._roll_back(connection)
            raise
        return result

    def _roll_back(self, connection: Connection) -> None:
        """End the transaction, were it by ending the connection: some errors did it already."""
        try:
            connection.rollback()
        except Exception:  # noqa: BLE001 (the first error is the one to tell)
            self._disconnect()


def _hand_over(
    loop: asyncio.AbstractEventLoop,
    settle: Callable[["asyncio.Future[Any]", Any], None],
    future: "asyncio.Future[Any]",
    outcome: object,
) -> None:
    try:
        loop.call_soon_threadsafe(settle, future, outcome)
    except RuntimeError:
        return  # the loop is closed: nobody waits any more


def _succeed(future: "asyncio.Future[Any]", result: object) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: "asyncio.Future[Any]", error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
