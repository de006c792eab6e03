"""Adding extended query tags over HTTP, and instances to be found by them."""

import itertools
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx
import pydicom
from pydicom.dataset import Dataset

from tests.instances import a_dataset, a_multipart, part10

TAGS = "/extendedquerytags"
MULTIPART = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=B'}
ROOT = "1.2.826.0.1.3680043.10.8"
_STUDIES = itertools.count(1)


def a_new(**elements: Any) -> Dataset:
    """An instance of a study of its own, unless `elements` say otherwise."""
    study = elements.get("StudyInstanceUID", f"{ROOT}.{next(_STUDIES)}")
    uids = {
        "StudyInstanceUID": study,
        "SeriesInstanceUID": f"{study}.1",
        "SOPInstanceUID": f"{study}.1.{next(_STUDIES)}",
    }
    return a_dataset(**(uids | elements))


def private(dataset: Dataset, creator: str, value: str, block: int = 0x10) -> Dataset:
    """Add (0019,xx02) of a creator."""
    dataset.add_new((0x0019, block), "LO", creator)
    dataset.add_new((0x0019, block * 0x100 + 2), "SH", value)
    return dataset


def post(
    client: httpx.Client, surface: str, *datasets: Dataset, syntax: str = ""
) -> httpx.Response:
    chosen = syntax or pydicom.uid.ExplicitVRLittleEndian
    body = a_multipart(*(part10(each, chosen) for each in datasets))
    return client.post(f"{surface}/studies", content=body, headers=MULTIPART)


def store(client: httpx.Client, surface: str, *datasets: Dataset) -> None:
    assert post(client, surface, *datasets).status_code in {200, 202}


def ended(client: httpx.Client, response: httpx.Response) -> dict[str, Any]:
    """The operation that an answer began, when it has ended."""
    assert response.status_code == 202, response.text
    until = time.monotonic() + 20
    while True:
        found = client.get(response.headers["location"])
        if found.status_code == 200 or time.monotonic() > until:
            return dict(found.json())
        time.sleep(0.02)  # no event tells a client


def a_tag(path: str, level: str, **more: str) -> dict[str, str]:
    return {"path": path, "level": level} | more


def add(client: httpx.Client, surface: str, *tags: dict[str, str]) -> httpx.Response:
    return client.post(f"{surface}{TAGS}", json=list(tags))


@contextmanager
def tagged(client: httpx.Client, surface: str, *tags: dict[str, str]) -> Iterator[None]:
    """Tags that are ready, and gone afterwards."""
    ended(client, add(client, surface, *tags))
    try:
        yield
    finally:
        for tag in tags:
            client.delete(f"{surface}{TAGS}/{tag['path']}")


def studies(response: httpx.Response) -> Sequence[str]:
    """Study UIDs of what a search found."""
    if response.status_code == 204:
        return []
    assert response.status_code == 200, response.text
    return [each["0020000D"]["Value"][0] for each in response.json()]
