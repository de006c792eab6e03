"""Following one Orthanc's list of changes, and going through all its studies when that is needed.

What a page says and how far it was read are saved in one step, so that a crash skips nothing and
repeats at most what is recognised. One process follows a source; when it dies another takes over.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

import structlog

from hilum.domain.arrivals import Seen, SourceCursor, Told
from hilum.domain.errors import HilumError
from hilum.foundation.clock import Clock
from hilum.foundation.ids import new_correlation_id
from hilum.inbound.orthanc.answers import NEW_STUDY, SOURCE_ID, STABLE_STUDY, Change, Changes
from hilum.inbound.orthanc.client import OrthancClient
from hilum.inbound.orthanc.errors import SourceFailed, SourceUnavailable, UnknownAtSource
from hilum.inbound.orthanc.gate import SourceGate
from hilum.inbound.orthanc.options import OrthancOptions, OrthancSource
from hilum.ports.arrivals import SourceCursors

_log = structlog.get_logger(__name__)

_OVERLAP: Final = 4
"""Pages of a resync share a quarter: studies that are deleted meanwhile move the others up."""


@dataclass(slots=True)
class Poller:
    """Follows one source; `run` ends by being cancelled."""

    client: OrthancClient
    source: OrthancSource
    options: OrthancOptions
    cursors: SourceCursors
    gate: SourceGate
    clock: Clock
    worker: str
    on_seen: Callable[[], None]
    _cursor: SourceCursor | None = None
    _renew_at: float = 0.0
    _outages: int = -1
    """As many as the gate had counted when the source's database was last found to be the same."""
    _resync_at: float = 0.0
    _error: str = field(default="", init=False)

    def _plan_resync(self) -> None:
        self._resync_at = self.clock.monotonic() + self.options.resync_seconds

    async def run(self) -> None:
        """Follow the source until cancelled; whatever fails is told and tried again."""
        self._plan_resync()
        while True:
            try:
                pause = await self._turn()
            except Exception:  # noqa: BLE001 - a bug must not end the following for good
                _log.error("orthanc_poll_failed", source=self.source.name, exc_info=True)
                pause = self.options.maximum_retry_seconds / 10
            await asyncio.sleep(pause)

    async def _turn(self) -> float:
        """Do one thing; return how long to wait before the next."""
        try:
            cursor = await self._followed()
            if cursor is None:
                return self.options.lease_seconds / 3
        except HilumError as error:
            self._tell(error)
            return max(self.source.poll_seconds, self.options.retry_seconds)
        try:
            more = await self._step(cursor)
        except (SourceFailed, SourceUnavailable, UnknownAtSource) as error:
            self._tell(error)
            self.gate.gone(str(error))
            await self._note_error(cursor, str(error))
            return max(self.gate.seconds_left, self.source.poll_seconds)
        except HilumError as error:
            self._tell(error)
            return max(self.source.poll_seconds, self.options.retry_seconds)
        self._error = ""
        self.gate.back()
        return 0.0 if more else self.source.poll_seconds

    async def _followed(self) -> SourceCursor | None:
        now = self.clock.monotonic()
        if self._cursor is None or now >= self._renew_at:
            until = self.clock.now() + timedelta(seconds=self.options.lease_seconds)
            self._cursor = await self.cursors.follow(self.source.name, self.worker, until)
            self._renew_at = now + self.options.lease_seconds / 6
        return self._cursor

    async def _step(self, cursor: SourceCursor) -> bool:
        """Read one page; True when there is more to do at once."""
        if cursor.sequence < 0:
            return await self._begin(cursor, resync=self.options.existing_studies)
        if not self.source.poll:
            return await self._resync_step(cursor)
        if self._outages != self.gate.outages:
            if not await self._is_same_database(cursor):
                return await self._begin_anew(cursor)
            again = self.options.resync_after_outage and self._outages >= 0
            self._outages = self.gate.outages
            if again and cursor.resync_after is None:
                return await self._save(replace(cursor, resync_after=0, resync_force=False))
        if self.clock.monotonic() >= self._resync_at and cursor.resync_after is None:
            self._plan_resync()
            return await self._save(replace(cursor, resync_after=0, resync_force=False))
        page = await self.client.changes(cursor.sequence, self.source.changes_per_page)
        if page.last < cursor.sequence:
            return await self._begin_anew(cursor)
        if page.changes:
            newest = page.changes[-1]
            moved = replace(cursor, sequence=newest.sequence, mark=newest.mark)
            await self._save(moved, self._seen(page.changes))
            return True if not page.done else self._cursor_resyncs()
        return await self._resync_step(cursor)

    def _cursor_resyncs(self) -> bool:
        return self._cursor is not None and self._cursor.resync_after is not None

    async def _begin(self, cursor: SourceCursor, *, resync: bool) -> bool:
        """Start at the newest change; what came before is found by going through the studies."""
        newest = await self.client.last_change()
        self._outages = self.gate.outages
        started = replace(
            cursor,
            sequence=newest.last,
            mark=_mark(newest),
            resync_after=0 if resync or cursor.resync_after is not None else None,
        )
        await self._save(started)
        _log.info("orthanc_followed", source=self.source.name, sequence=newest.last, resync=resync)
        return True

    async def _begin_anew(self, cursor: SourceCursor) -> bool:
        _log.warning("orthanc_database_replaced", source=self.source.name, sequence=cursor.sequence)
        return await self._begin(cursor, resync=True)

    async def _is_same_database(self, cursor: SourceCursor) -> bool:
        """Whether the last change we read still says what it said."""
        if cursor.sequence == 0:
            return True
        page = await self.client.changes(cursor.sequence - 1, 1)
        if page.last < cursor.sequence:
            return False
        first = page.changes[0] if page.changes else None
        return first is None or first.sequence != cursor.sequence or first.mark == cursor.mark

    async def _resync_step(self, cursor: SourceCursor) -> bool:
        if cursor.resync_after is None:
            if not self.source.poll:
                await self.client.last_change()  # for the gate: is it there?
            return False
        limit = self.options.studies_per_page
        page = await self.client.studies(cursor.resync_after, limit)
        seen = [
            self._one(study.source_id, Told.RESYNC, study.updated, force=cursor.resync_force)
            for study in page
        ]
        ended = len(page) < limit
        after = None if ended else cursor.resync_after + limit - limit // _OVERLAP
        await self._save(
            replace(cursor, resync_after=after, resync_force=not ended and cursor.resync_force),
            seen,
        )
        if ended:
            studies = cursor.resync_after + len(page)
            _log.info("orthanc_resynced", source=self.source.name, studies=studies)
        return not ended

    async def _save(self, cursor: SourceCursor, seen: Iterable[Seen] = ()) -> bool:
        """Save, and go on from there while the source is ours to follow."""
        noted = list(seen)
        saved = replace(cursor, checked=self.clock.now(), error="")
        ours = await self.cursors.advance(saved, self.worker, noted)
        self._cursor = saved if ours else None
        if ours and noted:
            self.on_seen()
        return ours

    async def _note_error(self, cursor: SourceCursor, error: str) -> None:
        if cursor.error == error:
            return
        failing = replace(cursor, error=error)
        try:
            ours = await self.cursors.advance(failing, self.worker)
        except HilumError:
            return
        self._cursor = failing if ours else None

    def _seen(self, changes: Iterable[Change]) -> list[Seen]:
        begun: dict[str, Told] = {}
        for change in changes:
            if SOURCE_ID.fullmatch(change.source_id) is None:
                continue  # nothing that Orthanc would say, so nothing to ask it for
            if change.kind == STABLE_STUDY:
                begun[change.source_id] = Told.CHANGE
            elif change.kind == NEW_STUDY:
                begun[change.source_id] = Told.BEGUN
        return [self._one(source_id, told) for source_id, told in begun.items()]

    def _one(self, source_id: str, told: Told, updated: str = "", *, force: bool = False) -> Seen:
        due = None
        if told is Told.BEGUN:
            due = self.clock.now() + timedelta(seconds=self.options.begun_seconds)
        return Seen(
            self.source.name, source_id, new_correlation_id(), told, due, updated, force=force
        )

    def _tell(self, error: HilumError) -> None:
        """Log an error once, until something else happens."""
        if str(error) != self._error:
            self._error = str(error)
            _log.warning("orthanc_not_read", source=self.source.name, reason=self._error)


def _mark(page: Changes) -> str:
    return page.changes[-1].mark if page.changes else ""
