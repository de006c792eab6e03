"""The answer to a search: data sets, 204 when nothing matched (PS3.18 table 10.6.3-1)."""

from collections.abc import Sequence
from typing import Final

import orjson
from starlette.responses import Response

from hilum.catalogue.search import RETRIEVE_URL, DataSet
from hilum.dicom.attributes import tag_of
from hilum.wire.dataset_forms import DataSetForm, xml_body
from hilum.wire.request_facts import warning

_STUDY: Final = f"{tag_of('StudyInstanceUID'):08X}"
_SERIES: Final = f"{tag_of('SeriesInstanceUID'):08X}"
_INSTANCE: Final = f"{tag_of('SOPInstanceUID'):08X}"
_CHARACTER_SET: Final = f"{tag_of('SpecificCharacterSet'):08X}"
_UTF_8: Final = {"vr": "CS", "Value": ["ISO_IR 192"]}
_PATHS: Final = ((_STUDY, "studies"), (_SERIES, "series"), (_INSTANCE, "instances"))

# PS3.18 section 8.3.4.4: the number of remaining results is not counted, since that could cost
# more than the search itself.
_MORE: Final = (
    "The search matched more than {count} results. Additional results can be requested with offset."
)


def search_response(
    datasets: Sequence[DataSet], form: DataSetForm, *, cut: str | None = None
) -> Response:
    """Render data sets; `cut` is the Warning header of an answer that was cut."""
    if not datasets:
        return Response(status_code=204)
    headers = {} if cut is None else {"warning": cut}
    if form.xml:
        headers["content-type"], body = xml_body(datasets, form)
        return Response(body, headers=headers)
    return Response(orjson.dumps(datasets), media_type=form.media_type, headers=headers)


def capped_warning(base: str, count: int) -> str:
    """Value of the Warning header for an answer that the server's own limit cut."""
    return warning(base, _MORE.format(count=count))


def with_retrieve_urls(
    datasets: Sequence[DataSet], tags: tuple[str, ...], base: str
) -> Sequence[DataSet]:
    """Add RetrieveURL, where it is wanted, at its place in the order of tags."""
    if RETRIEVE_URL not in tags:
        return datasets
    return [_with_retrieve_url(dataset, tags, base) for dataset in datasets]


def _with_retrieve_url(dataset: DataSet, tags: tuple[str, ...], base: str) -> DataSet:
    url = base
    for key, segment in _PATHS:
        element = dataset.get(key)
        if element is None:
            break
        url = f"{url}/{segment}/{element['Value'][0]}"
    dataset[RETRIEVE_URL] = {"vr": "UR", "Value": [url]}
    return {tag: dataset[tag] for tag in tags if tag in dataset}


def in_utf_8(datasets: Sequence[DataSet]) -> Sequence[DataSet]:
    """Say in each data set that its text is UTF-8, as JSON is (PS3.18 section F.2.2)."""
    for dataset in datasets:
        if _CHARACTER_SET in dataset:
            dataset[_CHARACTER_SET] = _UTF_8
    return datasets
