"""What is wrong with a study that is held, to the depth of the standard."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final
from zlib import crc32

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from hilum import __version__
from hilum.catalogue.study_findings import Depth, Examined, StudyFindings
from hilum.domain.errors import InvalidQuery, NotAcceptable
from hilum.domain.identifiers import Scope
from hilum.domain.records import ScopeSummary
from hilum.validation.findings import Finding
from hilum.validation.profiles import DEEP_PROFILES, DeepProfile
from hilum.validation.summary import Summary
from hilum.wire.accept import parse_accept
from hilum.wire.bodies import StreamedResponse
from hilum.wire.etags import none_match
from hilum.wire.query_parameters import accept_of
from hilum.wire.request_facts import scope_of
from hilum.wire.validation_json import JsonReport
from hilum.wire.validation_page import PAGE_POLICY, page

_JSON: Final = "application/json"
_HTML: Final = "text/html"
_OFFERED: Final = (_JSON, _HTML)
_DESCRIPTION: Final = (
    "The header of every instance is read again and judged: encoding, pixel data, modules, and the "
    "study as a whole. The answer is that of `hilum validate --json`, or a page when `text/html` "
    "is asked for. `profile` (standard, practice, strict, or one of the settings) decides what "
    "counts as an error; with `decode=true` every compressed frame is decoded, too."
)


def findings_router(
    findings: StudyFindings, profiles: Mapping[str, DeepProfile] = DEEP_PROFILES
) -> APIRouter:
    """`/studies/{study}/findings` and those of its parts, below `/api/v1`."""
    router = APIRouter(tags=["Validation"])

    async def answer(request: Request, *uids: str) -> Response:
        return await _answer(findings, profiles, request, scope_of(request, *uids))

    @router.get(
        "/studies/{study}/findings", summary="Validate a held study", description=_DESCRIPTION
    )
    async def study_findings(request: Request, study: str) -> Response:
        return await answer(request, study)

    @router.get(
        "/studies/{study}/series/{series}/findings",
        summary="Validate a held series",
        description=_DESCRIPTION,
    )
    async def series_findings(request: Request, study: str, series: str) -> Response:
        return await answer(request, study, series)

    @router.get(
        "/studies/{study}/series/{series}/instances/{instance}/findings",
        summary="Validate a held instance",
        description=_DESCRIPTION,
    )
    async def instance_findings(
        request: Request, study: str, series: str, instance: str
    ) -> Response:
        return await answer(request, study, series, instance)

    return router


async def _answer(
    findings: StudyFindings, profiles: Mapping[str, DeepProfile], request: Request, scope: Scope
) -> Response:
    profile = _profile(request.query_params.get("profile", "standard"), profiles)
    depth = Depth(profile.required, _flag(request.query_params.get("decode", "false")))
    media_type = _media_type(request)
    summary = await findings.summary(scope)
    tag = _tag(summary, profile, media_type)
    if depth.decode:
        tag += "-decoded"
    headers = {"ETag": f'W/"{tag}"', "Cache-Control": "private, no-cache", "Vary": "Accept"}
    if not none_match(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    headers["Content-Type"] = f"{media_type}; charset=utf-8" if media_type == _HTML else media_type
    if media_type == _HTML:
        headers["Content-Security-Policy"] = PAGE_POLICY
    report = _Report(findings, scope, profile, depth)
    chunks = report.as_page() if media_type == _HTML else report.as_json()
    # The first is made now: what hinders all of it is an error before the answer begins.
    return StreamedResponse(chunks, headers, first=await anext(chunks))


def _profile(name: str, profiles: Mapping[str, DeepProfile]) -> DeepProfile:
    profile = profiles.get(name)
    if profile is None:
        raise InvalidQuery("profile", f"give one of {', '.join(profiles)}")
    return profile


def _flag(text: str) -> bool:
    if text not in {"true", "false"}:
        raise InvalidQuery("decode", "give true or false")
    return text == "true"


def _media_type(request: Request) -> str:
    accept = accept_of(request.scope, request.scope["query_string"], strict=False)
    if accept is None:
        return _JSON
    for media_range in parse_accept(accept, strict=False):
        for offered in _OFFERED:
            if media_range.covers(offered):
                return offered
    message = f"The report is given as {' or '.join(_OFFERED)}."
    raise NotAcceptable(message)


def _tag(summary: ScopeSummary, profile: DeepProfile, media_type: str) -> str:
    """Other versions of the program know other rules."""
    form = media_type.partition("/")[2]
    name = profile.name
    if name not in DEEP_PROFILES:  # the settings may have another of this name after a restart
        what = (sorted(profile.severities.items()), sorted(profile.silent), profile.required)
        name += f"-{crc32(repr(what).encode()):x}"
    return f"{summary.newest_version}-{summary.instances}-{name}-{form}-{__version__}".lower()


@dataclass(frozen=True, slots=True)
class _Report:
    findings: StudyFindings
    scope: Scope
    profile: DeepProfile
    depth: Depth

    async def as_json(self) -> AsyncGenerator[bytes, None]:
        summary, document = Summary(), JsonReport()
        text = document.start()
        async with aclosing(self.findings.examined(self.scope, self.depth)) as instances:
            async for each in instances:
                told = self._add(summary, each)
                text += document.file(None, each.examination, told, each.record.uids)
                yield text.encode()
                text = ""
        studies = await asyncio.to_thread(lambda: list(summary.studies(self.profile)))
        yield (text + document.close(studies, summary, self.profile.name, 0)).encode()

    async def as_page(self) -> AsyncGenerator[bytes, None]:
        summary = Summary()
        async with aclosing(self.findings.examined(self.scope, self.depth)) as instances:
            async for each in instances:
                self._add(summary, each)
        yield (await asyncio.to_thread(self._page, summary)).encode()

    def _add(self, summary: Summary, each: Examined) -> Sequence[Finding]:
        told = self.profile.apply(each.examination.findings)
        summary.add(each.record.uids.sop_instance, each.examination, told)
        return told

    def _page(self, summary: Summary) -> str:
        studies = list(summary.studies(self.profile))
        return page(studies, summary, self.profile.name, 0)
