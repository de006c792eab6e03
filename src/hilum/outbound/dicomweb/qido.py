"""QIDO-RS: searching for studies, series and instances (PS3.18 section 10.6)."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response

from hilum.catalogue.search import DataSet, Search
from hilum.domain.extended_tags import ExtendedTag
from hilum.domain.identifiers import PartitionKey, SeriesInstanceUID, StudyInstanceUID, parse_uid
from hilum.domain.levels import Level
from hilum.outbound.dicomweb.documented import SEARCH_EXTRA, documented, search_answers
from hilum.ports.extended_tags import ReadsExtendedTags
from hilum.ports.external_metadata import ReadsExternalMetadata
from hilum.wire.base_url import BaseUrl
from hilum.wire.dataset_forms import DataSetForm, negotiate_datasets
from hilum.wire.extended_query import ERRONEOUS_HEADER
from hilum.wire.external_metadata import (
    REQUEST_META,
    studies_with_external,
    study_of,
    wants_external,
)
from hilum.wire.query_parameters import SearchRequest, accept_of, names_others, read_search
from hilum.wire.request_facts import partition_of, surface_url
from hilum.wire.search_response import (
    capped_warning,
    in_utf_8,
    search_response,
    with_retrieve_urls,
)
from hilum.wire.search_rules import SearchLimits, SearchRules
from hilum.wire.surfaces import Surface
from hilum.wire.valid_values import valid_only


@dataclass(frozen=True, slots=True)
class _Searcher:
    """Answers one kind of search for all routes of a surface."""

    search: Search
    surface: Surface
    rules: SearchRules
    base_url: BaseUrl
    extended: ReadsExtendedTags | None
    external: ReadsExternalMetadata | None

    async def __call__(
        self, request: Request, level: Level, study: str | None = None, series: str | None = None
    ) -> Response:
        scope, surface = request.scope, self.surface
        query_string: bytes = scope["query_string"]
        accept = accept_of(scope, query_string, strict=surface.strict_accept)
        form = negotiate_datasets(
            accept, strict=surface.strict_accept, offers_xml=surface.offers_xml, single=False
        )
        wanted = read_search(
            query_string,
            self.rules,
            level,
            None if study is None else StudyInstanceUID(parse_uid(study, "StudyInstanceUID")),
            None if series is None else SeriesInstanceUID(parse_uid(series, "SeriesInstanceUID")),
            partition_of(request),
            await self._extended(query_string),
        )
        response = await self._answer(request, wanted, form)
        erroneous = [name for name, tag in wanted.extended if tag.errors]
        if erroneous:
            response.headers[ERRONEOUS_HEADER] = ",".join(erroneous)
        if surface.external_metadata and study is None:
            response.headers["vary"] = REQUEST_META
        return response

    async def _extended(self, query_string: bytes) -> Sequence[ExtendedTag]:
        """Asked for only where they can matter: most searches name what is always indexed."""
        if self.extended is None or not names_others(query_string, self.rules):
            return ()
        return (await self.extended.extended_tags()).tags

    async def _answer(self, request: Request, wanted: SearchRequest, form: DataSetForm) -> Response:
        scope, surface = request.scope, self.surface
        named = [tag for _, tag in wanted.extended]
        found = await self.search(wanted.query, wanted.tags, wanted.known, named)
        datasets = found.datasets
        if surface.search.hides_invalid:
            datasets = valid_only(datasets)
        if surface.external_metadata and wanted.query.study is None and wants_external(request):
            datasets = await self._with_external(datasets, partition_of(request))
        if surface.search.literal or not datasets:
            return search_response(datasets, form)
        base = surface_url(self.base_url, scope, surface)
        datasets = with_retrieve_urls(in_utf_8(datasets), wanted.tags, base)
        cut = found.more and wanted.limit_capped
        said = capped_warning(base, len(datasets)) if cut else None
        if form.xml:  # a tenth of a second for a thousand results
            return await asyncio.to_thread(search_response, datasets, form, cut=said)
        return search_response(datasets, form, cut=said)

    async def _with_external(
        self, datasets: Sequence[DataSet], partition: PartitionKey
    ) -> Sequence[DataSet]:
        """Results, which tell of their studies, with what was said of those beside."""
        studies = {study_of(dataset) for dataset in datasets} - {""}
        if self.external is None or not studies:
            return datasets
        said = await self.external.of_studies(partition, sorted(studies))
        return studies_with_external(datasets, said)


def qido_router(
    search: Search,
    surface: Surface,
    *,
    base_url: BaseUrl | None = None,
    limits: SearchLimits | None = None,
    extended: ReadsExtendedTags | None = None,
    external: ReadsExternalMetadata | None = None,
) -> APIRouter:
    """Return the six search routes of a surface, relative to its prefix.

    `extended` tells what can be searched by besides the usual; without, nothing can.
    `external` tells what was said of studies beside; without, nothing is told of it.
    """
    router = APIRouter(tags=[f"{surface.prefix} search"])
    rows = search_answers(surface)
    answer = _Searcher(
        search,
        surface,
        surface.search.within(limits or SearchLimits()),
        base_url or BaseUrl(),
        extended,
        external,
    )

    @documented(router, "/studies", "Search for studies", rows, SEARCH_EXTRA)
    async def search_studies(request: Request) -> Response:
        return await answer(request, Level.STUDY)

    @documented(router, "/series", "Search for series", rows, SEARCH_EXTRA)
    async def search_series(request: Request) -> Response:
        return await answer(request, Level.SERIES)

    @documented(router, "/instances", "Search for instances", rows, SEARCH_EXTRA)
    async def search_instances(request: Request) -> Response:
        return await answer(request, Level.INSTANCE)

    @documented(
        router, "/studies/{study}/series", "Search for series of a study", rows, SEARCH_EXTRA
    )
    async def search_series_of_study(request: Request, study: str) -> Response:
        return await answer(request, Level.SERIES, study)

    @documented(
        router,
        "/studies/{study}/instances",
        "Search for instances of a study",
        rows,
        SEARCH_EXTRA,
    )
    async def search_instances_of_study(request: Request, study: str) -> Response:
        return await answer(request, Level.INSTANCE, study)

    @documented(
        router,
        "/studies/{study}/series/{series}/instances",
        "Search for instances of a series",
        rows,
        SEARCH_EXTRA,
    )
    async def search_instances_of_series(request: Request, study: str, series: str) -> Response:
        return await answer(request, Level.INSTANCE, study, series)

    return router
