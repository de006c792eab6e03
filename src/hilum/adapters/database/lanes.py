"""Threads that own the connections: one that writes, a few that read; the event loop awaits them.

A lane takes work from one queue. Each of its threads has a connection of its own, opened when first
needed and opened anew after an error that may have broken it, so an outage heals by itself.
A write that was queued is finished even when its caller is cancelled; a question that nobody waits
for any more is not asked.
"""

import asyncio
import math
import queue
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from hilum.adapters.database.connections import Connection, Deadline, Dialect
from hilum.domain.errors import ArchiveUnavailable, HilumError, QueryTooCostly, ShuttingDown

T = TypeVar("T")

_IDLE_SECONDS: Final = 0.5
_PAUSES: Final = (0.01, 0.05, 0.2, 0.5)
"""Longest waits before a transaction is tried again whose like another process was just doing."""


@dataclass(slots=True)
class _Task:
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[Any]"
    work: Callable[[Connection], Any]
    begun: bool = False


def count_nothing(_limit: str) -> None:
    """For those who do not care about limits."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How many calls may wait in a lane, how long a question waits for its turn, and who is told.

    `limited` gets the name of the setting whenever a call runs into a limit.
    """

    calls: int = 2000
    seconds: float = 15.0
    limited: Callable[[str], None] = count_nothing


USUAL_PATIENCE: Final = Patience()


class Lane:
    """What all lanes share: the queue, the hand-over, the error translation.

    Work waits `waiting_seconds` at most for its turn; without a bound when it must not be lost.
    `limited` is told the name of the setting whenever a call runs into a limit.
    """

    def __init__(
        self,
        workers: "Sequence[Worker]",
        max_waiting: int,
        waiting_seconds: float = math.inf,
        limited: Callable[[str], None] = count_nothing,
    ) -> None:
        self._workers = workers
        self._max_waiting = max_waiting
        self._waiting_seconds = waiting_seconds
        self._limited = limited
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._open = False

    def start(self) -> None:
        self._open = True
        for worker in self._workers:
            worker.start(self._tasks)

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on one of the lane's connections and return what it returns.

        Raises `ArchiveUnavailable` when too many wait already or its turn did not come in time,
        `ShuttingDown` after `close`.
        """
        if not self._open:
            raise ShuttingDown("The archive's database is closed.")
        if self._tasks.qsize() >= self._max_waiting:
            self._limited("database.waiting_calls")
            raise ArchiveUnavailable("The archive is not available: too many calls wait for it.")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        task = _Task(loop, future, work)
        self._tasks.put(task)
        timer = None
        if self._waiting_seconds != math.inf:
            timer = loop.call_later(self._waiting_seconds, self._give_up, task)
        try:
            return await future
        except QueryTooCostly:
            self._limited("database.statement_seconds")
            raise
        finally:
            if timer is not None:
                timer.cancel()

    def _give_up(self, task: _Task) -> None:
        if task.begun or task.future.done():
            return
        self._limited("database.statement_seconds")
        text = f"its turn did not come within {self._waiting_seconds:g} s"
        _fail(task.future, ArchiveUnavailable(f"The archive is not available: {text}."))

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
            if not self._is_wanted(task):
                continue
            task.begun = True
            try:
                result = self.perform(task.work)
            except BaseException as error:  # noqa: BLE001 (handed to the caller, whatever it is)
                _hand_over(task.loop, _fail, task.future, error)
            else:
                _hand_over(task.loop, _succeed, task.future, result)
        self.disconnect()

    def _is_wanted(self, _task: _Task) -> bool:
        return True

    def _next(self, tasks: "queue.SimpleQueue[_Task | None]") -> _Task | None:
        return tasks.get()

    def perform(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on the connection, on the calling thread. Raises the facts behind errors."""
        try:
            if self._connection is not None and self._dialect.is_stale(self._connection):
                self.disconnect()
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
                self.disconnect()
            raise fact from error

    def _attempt(self, connection: Connection, work: Callable[[Connection], T]) -> T:
        return work(connection)

    def _connect(self) -> Connection:
        return self._dialect.connect_writer()

    def disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


class Reader(Worker):
    """Answers questions, each within a time limit."""

    def __init__(self, name: str, dialect: Dialect, limit_seconds: float) -> None:
        super().__init__(name, dialect)
        self._limit_seconds = limit_seconds
        self._deadline = Deadline()

    def _is_wanted(self, task: _Task) -> bool:
        return not task.future.done()

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
                self.rest()
        return tasks.get()

    def rest(self) -> None:
        """Let the database use a pause, once after the last work."""
        if self._rested:
            return
        self._rested = True
        if self._connection is not None:
            try:
                self._dialect.rest(self._connection)
            except Exception:  # noqa: BLE001 (the next piece of work finds out and tells)
                self.disconnect()

    def _attempt(self, connection: Connection, work: Callable[[Connection], T]) -> T:
        for pause in _PAUSES:
            try:
                return self._transact(connection, work)
            except Exception as error:
                if self._connection is None or not self._dialect.is_passing(error):
                    raise
                time.sleep(random.uniform(0, pause))  # noqa: S311 (no secret)
        return self._transact(connection, work)

    def _transact(self, connection: Connection, work: Callable[[Connection], T]) -> T:
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
            self.disconnect()


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
