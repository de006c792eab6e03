"""Every image that pydicom ships, rendered over HTTP: a picture, or a refusal that is known.

What pictures look like is compared with DCMTK where that can draw them, too.
"""

import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset

from hilum.dicom.display_facts import display_of
from hilum.imaging.syntaxes import SYNTAXES, Codec
from tests.conformance.standard.test_frames_of_corpus import IMAGES, UNTOLD, kept
from tests.corpus import corpus_id, read_by_pydicom
from tests.instances import part10
from tests.served_dicomweb import ServedDicomWeb
from tests.unit.imaging.shown import a_table, an_image, by_dcmtk, json_of

_REFUSED = {
    **dict.fromkeys(UNTOLD, 422),
    "JPEG2000-embedded-sequence-delimiter.dcm": 422,
}
"""Images that have no picture, and the status that says so."""
_WORDS = np.random.default_rng(4).integers(0, 4096, (40, 30), np.uint16)
_SIGNED = np.random.default_rng(5).integers(-2048, 2048, (40, 30)).astype(np.int16)
_LEVELS = 1
"""Of 255: DCMTK cuts fractions off where here they are rounded."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDicomWeb]:
    with ServedDicomWeb(tmp_path_factory.mktemp("corpus-rendered")) as server:
        yield server


@pytest.fixture(scope="module")
def client(server: ServedDicomWeb) -> Iterator[httpx.Client]:
    with server.client(accept="image/png") as client:
        yield client


def rendered(client: httpx.Client, dataset: Dataset, **params: str) -> httpx.Response:
    study, series = dataset.StudyInstanceUID, dataset.SeriesInstanceUID
    url = f"/dicom-web/studies/{study}/series/{series}/instances/{dataset.SOPInstanceUID}/rendered"
    return client.get(url, params=params)


@pytest.mark.parametrize("path", IMAGES, ids=corpus_id)
def test_an_image_has_a_picture_or_a_known_refusal(
    server: ServedDicomWeb, client: httpx.Client, path: Path
) -> None:
    data = path.read_bytes()
    dataset = read_by_pydicom(data)
    assert dataset is not None
    assert kept(server, data).held

    response = rendered(client, dataset)

    expected = _REFUSED.get(path.name, 200)
    syntax = SYNTAXES.get(str(dataset.file_meta.get("TransferSyntaxUID", "")))
    if syntax is not None and syntax.codec is Codec.NONE:
        expected = 406
    assert response.status_code == expected, response.text
    if expected == 200:
        with Image.open(io.BytesIO(response.content)) as image:
            image.load()
            assert image.size == (dataset.Columns, dataset.Rows)
    else:
        assert response.text.endswith(".")


_CASES: dict[str, tuple["np.ndarray[Any, Any]", dict[str, Any], tuple[str, ...]]] = {
    "window": (_WORDS, {"WindowCenter": 1500, "WindowWidth": 800}, ("+Wi", "1")),
    "monochrome1": (
        _WORDS,
        {"WindowCenter": 900, "WindowWidth": 300, "PhotometricInterpretation": "MONOCHROME1"},
        ("+Wi", "1"),
    ),
    "rescaled": (
        _SIGNED,
        {"WindowCenter": 40, "WindowWidth": 400, "RescaleSlope": 2, "RescaleIntercept": -100},
        ("+Wi", "1"),
    ),
    "sigmoid": (
        _WORDS,
        {"WindowCenter": 1500, "WindowWidth": 800, "VOILUTFunction": "SIGMOID"},
        ("+Wi", "1"),
    ),
    "values as they are": (_WORDS, {}, ("+Wm",)),
    "voi table": (
        _WORDS,
        {"VOILUTSequence": [a_table(np.linspace(0, 65535, 4096).astype("<u2"), 0, 16)]},
        ("+Wl", "1"),
    ),
}


@pytest.mark.peer("DCMTK")
@pytest.mark.skipif(
    shutil.which("dcmj2pnm") is None, reason="DCMTK is not here: run scripts/services install"
)
@pytest.mark.parametrize("name", _CASES)
def test_a_picture_looks_as_dcmtk_draws_it(
    server: ServedDicomWeb, client: httpx.Client, tmp_path: Path, name: str
) -> None:
    values, elements, options = _CASES[name]
    dataset = an_image(values, **elements)
    file = tmp_path / "image.dcm"
    file.write_bytes(part10(dataset))
    server.keep(file.read_bytes())

    response = rendered(client, dataset)

    assert response.status_code == 200, response.text
    seen = np.asarray(Image.open(io.BytesIO(response.content))).astype(int)
    expected = by_dcmtk(file, *options)
    assert expected is not None
    assert np.abs(seen - expected).max() <= _LEVELS


@pytest.mark.peer("DCMTK")
@pytest.mark.skipif(
    shutil.which("dcmj2pnm") is None, reason="DCMTK is not here: run scripts/services install"
)
@pytest.mark.parametrize(("center", "width"), [(1000, 500), (0, 1), (-300, 4000), (2000.5, 33.3)])
def test_a_window_that_is_asked_for_looks_as_dcmtk_draws_it(
    server: ServedDicomWeb, client: httpx.Client, tmp_path: Path, center: float, width: float
) -> None:
    dataset = an_image(_WORDS)
    file = tmp_path / "image.dcm"
    file.write_bytes(part10(dataset))
    server.keep(file.read_bytes())

    response = rendered(client, dataset, window=f"{center},{width},linear")

    seen = np.asarray(Image.open(io.BytesIO(response.content))).astype(int)
    expected = by_dcmtk(file, "+Ww", str(center), str(width))
    assert expected is not None
    assert np.abs(seen - expected).max() <= _LEVELS


_WITH_TABLES = [
    path
    for path in IMAGES
    if path.name in {"examples_palette.dcm", "MR-SIEMENS-DICOM-WithOverlays.dcm"}
]


@pytest.mark.parametrize("path", _WITH_TABLES, ids=corpus_id)
def test_what_stands_beside_the_metadata_is_seen(
    server: ServedDicomWeb, client: httpx.Client, path: Path
) -> None:
    """Palettes and overlays change the picture: they come from the file, not from the index."""
    data = path.read_bytes()
    dataset = read_by_pydicom(data)
    assert dataset is not None
    kept(server, data)
    metadata, bulk = json_of(data)
    display = display_of(metadata, 0, bulk)
    assert display.palette is not None or display.overlays

    response = rendered(client, dataset)

    with Image.open(io.BytesIO(response.content)) as image:
        assert image.mode == ("RGB" if display.palette is not None else "L")
        if display.overlays:
            assert np.asarray(image).max() == 255
