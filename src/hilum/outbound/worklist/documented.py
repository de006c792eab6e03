"""How the routes of the worklist look in the OpenAPI document."""

from typing import Any, Final

from hilum.wire.dataset_forms import DICOM_XML
from hilum.wire.media_types import DICOM_JSON, JSON, MULTIPART
from hilum.wire.worklist_rules import WorklistRules

Responses = dict[int | str, dict[str, Any]]

_DATASET: Final = {"type": "object", "description": "DICOM JSON (PS3.18 annex F)"}
_XML: Final = {"schema": {"type": "string", "description": "A Native DICOM Model (PS3.19 A.1)"}}
TEXT: Final = {"text/plain": {"schema": {"type": "string"}}}
_DATASETS: Final = {"type": "array", "items": _DATASET}
_TITLES: Final = {
    400: "The UID, the data set or the query is not valid, or not in this state",
    401: "Credentials are missing or not valid",
    403: "The scope is not granted",
    404: "No work item has this UID",
    406: "Nothing that the Accept header names can be given",
    409: "Not possible for this work item now",
    413: "A limit of the settings `worklist` is exceeded, such as the size of the body",
    415: "The body is of another media type",
    503: "The archive cannot do this now; try again",
}


def refusals(rules: WorklistRules, *statuses: int) -> Responses:
    """What every route may answer, and what this one may."""
    # What is refused before the route is asked is plain text anywhere.
    text = {**TEXT, "application/json": TEXT["text/plain"]} if rules.error_is_json else TEXT
    return {
        status: {
            "description": _TITLES[status],
            **({} if status in {401, 406} else {"content": text}),
        }
        for status in sorted({400, 401, 403, 503, *statuses})
    }


def told(description: str) -> dict[str, Any]:
    return {"description": description}


def datasets(description: str, rules: WorklistRules, *, single: bool = False) -> dict[str, Any]:
    """An answer of data sets; `single`: of one, which can be an XML document, too."""
    schema = _DATASET if single and rules.one_is_object else _DATASETS
    media_types = [DICOM_JSON] if rules.strict else [DICOM_JSON, JSON]
    content: dict[str, Any] = {media_type: {"schema": schema} for media_type in media_types}
    if rules.offers_xml:
        content[f'{MULTIPART}; type="{DICOM_XML}"'] = _XML
        content |= {DICOM_XML: _XML} if single else {}
    return {"description": description, "content": content}


def body(description: str, rules: WorklistRules, *, required: bool = True) -> dict[str, Any]:
    """`requestBody` of a route."""
    schema = {"oneOf": [_DATASET, _DATASETS]}
    content = {media_type: {"schema": schema} for media_type in rules.body_types}
    return {"requestBody": {"description": description, "required": required, "content": content}}


def query(*parameters: tuple[str, dict[str, Any], str]) -> dict[str, Any]:
    """`parameters` of a route: name, schema, description."""
    return {
        "parameters": [
            {"name": name, "in": "query", "schema": schema, "description": description}
            for name, schema, description in parameters
        ]
    }
