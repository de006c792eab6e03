"""One visit to one study: look, fetch what is new, announce, and say how it ended."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import structlog

from hilum.domain.arrivals import ArrivalState, Claimed, Settlement
from hilum.domain.errors import ArchiveFault, HilumError
from hilum.domain.identifiers import DEFAULT_PARTITION, StudyInstanceUID, parse_uid
from hilum.inbound.orthanc.answers import SeriesFacts, StudyFacts
from hilum.inbound.orthanc.client import OrthancClient
from hilum.inbound.orthanc.errors import SourceUnavailable, UnknownAtSource
from hilum.inbound.orthanc.failures import Failures, summary
from hilum.inbound.orthanc.fetching import Fetching
from hilum.inbound.orthanc.gate import SourceGate
from hilum.inbound.orthanc.options import OrthancOptions, OrthancSource
from hilum.inbound.orthanc.patience import Patience
from hilum.inbound.orthanc.tally import Failure, Tally, failure_of_error
from hilum.ports.announcing import (
    Announcements,
    ExpectedStudy,
    StableBecause,
    StableStudy,
)
from hilum.ports.ingestion_telemetry import IngestionMeter

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Series:
    """The series of a study, and which of them have to be fetched."""

    all: tuple[SeriesFacts, ...]
    new: tuple[SeriesFacts, ...]

    @property
    def instances(self) -> int:
        return sum(len(one.instances) for one in self.all)


@dataclass(frozen=True, slots=True)
class Visiting:
    """Visits studies of one source. A visit may be broken off or repeated at any point."""

    client: OrthancClient
    source: OrthancSource
    options: OrthancOptions
    fetching: Fetching
    announcements: Announcements
    gate: SourceGate
    failures: Failures
    patience: Patience
    meter: IngestionMeter

    async def visit(self, claimed: Claimed) -> Settlement:
        """Bring in what the source has of the study. Raises nothing that is foreseen."""
        began = time.perf_counter()
        if claimed.attempts > self.options.attempts + _CRASHES_FORGIVEN:
            return await self._give_up_crashing(claimed)
        try:
            study = await self.client.study(claimed.source_id)
            self.gate.back()
            if not study.stable:
                return self.patience.until_stable(claimed)
            uid = StudyInstanceUID(parse_uid(study.study_instance_uid, "StudyInstanceUID"))
        except UnknownAtSource as error:
            self.gate.back()
            failure = failure_of_error(claimed.source_id, error, fetching=True)
            return await self._give_up(claimed, ArrivalState.UNKNOWN, failure)
        except SourceUnavailable as error:
            return self._source_is_gone(claimed, error)
        except HilumError as error:
            return await self._study_failed(claimed, error)
        try:
            settlement = await self._bring_in(claimed, study, uid)
        except SourceUnavailable as error:
            return self._source_is_gone(claimed, error)
        except HilumError as error:
            return await self._study_failed(claimed, error)
        self.meter.visited(time.perf_counter() - began)
        return settlement

    async def _bring_in(
        self, claimed: Claimed, study: StudyFacts, uid: StudyInstanceUID
    ) -> Settlement:
        series = await self._series(claimed, study)
        if not series.new and claimed.updated == study.updated:
            return _unchanged(claimed, study, uid, series)
        await self.announcements.expect(
            ExpectedStudy(DEFAULT_PARTITION, uid, self.source.name, claimed.correlation_id)
        )
        tally = await self.fetching.fetch(uid, series.new, claimed.correlation_id)
        parts = {one.source_id: one.digest for one in series.all if _is_held(one, tally)}
        if tally.failed:
            self.failures.count(tally)
        if tally.ours or (tally.passing and claimed.attempts < self.options.attempts):
            return await self._try_again(claimed, uid, series, tally, parts)
        return await self._announce(claimed, study, uid, series, tally, parts)

    async def _series(self, claimed: Claimed, study: StudyFacts) -> _Series:
        every: list[SeriesFacts] = []
        at_once = self.source.parallel_fetches
        for start in range(0, len(study.series), at_once):
            asked = [self.client.series(one) for one in study.series[start : start + at_once]]
            for answer in await asyncio.gather(*asked, return_exceptions=True):
                if isinstance(answer, BaseException):
                    raise answer
                every.append(answer)
        known: Mapping[str, str] = {} if claimed.force else claimed.parts
        new = [one for one in every if not one.digest or known.get(one.source_id) != one.digest]
        return _Series(tuple(every), tuple(new))

    async def _announce(
        self,
        claimed: Claimed,
        study: StudyFacts,
        uid: StudyInstanceUID,
        series: _Series,
        tally: Tally,
        parts: Mapping[str, str],
    ) -> Settlement:
        """The study is held as far as it can be: tell what is and what is not."""
        kept = series.instances - tally.failed
        await self.failures.tell(claimed, uid, tally)
        if kept:
            told = await self.announcements.study_stable(
                StableStudy(
                    DEFAULT_PARTITION,
                    uid,
                    StableBecause.SOURCE,
                    claimed.correlation_id,
                    self.source.name,
                    tally.failed,
                )
            )
            _log.info(
                "orthanc_study_kept",
                source=self.source.name,
                study_instance_uid=uid,
                instances=series.instances,
                failed=tally.failed,
                announced=told,
            )
        state = ArrivalState.KEPT
        if tally.failed:
            state = ArrivalState.PARTIAL if kept else ArrivalState.FAILED
        else:
            self.meter.succeeded()
        return Settlement(
            state,
            attempts=0,
            error=summary(tally),
            study=uid,
            instances=series.instances,
            kept=kept,
            failed=tally.failed,
            updated=study.updated if state is not ArrivalState.FAILED else "",
            parts=parts,
            reported=tally.digest,
        )

    async def _try_again(
        self,
        claimed: Claimed,
        uid: StudyInstanceUID,
        series: _Series,
        tally: Tally,
        parts: Mapping[str, str],
    ) -> Settlement:
        """Some instances failed for what may pass; those that never will are told at the end."""
        reported, attempts = claimed.reported, claimed.attempts
        if attempts >= self.options.attempts:  # the archive fails: told, and never given up
            await self.failures.tell(claimed, uid, tally)
            reported, attempts = tally.digest, 0
        return Settlement(
            ArrivalState.WAITING,
            attempts=attempts,
            due=self.patience.later(claimed.attempts),
            error=summary(tally),
            study=uid,
            instances=series.instances,
            kept=series.instances - tally.failed,
            failed=tally.failed,
            parts=parts,
            reported=reported,
        )

    async def _study_failed(self, claimed: Claimed, error: HilumError) -> Settlement:
        """The study itself could not be read, or something of ours failed on the way."""
        failure = failure_of_error(claimed.source_id, error, fetching=True)
        exhausted = claimed.attempts >= self.options.attempts
        if not failure.ours and (exhausted or not failure.passing):
            return await self._give_up(claimed, ArrivalState.FAILED, failure)
        self.meter.failed(failure.reason)
        return self.patience.after(claimed, str(error), 0 if exhausted else claimed.attempts)

    async def _give_up(self, claimed: Claimed, state: ArrivalState, failure: Failure) -> Settlement:
        tally = Tally()
        tally.fail(failure)
        self.failures.count(tally)
        try:
            await self.failures.tell(claimed, claimed.study, tally)
        except ArchiveFault as fault:
            return self.patience.after(claimed, str(fault), claimed.attempts - 1)
        return Settlement(state, attempts=0, error=failure.message, reported=tally.digest)

    async def _give_up_crashing(self, claimed: Claimed) -> Settlement:
        message = (
            f"{claimed.attempts - 1} attempts in a row ended without a word, as when the process "
            "dies: look at its log, then ask for the study again."
        )
        failure = Failure(
            claimed.source_id, "Metadata parsing failure", "read", "crash", message, passing=False
        )
        return await self._give_up(claimed, ArrivalState.FAILED, failure)

    def _source_is_gone(self, claimed: Claimed, error: SourceUnavailable) -> Settlement:
        """An outage of the source is no failed attempt, however long it lasts."""
        self.gate.gone(str(error))
        return self.patience.after(claimed, str(error), claimed.attempts - 1)


_CRASHES_FORGIVEN: Final = 8
"""Attempts beyond the setting that may end without settling before a study is given up: a process
that dies for other reasons takes every study in its hands with it."""


def _is_held(series: SeriesFacts, tally: Tally) -> bool:
    return bool(series.digest) and series.source_id not in tally.series


def _unchanged(
    claimed: Claimed, study: StudyFacts, uid: StudyInstanceUID, series: _Series
) -> Settlement:
    """All of it was held and announced before, and the source says that nothing changed."""
    return Settlement(
        ArrivalState.KEPT,
        attempts=0,
        study=uid,
        instances=series.instances,
        kept=series.instances,
        updated=study.updated,
        parts=claimed.parts,
    )
