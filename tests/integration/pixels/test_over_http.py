"""Frames in syntaxes they are not stored in, from the whole server with its pixel workers."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest

from hilum.domain.identifiers import TransferSyntaxUID
from hilum.domain.images import EncodedFrame
from hilum.imaging.decoding import decode
from hilum.imaging.syntaxes import SYNTAXES
from tests.served_dicomweb import ServedDicomWeb
from tests.unit.imaging.oracle import (
    HTJ2K,
    HTJ2K_RPCL,
    JPEG_2000,
    JPEG_BASELINE,
    JPEG_LOSSLESS,
    JPEG_LS,
    LITTLE,
    RLE,
    ROOM,
    by_pydicom,
    frames_of,
    images,
    pixels_of,
)

_NAMES = (
    "CT_small.dcm",
    "MR_small_RLE.dcm",
    "ExplVR_BigEnd.dcm",
    "JPGLosslessP14SV1_1s_1f_8b.dcm",
    "emri_small_jpeg_ls_lossless.dcm",
    "J2K_pixelrep_mismatch.dcm",
    "examples_palette.dcm",
)
_FILES = {path.name: (path, dataset) for path, dataset in images() if path.name in _NAMES}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDicomWeb]:
    with ServedDicomWeb(tmp_path_factory.mktemp("served"), pixels={"queue": 2}) as server:
        server.keep(*(path.read_bytes() for path, _ in _FILES.values()))
        yield server


def _frame(client: httpx.Client, name: str, accept: str) -> httpx.Response:
    dataset = _FILES[name][1]
    study, series = dataset.StudyInstanceUID, dataset.SeriesInstanceUID
    path = f"/dicom-web/studies/{study}/series/{series}/instances/{dataset.SOPInstanceUID}/frames/1"
    return client.get(path, headers={"Accept": accept})


def _asking(target: TransferSyntaxUID) -> str:
    return f"{SYNTAXES[target].media_type}; transfer-syntax={target}"


@pytest.mark.parametrize(
    "target", [LITTLE, RLE, JPEG_LOSSLESS, JPEG_LS, JPEG_2000, HTJ2K, HTJ2K_RPCL]
)
@pytest.mark.parametrize("name", _NAMES)
def test_a_frame_comes_in_the_syntax_that_is_asked_for(
    served: ServedDicomWeb, name: str, target: TransferSyntaxUID
) -> None:
    dataset = _FILES[name][1]
    stored = next(frames_of(dataset))

    with served.client() as client:
        response = _frame(client, name, _asking(target))

    assert response.status_code == 200
    pixels = replace(pixels_of(dataset), transfer_syntax_uid=target, has_words=False)
    seen = decode(EncodedFrame(pixels, response.content), ROOM).values
    assert np.array_equal(seen, by_pydicom(stored))


def test_the_work_shows_in_the_metrics(served: ServedDicomWeb) -> None:
    with served.client() as client:
        assert _frame(client, "CT_small.dcm", _asking(JPEG_2000)).status_code == 200
        page = client.get("/metrics", headers={"Accept": "*/*"}).text

    assert 'hilum_pixel_tasks_total{kind="transcode",outcome="done"}' in page


def test_lossy_frames_are_not_made_unless_allowed(served: ServedDicomWeb) -> None:
    with served.client() as client:
        response = _frame(client, "examples_palette.dcm", _asking(JPEG_BASELINE))

    assert response.status_code == 406


def test_lossy_frames_are_made_for_who_names_them_where_it_is_allowed(tmp_path: Path) -> None:
    path, dataset = _FILES["JPGLosslessP14SV1_1s_1f_8b.dcm"]
    with ServedDicomWeb(tmp_path, pixels={"lossy": True}) as server, server.client() as client:
        server.keep(path.read_bytes())
        response = _frame(client, path.name, _asking(JPEG_BASELINE))

    assert response.status_code == 200
    pixels = replace(pixels_of(dataset), transfer_syntax_uid=JPEG_BASELINE)
    seen = decode(EncodedFrame(pixels, response.content), ROOM).values.astype(int)
    assert np.abs(seen - by_pydicom(next(frames_of(dataset)))).max() <= 24


def test_more_frames_than_may_wait_are_put_off(tmp_path: Path) -> None:
    path, dataset = _FILES["J2K_pixelrep_mismatch.dcm"]
    # Who asks for the same frame in the same syntax shares the work: each wants another one.
    targets = [each.uid for each in SYNTAXES.values() if each.encodes and not each.may_be_lossy]

    async def flood(url: str) -> list[httpx.Response]:
        study, series = dataset.StudyInstanceUID, dataset.SeriesInstanceUID
        instance = f"/dicom-web/studies/{study}/series/{series}/instances/{dataset.SOPInstanceUID}"
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            asked = (
                client.get(f"{instance}/frames/1", headers={"Accept": _asking(target)})
                for target in targets
            )
            return list(await asyncio.gather(*asked))

    with ServedDicomWeb(tmp_path, pixels={"queue": 2, "workers": 1}) as server:
        server.keep(path.read_bytes())
        answers = asyncio.run(flood(server.url))

    statuses = {answer.status_code for answer in answers}
    assert statuses == {200, 503}
    assert all(a.headers["retry-after"] for a in answers if a.status_code == 503)
