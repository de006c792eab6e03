"""Answering searches: pick a walk, run it, hand out a page."""

from dataclasses import dataclass
from typing import Any, Final

from hilum.adapters.database.connections import Connection, Dialect, Row, Sql
from hilum.adapters.database.cursors import Cursors
from hilum.adapters.database.modalities import SEPARATOR
from hilum.adapters.database.planning import IDENTIFYING, Lead
from hilum.adapters.database.walks import Page, Walks
from hilum.domain.levels import Level
from hilum.domain.queries import Query, SearchPage, SearchRow

_CURSORS: Final = 4096


@dataclass(frozen=True, slots=True)
class Effort:
    """When sorting all matches is thought cheap, and how long the newest rows are tried instead."""

    narrow: int = 500
    """The most rows of a lead at the level asked for that are sorted without a thought."""
    narrow_above: int = 50
    """The same for a lead at a higher level: each of its rows stands for many."""
    walked_keys: int = 4096
    """How far the newest rows are looked through before all matches are sorted after all."""


USUAL_EFFORT: Final = Effort()


class Searcher:
    """Searches with a cap on rows; may be shared by threads that have connections of their own."""

    def __init__(self, dialect: Dialect, row_cap: int, effort: Effort) -> None:
        self._dialect = dialect
        self._row_cap = row_cap
        self._effort = effort
        self._cursors = Cursors(_CURSORS)

    def search(self, connection: Connection, query: Query) -> SearchPage:
        limit = min(query.limit, self._row_cap)
        search = (query.level, *query.conditions, query.study, query.series, query.partition)
        below = self._cursors.find(search, query.offset) if query.offset else None
        offset = query.offset if below is None else 0
        rows = self._rows(connection, query, Page(limit + 1, offset, below))
        more = len(rows) > limit
        del rows[limit:]
        if more and rows:
            self._cursors.note(search, query.offset + limit, rows[-1][0])
        answer = _ANSWERS[query.level]
        return SearchPage([answer(row) for row in rows], more)

    def _rows(self, connection: Connection, query: Query, page: Page) -> list[Row]:
        walks = Walks(self._dialect, query)
        chosen = self._choose(connection, walks, query.level, page)
        if chosen is not None:
            return _run(connection, chosen)
        walked = next((each for each in walks.leads if walks.can_walk(each)), None)
        sorted_instead = next((each for each in walks.leads if each is not walked), None)
        if sorted_instead is None:
            return _run(connection, walks.walk(walked, page))
        rows = _run(connection, walks.walk(walked, self._recent(connection, walks, page)))
        if len(rows) < page.limit:
            rows = _run(connection, walks.narrow(sorted_instead, page))
        return rows

    def _choose(self, connection: Connection, walks: Walks, level: Level, page: Page) -> Sql | None:
        """The one walk to take; None when no lead has so few rows that they can just be sorted."""
        for lead in walks.leads:
            if lead.unique and lead.level is level:
                return walks.walk(lead, page)
            if walks.scoped:
                continue
            alone = lead.rank <= IDENTIFYING or len(walks.leads) == 1
            if alone and walks.can_walk(lead):
                return walks.walk(lead, page)
            if lead.unique or self._is_narrow(connection, walks, lead, level):
                return walks.narrow(lead, page)
        return walks.inside(page) if walks.scoped else None

    def _is_narrow(self, connection: Connection, walks: Walks, lead: Lead, level: Level) -> bool:
        most = self._effort.narrow if lead.level is level else self._effort.narrow_above
        return connection.execute(*walks.probe(lead, most)).fetchone() is None

    def _recent(self, connection: Connection, walks: Walks, page: Page) -> Page:
        start = page.below
        if start is None:
            start = (connection.execute(walks.last_key()).fetchone()[0] or 0) + 1
        return Page(page.limit, page.offset, page.below, start - self._effort.walked_keys)


def _run(connection: Connection, sql: Sql) -> list[Row]:
    return connection.execute(*sql).fetchall()


def _study(row: Row) -> SearchRow:
    _, newest, modalities, series, instances, attributes = row
    return SearchRow(attributes, None, None, _computed(modalities, series, instances), newest)


def _series(row: Row) -> SearchRow:
    _, newest, modalities, series, instances, study, in_series, attributes = row
    computed = _computed(modalities, series, instances)
    computed["NumberOfSeriesRelatedInstances"] = in_series
    return SearchRow(study, attributes, None, computed, newest)


def _instance(row: Row) -> SearchRow:
    _, newest, modalities, series, instances, study, in_series, of_series, attributes = row
    computed = _computed(modalities, series, instances)
    computed["NumberOfSeriesRelatedInstances"] = in_series
    return SearchRow(study, of_series, attributes, computed, newest)


def _computed(modalities: str, series: int, instances: int) -> dict[str, Any]:
    return {
        "ModalitiesInStudy": modalities.split(SEPARATOR) if modalities else [],
        "NumberOfStudyRelatedSeries": series,
        "NumberOfStudyRelatedInstances": instances,
    }


_ANSWERS: Final = {Level.STUDY: _study, Level.SERIES: _series, Level.INSTANCE: _instance}
