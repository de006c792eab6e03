"""Where a follower is in the feed, and whether it is still its turn."""

from collections.abc import Callable, Sequence

import structlog

from hilum.domain.delivery import DeadLetter, Subscription, SubscriptionState
from hilum.foundation.clock import Clock
from hilum.ports.delivery import Progress, Subscriptions

_log = structlog.get_logger()


class TurnEnded(Exception):
    """The cursor was moved or taken over, the follower paused or removed, or the process stops."""


class Place:
    """A follower's row: taken by a new epoch, looked at every `poll_seconds`, saved now and then.

    Saving after somebody else took over or moved the cursor does nothing but end the turn, so a
    process that was held up cannot put a cursor back.
    """

    def __init__(
        self,
        name: str,
        subscriptions: Subscriptions,
        clock: Clock,
        *,
        poll_seconds: float,
        cursor_seconds: float,
        may_go_on: Callable[[], bool],
    ) -> None:
        self._name = name
        self._subscriptions = subscriptions
        self._clock = clock
        self._poll_seconds = poll_seconds
        self._cursor_seconds = cursor_seconds
        self._may_go_on = may_go_on
        self._row: Subscription | None = None
        self._cursor = 0
        self._sent = 0
        self._looked = 0.0
        self._saved = 0.0
        self._is_saved = True

    @property
    def cursor(self) -> int:
        return self._cursor

    @property
    def is_saved(self) -> bool:
        return self._is_saved

    async def take(self) -> bool:
        """Have the row, and know it to be fresh; False when it is paused. Raises `LookupError`."""
        if self._row is None:
            self._row = await self._subscriptions.take(self._name)
            self._cursor, self._sent, self._is_saved = self._row.cursor, 0, True
            self._looked = self._saved = self._clock.monotonic()
            _log.info("subscription_taken", subscription=self._name, cursor=self._cursor)
        await self.look()
        return self._row.state is SubscriptionState.RUNNING

    async def look(self) -> bool:
        """Raise `TurnEnded` when it is not our turn any more; asks the database when it is time.

        True when somebody wants a sink that is down to be tried at once.
        """
        if not self._may_go_on():
            raise TurnEnded
        now = self._clock.monotonic()
        if now - self._looked < self._poll_seconds or self._row is None:
            return False
        found = await self._subscriptions.get(self._name)
        self._looked = now
        if found is None or found.epoch != self._row.epoch:
            raise self._ended()
        if found.state is not self._row.state:
            await self.save(at_once=True)
            raise self._ended()
        return found.next_attempt is None

    @property
    def looked(self) -> float:
        """When the database was asked last (monotonic)."""
        return self._looked

    def moved_to(self, sequence: int, sent: int = 0) -> None:
        self._cursor = sequence
        self._sent += sent
        self._is_saved = False

    async def save(self, *, at_once: bool = False) -> None:
        """Save the cursor when it moved and it is time, or at once."""
        now = self._clock.monotonic()
        if self._is_saved or not (at_once or now - self._saved >= self._cursor_seconds):
            return
        progress = self.progress(self._cursor)
        if not await self._subscriptions.save(progress):
            raise self._ended()
        self.saved(progress)

    async def reject(self, sequence: int, sent: int, letters: Sequence[DeadLetter]) -> None:
        """File dead letters and move to `sequence` in one step; when that fails, neither."""
        progress = self.progress(sequence, sent)
        if not await self._subscriptions.reject(progress, letters):
            raise self._ended()
        self.saved(progress)

    def progress(self, sequence: int, sent: int = 0) -> Progress:
        """What is to be saved once all up to `sequence` is done with."""
        epoch = -1 if self._row is None else self._row.epoch
        return Progress(self._name, epoch, sequence, self._sent + sent)

    def saved(self, progress: Progress) -> None:
        """The cursor was moved and saved."""
        self._cursor = progress.cursor
        self._saved, self._sent, self._is_saved = self._clock.monotonic(), 0, True

    async def give_up(self) -> None:
        """Save what is not saved, unless somebody else took over, and leave."""
        if self._row is not None:
            await self.save(at_once=True)
        self.leave()

    def leave(self) -> None:
        """Forget the row; the next `take` begins a new turn."""
        self._row = None

    def _ended(self) -> TurnEnded:
        _log.info("subscription_moved", subscription=self._name)
        self.leave()
        return TurnEnded()
