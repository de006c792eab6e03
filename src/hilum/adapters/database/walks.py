"""The statements of a search: what is selected, from where, in which order."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hilum.adapters.database.conditions import ALIASES, condition_sql
from hilum.adapters.database.connections import Dialect, Source, Sql
from hilum.adapters.database.planning import TABLES, Lead, leads
from hilum.adapters.database.questions import check
from hilum.domain.levels import Level
from hilum.domain.queries import AnyCondition, Condition, Equals, Query

_COLUMNS: Final = {
    Level.STUDY: (
        "s.key, s.newest_instance_key, s.modalities, s.number_of_series, "
        "s.number_of_instances, s.attributes"
    ),
    Level.SERIES: (
        "e.key, e.newest_instance_key, s.modalities, s.number_of_series, "
        "s.number_of_instances, s.attributes, e.number_of_instances, e.attributes"
    ),
    Level.INSTANCE: (
        "i.key, i.key, s.modalities, s.number_of_series, s.number_of_instances, s.attributes, "
        "e.number_of_instances, e.attributes, d.attributes"
    ),
}
_UP: Final = {
    Level.STUDY: "",
    Level.SERIES: " CROSS JOIN study s ON s.key = e.study_key",
    Level.INSTANCE: (
        " CROSS JOIN series e ON e.key = i.series_key CROSS JOIN study s ON s.key = i.study_key"
        " CROSS JOIN description d ON d.instance_key = i.key"
    ),
}
_STUDY_KEY: Final = '(SELECT key FROM study WHERE "StudyInstanceUID" = ? AND partition_key = ?)'
_SERIES_KEY: Final = (
    '(SELECT key FROM series WHERE "SeriesInstanceUID" = ? AND study_key = ' + _STUDY_KEY + ")"
)
_JOINS: Final = {
    "e up": " CROSS JOIN series e ON e.key = i.series_key",
    "s up from e": " CROSS JOIN study s ON s.key = e.study_key",
    "s up from i": " CROSS JOIN study s ON s.key = i.study_key",
    "e down": " CROSS JOIN series e ON e.study_key = s.key",
    "i down from e": " CROSS JOIN instance i ON i.series_key = e.key",
    "i down from s": " CROSS JOIN instance i ON i.study_key = s.key",
}


@dataclass(frozen=True, slots=True)
class Page:
    """Which rows: keys from `above` (exclusive) to `below` (exclusive), then `offset`, `limit`."""

    limit: int
    offset: int = 0
    below: int | None = None
    above: int | None = None


class Walks:
    """The statements that answer one query.

    CROSS JOIN keeps SQLite from changing the order of the tables; see `postgresql_texts`.
    """

    def __init__(self, dialect: Dialect, query: Query) -> None:
        self._dialect = dialect
        self._query = query
        self._level = query.level
        self._alias = ALIASES[query.level]
        conditions = [*_place(query), *query.conditions]
        check(conditions, query.level)
        self._filters = [(each.level, condition_sql(dialect, each)) for each in conditions]
        self._scope = _scope(query)
        self.leads = leads(dialect, conditions, query.partition)

    @property
    def scoped(self) -> bool:
        """Whether the query stays inside one study or series, which lies in order."""
        return self._scope is not None

    def inside(self, page: Page) -> Sql:
        """Walk the study or series the query names."""
        index = "series_key" if self._scope and "series_key" in self._scope[0] else "study_key"
        using = self._dialect.using(f"ix_{TABLES[self._level]}_{index}_key")
        return self._ordered(using, page, self._scope)

    def can_walk(self, lead: Lead) -> bool:
        """Whether the lead has rows of the query's own level in their order."""
        return lead.in_order and lead.level is self._level

    def walk(self, lead: Lead | None, page: Page) -> Sql:
        """Walk a lead at the query's own level, or all rows of the partition, newest first."""
        place = self._scope or self._in_partition(self._alias)
        if lead is None:
            index = f"ix_{TABLES[self._level]}_partition_key_key"
            return self._ordered(self._dialect.using(index), page, place)
        if lead.source is None:
            return self._ordered(self._dialect.using(lead.index), page, place)
        return self._rows_of(self._along(lead, lead.source, page, place))

    def _along(self, lead: Lead, source: Source, page: Page, place: Sql) -> Sql:
        """Keys of a page of studies, walking a table beside theirs."""
        filters = self._without(lead)
        start = (f"{source.where} AND {place[0]}", (*source.parameters, *place[1]))
        where, parameters = self._where(filters, page, start, key=source.key)
        return (
            f"SELECT s.key FROM {source.table} CROSS JOIN study s ON s.key = {source.key} "
            f"WHERE {where} ORDER BY {source.key} DESC LIMIT ? OFFSET ?"
        ), (*parameters, page.limit, page.offset)

    def _without(self, lead: Lead) -> list[tuple[Level, Sql]]:
        """The filters that a lead leaves to be asked."""
        if not lead.replaces:
            return self._filters
        return [each for at, each in enumerate(self._filters) if at != lead.at]

    def narrow(self, lead: Lead, page: Page) -> Sql:
        """Take all rows of a lead, sort their keys, cut out the page."""
        start = ALIASES[lead.level]
        wanted, parameters = self._in_partition(start)
        using = ""
        if lead.index:
            using = self._dialect.using(lead.index)
        else:
            wanted = f"{start}.key IN ({lead.keys[0]}) AND {wanted}"
            parameters = (*lead.keys[1], *parameters)
        start_at = (wanted, parameters)
        keys = self._keys(lead.level, using, self._without(lead), page, start_at)
        return self._rows_of(keys)

    def probe(self, lead: Lead, most: int) -> Sql:
        """A statement with a row when the lead has more than `most`."""
        sql, parameters = lead.keys
        return f"{sql} LIMIT 1 OFFSET ?", (*parameters, most)

    def last_key(self) -> str:
        return f"SELECT max(key) FROM {TABLES[self._level]}"

    def _in_partition(self, alias: str) -> Sql:
        return f"{alias}.partition_key = ?", (self._query.partition,)

    def _ordered(self, using: str, page: Page, start: Sql | None) -> Sql:
        place = start or ("TRUE", ())
        if page.offset:
            return self._rows_of(self._keys(self._level, using, self._filters, page, place))
        where, parameters = self._where(self._filters, page, place)
        table = f"{TABLES[self._level]} {self._alias}{using}{_UP[self._level]}"
        return (
            f"SELECT {_COLUMNS[self._level]} FROM {table} WHERE {where} "
            f"ORDER BY {self._alias}.key DESC LIMIT ?"
        ), (*parameters, page.limit)

    def _keys(
        self,
        start: Level,
        using: str,
        filters: Sequence[tuple[Level, Sql]],
        page: Page,
        place: Sql,
    ) -> Sql:
        where, parameters = self._where(filters, page, place)
        table = self._joined(start, using, {level for level, _ in filters})
        return (
            f"SELECT {self._alias}.key FROM {table} WHERE {where} "
            f"ORDER BY {self._alias}.key DESC LIMIT ? OFFSET ?"
        ), (*parameters, page.limit, page.offset)

    def _rows_of(self, keys: Sql) -> Sql:
        sql, parameters = keys
        return (
            f"SELECT {_COLUMNS[self._level]} FROM {TABLES[self._level]} {self._alias}"
            f"{_UP[self._level]} WHERE {self._alias}.key IN ({sql}) "
            f"ORDER BY {self._alias}.key DESC"
        ), parameters

    def _where(
        self, filters: Sequence[tuple[Level, Sql]], page: Page, place: Sql, key: str = ""
    ) -> Sql:
        key = key or f"{self._alias}.key"
        sql = [place[0]]
        values: list[Any] = [*place[1]]
        for _, (wanted, parameters) in filters:
            sql.append(wanted)
            values.extend(parameters)
        for bound, sign in ((page.below, "<"), (page.above, ">")):
            if bound is not None:
                sql.append(f"{key} {sign} ?")
                values.append(bound)
        return " AND ".join(sql), tuple(values)

    def _joined(self, start: Level, using: str, needed: set[Level]) -> str:
        """The tables that are needed, from the one the walk starts at to the query's own."""
        sql = f"{TABLES[start]} {ALIASES[start]}{using}"
        joins: list[str] = []
        if start is Level.STUDY and self._level > Level.STUDY:
            through = self._level is Level.SERIES or Level.SERIES in needed
            joins = ["e down"] if through else []
            if self._level is Level.INSTANCE:
                joins.append("i down from e" if through else "i down from s")
        elif start is Level.SERIES:
            joins = ["s up from e"] if Level.STUDY in needed else []
            joins += ["i down from e"] if self._level is Level.INSTANCE else []
        elif start is Level.INSTANCE:
            joins = ["e up"] if Level.SERIES in needed else []
            joins += ["s up from i"] if Level.STUDY in needed else []
        return sql + "".join(_JOINS[join] for join in joins)


def _place(query: Query) -> Iterator[Condition]:
    """Conditions for the UIDs a query names at its own level."""
    if query.level is Level.STUDY and query.study is not None:
        yield Condition("StudyInstanceUID", Level.STUDY, Equals(query.study))
    if query.level is Level.SERIES and query.series is not None:
        yield Condition("SeriesInstanceUID", Level.SERIES, Equals(query.series))


def _scope(query: Query) -> Sql | None:
    """The study or series above the query's level that its rows lie in."""
    study = query.study or _named_study(query.conditions)
    alias = ALIASES[query.level]
    if query.level is Level.STUDY or study is None:
        return None
    if query.level is Level.INSTANCE and query.series is not None:
        return f"{alias}.series_key = {_SERIES_KEY}", (query.series, study, query.partition)
    return f"{alias}.study_key = {_STUDY_KEY}", (study, query.partition)


def _named_study(conditions: Iterable[AnyCondition]) -> str | None:
    for each in conditions:
        if isinstance(each, Condition) and each.keyword == "StudyInstanceUID":
            return str(each.match.value) if isinstance(each.match, Equals) else None
    return None
