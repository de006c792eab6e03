"""Studies that come to rest: a follower of the feed that notes them, and announces those at rest.

What it knows is in the database, so a restart or another process goes on where it was: a study that
came to rest while nobody ran is announced at the next start, after the feed was read to its end.
"""

from typing import Final

import structlog

from hilum.delivery.options import StableOptions
from hilum.delivery.place import Place, TurnEnded
from hilum.delivery.surroundings import Surroundings
from hilum.domain.errors import HilumError
from hilum.foundation.outage import Outage

_log = structlog.get_logger()

STABLE_STUDIES: Final = "stable-studies"
"""Name of the follower and of its lease."""


class StableStudies:
    """Runs until `stop`."""

    def __init__(self, around: Surroundings, options: StableOptions) -> None:
        self._around = around
        self._options = options
        self._stopping = False
        self._outage = Outage(around.clock)
        self._noted = float("-inf")
        self._asked = float("-inf")
        self._place = Place(
            STABLE_STUDIES,
            around.store.subscriptions,
            around.clock,
            poll_seconds=options.poll_seconds,
            cursor_seconds=options.poll_seconds,
            may_go_on=lambda: around.holds(STABLE_STUDIES),
        )

    def stop(self) -> None:
        self._stopping = True

    async def run(self) -> None:
        while not self._stopping:
            rung = self._around.fed.rung
            if not await self._turn() and not self._stopping:
                await self._around.wait(self._around.fed, rung, self._options.poll_seconds)
                await self._hold_back()

    async def _hold_back(self) -> None:
        """Let a page gather, since noting one is a transaction whatever its length."""
        left = self._noted + self._options.note_seconds - self._around.clock.monotonic()
        while left > 0 and not self._stopping:
            await self._around.wait(self._around.nudged, self._around.nudged.rung, left)
            left = self._noted + self._options.note_seconds - self._around.clock.monotonic()

    async def _turn(self) -> bool:
        """One page, or what is due; False when there is nothing to do now."""
        try:
            if not self._around.holds(STABLE_STUDIES):
                await self._place.give_up()
                return False
            if not await self._place.take():
                return False
            went_on = await self._note() or await self._announce()
        except TurnEnded:
            return False
        except LookupError:
            self._place.leave()
            return False
        except HilumError as error:
            if self._outage.met():
                _log.warning("delivery_waits", subscription=STABLE_STUDIES, code=error.code)
            return False
        except Exception:  # noqa: BLE001 (a bug must not end the follower)
            _log.exception("delivery_failed", subscription=STABLE_STUDIES)
            return False
        if (seconds := self._outage.over()) is not None:
            _log.info("delivery_goes_on", subscription=STABLE_STUDIES, seconds=seconds)
        return went_on

    async def _note(self) -> bool:
        options, place = self._options, self._place
        page = await self._around.feed.feed(place.cursor, options.page_entries)
        if not page:
            await place.save()
            return False
        if any(entry.kind.of_instance for entry in page):
            progress = place.progress(page[-1].sequence)
            if not await self._around.store.watches.note(page, progress, options.quiet):
                place.leave()
                return True
            place.saved(progress)
            self._noted = self._around.clock.monotonic()
        else:
            place.moved_to(page[-1].sequence)
        return len(page) == options.page_entries

    async def _announce(self) -> bool:
        now = self._around.clock.monotonic()
        watches = self._around.store.watches
        due = await watches.due(self._options.announced_at_once, self._options.quiet)
        for study in due:
            await self._place.look()
            if await watches.announce(study):
                self._around.meter.stable(study.because)
                _log.info(
                    "study_stable",
                    study=study.study,
                    because=study.because,
                    correlation_id=study.correlation_id,
                )
        if now - self._asked >= self._options.poll_seconds:
            self._asked = now
            self._around.meter.waiting(await watches.waiting())
        return len(due) == self._options.announced_at_once
