"""Which version of instances a client means where there are two (Azure DICOM service, 3.6)."""

from dataclasses import replace
from typing import Final

from starlette.requests import Request

from hilum.domain.editions import Edition
from hilum.domain.identifiers import Scope

REQUEST_ORIGINAL: Final = "msdicom-request-original"
"""`true`: as it was before the first bulk update; anything else: the latest."""


def in_edition(request: Request, scope: Scope) -> Scope:
    """`scope` in the edition that the request asks for."""
    if request.headers.get(REQUEST_ORIGINAL, "").strip().lower() != "true":
        return scope
    return replace(scope, edition=Edition.ORIGINAL)


def tag_of_edition(tag: str, scope: Scope) -> str:
    """An entity tag that is never that of the other edition."""
    return f"{tag}-original" if scope.edition is Edition.ORIGINAL else tag
