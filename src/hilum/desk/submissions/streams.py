"""Server-sent events of one submission: every state it comes to, until nothing happens any more."""

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import orjson
from starlette.responses import Response

from hilum.desk.submissions.documents import submission_document
from hilum.domain.errors import InvalidQuery, SubmissionNotFound, TooManyReaders
from hilum.domain.submissions import (
    SUBMISSION_SETTLED,
    StudyId,
    SubmissionRecord,
    SubmissionStep,
)
from hilum.foundation.bell import Bell
from hilum.ports.submissions import SubmissionList
from hilum.wire.event_stream import BEAT, RETRY, EventStream, Gone, rest

_NUMBER: Final = re.compile("[0-9]{1,18}", re.ASCII)
_MANY: Final = 10
_STEPS: Final = 100
"""More than a round can have: each state comes once, and there are fewer."""


@dataclass(frozen=True, slots=True)
class StatusStreamOptions:
    """Plain values; defaults as in the settings of the section `events`."""

    clients: int = 100
    heartbeat_seconds: float = 15.0
    slow_seconds: float = 20.0
    lifetime_seconds: float = 3600.0
    poll_seconds: float = 1.0
    """How often to look for what other processes did."""
    pause_seconds: float = 0.05
    """Shortest time between two looks of one listener: files are noted faster than read of. Few
    listeners (below `_MANY`) look more often, and hear of a state the sooner."""


class StatusStreams:
    """All who listen in this process; close it before the HTTP server.

    `moved` rings when any submission has changed in this process.
    """

    def __init__(
        self,
        submissions: SubmissionList,
        moved: Bell,
        options: StatusStreamOptions | None = None,
    ) -> None:
        self._submissions = submissions
        self._moved = moved
        self._options = options or StatusStreamOptions()
        self._closing = asyncio.Event()
        self.open = 0
        """How many listen."""

    def close(self) -> None:
        """End all streams, so that a shutdown need not wait for them."""
        self._closing.set()

    async def answer(self, study_id: StudyId, last_event_id: str) -> Response:
        """The stream; nothing for a listener that has heard the end of a settled one.

        Raises `SubmissionNotFound`, `TooManyReaders`, and `InvalidQuery` for an id that is none of
        ours.
        """
        told = _told(last_event_id)
        if self.open >= self._options.clients:
            limit, allowed = "events.clients", self._options.clients
            raise TooManyReaders(limit, allowed, "As many listen as are allowed")
        record = await self._submissions.submission(study_id)
        if record is None:
            raise SubmissionNotFound("There is no upload with this study_id.")
        if record.state in SUBMISSION_SETTLED and told == _number(record.history, -1):
            return Response(status_code=204)
        return EventStream(
            partial(self._chunks, record, told), self._listening, self._options.slow_seconds
        )

    async def _chunks(
        self, record: SubmissionRecord, told: int | None, gone: Gone
    ) -> AsyncGenerator[bytes, None]:
        options = self._options
        ends = time.monotonic() + options.lifetime_seconds
        beat = time.monotonic() + options.heartbeat_seconds
        before: dict[str, Any] = {}
        yield RETRY
        while not (gone.done() or self._closing.is_set() or time.monotonic() >= ends):
            rung = self._moved.rung
            current = await self._submissions.submission(record.study_id)
            if current is None:
                return
            document = submission_document(current)
            if document != before:
                before = document
                for number, step in _news(current.history, told):
                    yield _event(number, submission_document(current, step))
                told = _number(current.history, -1)
                yield _event(told, document)
                beat = time.monotonic() + options.heartbeat_seconds
            if current.state in SUBMISSION_SETTLED:
                return
            if time.monotonic() >= beat:
                yield BEAT
                beat = time.monotonic() + options.heartbeat_seconds
            await asyncio.sleep(options.pause_seconds * min(self.open / _MANY, 1))
            left = min(self._poll_seconds, beat - time.monotonic(), ends - time.monotonic())
            await rest(self._moved.wait(rung, max(left, 0.0)), self._closing, gone)

    @property
    def _poll_seconds(self) -> float:
        """As told; where that is very often, many listeners look less often, but each second."""
        many = self._options.pause_seconds * self.open / _MANY
        return max(self._options.poll_seconds, min(many, 1.0))

    @contextmanager
    def _listening(self) -> Iterator[None]:
        self.open += 1
        try:
            yield
        finally:
            self.open -= 1


def _told(last_event_id: str) -> int | None:
    if not last_event_id.strip():
        return None
    if _NUMBER.fullmatch(last_event_id.strip()) is None:
        raise InvalidQuery("Last-Event-ID", "send back an `id` of this stream")
    return int(last_event_id)


def _number(history: Sequence[SubmissionStep], place: int) -> int:
    """A number for a line of a history: it grows, also when older lines are forgotten."""
    step = history[place]
    lines = history if place == -1 else history[: place + 1]
    return step.round * _STEPS + sum(each.round == step.round for each in lines)


def _news(
    history: Sequence[SubmissionStep], told: int | None
) -> Iterator[tuple[int, SubmissionStep]]:
    """The lines after the one that was told last, but the newest; none to whoever heard nothing."""
    if told is None:
        return
    for place in range(len(history) - 1):
        number = _number(history, place)
        if number > told:
            yield number, history[place]


def _event(number: int, document: dict[str, Any]) -> bytes:
    return b"id: %d\nevent: status\ndata: %b\n\n" % (number, orjson.dumps(document))
