"""One picture that stands for a study, a series, an instance or a frame."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from itertools import islice
from typing import Any, Final

import orjson

from hilum.catalogue.many_pictures import NOT_DRAWN
from hilum.catalogue.not_held import not_held
from hilum.catalogue.pictures import Pictures
from hilum.dicom.json_values import number, text
from hilum.domain.errors import HilumError, NoPixelData, NotHeld, ObjectMissing
from hilum.domain.identifiers import (
    Scope,
    SeriesInstanceUID,
    SOPInstanceUID,
)
from hilum.domain.levels import Level
from hilum.domain.presentation import Rendering
from hilum.domain.queries import Query, SearchRow
from hilum.domain.records import ScopeSummary
from hilum.foundation.recent import Recent
from hilum.ports.index import InstanceReader, SearchIndex

_SERIES_UID: Final = "0020000E"
_INSTANCE_UID: Final = "00080018"
_INSTANCE_NUMBER: Final = "00200013"
_COUNT: Final = "NumberOfSeriesRelatedInstances"
_ROWS: Final = 1000
"""Series of a study, and instances of a series, among which the one that is seen is chosen; of a
longer series those in the middle by arrival."""
_CHOICES: Final = 4096
"""Studies and series whose choice is remembered; some hundred bytes each."""
_ATTEMPTS: Final = 16
"""Instances of a series, and series of a study, that are tried until one can be drawn."""
_ATTEMPTS_IN_STUDY: Final = 4
"""Instances of each of them: a large series may be reports only."""


class Thumbnails:
    """Chooses the same instance each time, as long as nothing comes or goes."""

    def __init__(self, pictures: Pictures, reader: InstanceReader, index: SearchIndex) -> None:
        self._pictures = pictures
        self._reader = reader
        self._index = index
        self._chosen: Recent[tuple[Scope, ScopeSummary], Scope] = Recent(_CHOICES)

    async def summary(self, scope: Scope) -> ScopeSummary:
        """Count and newest version of what `scope` names. Raises `NotHeld`."""
        summary = await self._reader.summary(scope)
        if summary is None:
            raise not_held(scope)
        return summary

    async def frame(self, scope: Scope, frame: int, rendering: Rendering) -> bytes:
        """Draw a frame, which counts from 0. Raises as `Pictures.find` and `frame` do."""
        found = await self._pictures.find(scope, (frame,))
        return await self._pictures.frame(found, frame, rendering)

    async def __call__(self, scope: Scope, summary: ScopeSummary, rendering: Rendering) -> bytes:
        """Draw the middle of what `scope` names; `summary` is what was told of it.

        Of a study the largest series is seen; of a series the instance in the middle by Instance
        Number, or the one next to it that can be drawn; of an instance its representative frame, or
        the one in the middle. Raises `NotHeld`, and as `Pictures.frame` does.
        """
        failure: HilumError | None = None
        async with aclosing(self._candidates(scope, summary)) as candidates:
            async for candidate in candidates:
                try:
                    picture = await self._draw(candidate, rendering)
                except (*NOT_DRAWN, ObjectMissing) as error:
                    if failure is None or isinstance(failure, NoPixelData):
                        failure = error
                except NotHeld:
                    if scope.sop_instance is not None:
                        raise
                else:
                    if scope.sop_instance is None:
                        self._remember(scope, summary, candidate)
                    return picture
        raise failure or not_held(scope)

    async def _draw(self, scope: Scope, rendering: Rendering) -> bytes:
        found = await self._pictures.find(scope)
        middle = found.places.table.number_of_frames // 2
        return await self._pictures.representative(found, rendering, otherwise=middle)

    def _remember(self, scope: Scope, summary: ScopeSummary, chosen: Scope) -> None:
        """A summary changes with every change inside of what it is of."""
        self._chosen.keep((scope, summary), chosen)

    async def _candidates(self, scope: Scope, summary: ScopeSummary) -> AsyncGenerator[Scope, None]:
        if scope.sop_instance is not None:
            yield scope
            return
        chosen = self._chosen.get((scope, summary))
        if chosen is not None:
            yield chosen
        if scope.series is not None:
            wanted, attempts = [(scope, summary.instances)], _ATTEMPTS
        else:
            wanted, attempts = await self._series(scope), _ATTEMPTS_IN_STUDY
        for series, count in wanted:
            for instance in islice(await self._instances(series, count), attempts):
                yield instance

    async def _series(self, scope: Scope) -> list[tuple[Scope, int]]:
        """Series of a study with the number of their instances, the largest first."""
        query = Query(Level.SERIES, (), scope.study, partition=scope.partition, limit=_ROWS)
        page = await self._index.search(query)
        found = []
        for row in page.rows:
            uid = text(_read(row.series), _SERIES_UID)
            found.append((-int(row.computed.get(_COUNT) or 0), uid))
        return [
            (Scope(scope.study, SeriesInstanceUID(uid), partition=scope.partition), -below)
            for below, uid in sorted(found)[:_ATTEMPTS]
        ]

    async def _instances(self, scope: Scope, count: int) -> Iterator[Scope]:
        """The instances of a series, from the middle outwards."""
        before = max(0, (count - _ROWS) // 2)
        uids = (scope.study, scope.series)
        query = Query(Level.INSTANCE, (), *uids, scope.partition, limit=_ROWS, offset=before)
        page = await self._index.search(query)
        ordered = await asyncio.to_thread(_in_order, page.rows)
        return (
            Scope(scope.study, scope.series, SOPInstanceUID(uid), scope.partition)
            for uid in _from_the_middle(ordered)
        )


def _in_order(rows: Sequence[SearchRow]) -> Sequence[str]:
    """UIDs of instances by Instance Number; those without one come last."""
    found = []
    for row in rows:
        instance = _read(row.instance)
        order = number(instance, _INSTANCE_NUMBER)
        found.append((order is None, order or 0, row.newest, text(instance, _INSTANCE_UID)))
    return [uid for *_, uid in sorted(found)]


def _read(attributes: bytes | None) -> dict[str, Any]:
    return dict(orjson.loads(attributes)) if attributes else {}


def _from_the_middle(ordered: Sequence[str]) -> Iterator[str]:
    middle = len(ordered) // 2
    for distance in range(len(ordered)):
        if middle + distance < len(ordered):
            yield ordered[middle + distance]
        if distance and middle - distance >= 0:
            yield ordered[middle - distance]
