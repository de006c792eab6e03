"""OHIF in a real browser shows what is stored here, and asks nobody else.

Times are told (`-rP`, and in the report's properties), not asserted: they are those of a browser
that computes its graphics, on a machine that others use.
"""

import io
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import BrowserContext

from hilum.inbound.demo.studies import study
from tests.peers.browser import a_browser, a_viewer, needed
from tests.peers.prefix_proxy import a_prefix_proxy
from tests.served_dicomweb import ServedDicomWeb

pytestmark = [
    pytest.mark.slow,
    pytest.mark.peer("OHIF"),
    pytest.mark.timeout(150),
    pytest.mark.xdist_group("browser"),
]
THIN_CUTS, IN_COLOUR = 5, 7
SHOWN = (200, 200)
"""Pictures are compared at this size: the viewport has another one than the image."""


@pytest.fixture(scope="module")
def context() -> Iterator[BrowserContext]:
    with a_browser() as context:
        yield context


@pytest.fixture(scope="module")
def cuts() -> dict[int, pydicom.Dataset]:
    """Cuts that are compared, by instance number; the others are stored and forgotten."""
    return {}


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, cuts: dict[int, pydicom.Dataset]
) -> Iterator[ServedDicomWeb]:
    _, folder = needed()
    data = tmp_path_factory.mktemp("browser")
    with ServedDicomWeb(data, viewer={"folder": folder}) as server:
        for number in (THIN_CUTS, IN_COLOUR):
            instances = study(number)
            while batch := list(itertools.islice(instances, 20)):
                server.keep_at_once(*batch)
                if number == THIN_CUTS:
                    first = pydicom.dcmread(io.BytesIO(batch[0]))
                    cuts.setdefault(first.InstanceNumber, first)
        yield server


def as_seen(dataset: pydicom.Dataset) -> NDArray[np.uint8]:
    """The cut through its first window (PS3.3 C.11.2.1.2.1)."""
    hounsfield = dataset.pixel_array * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept)
    centre, width = float(dataset.WindowCenter[0]), float(dataset.WindowWidth[0])
    share = np.clip((hounsfield - (centre - 0.5)) / (width - 1) + 0.5, 0, 1)
    return np.rint(share * 255).astype(np.uint8)


def assert_shows(pixels: NDArray[np.uint8] | None, image: NDArray[np.uint8]) -> None:
    """The image fits the viewport with its aspect ratio, in the middle."""
    assert pixels is not None
    rows, columns = pixels.shape[:2]
    scale = min(rows / image.shape[0], columns / image.shape[1])
    high, wide = round(image.shape[0] * scale), round(image.shape[1] * scale)
    top, left = (rows - high) // 2, (columns - wide) // 2
    part = pixels[top : top + high, left : left + wide]
    found, wanted = (
        np.asarray(Image.fromarray(each).convert("RGB").resize(SHOWN, Image.Resampling.BOX), float)
        for each in (part, image)
    )
    assert np.corrcoef(found.ravel(), wanted.ravel())[0, 1] > 0.97
    assert np.abs(found - wanted).mean() < 6


def test_a_ct_of_300_cuts_is_found_opened_and_scrolled_through(
    context: BrowserContext,
    server: ServedDicomWeb,
    cuts: dict[int, pydicom.Dataset],
    record_property: Callable[[str, object], None],
) -> None:
    with a_viewer(context, server.url) as viewer:
        viewer.open_list()
        viewer.page.get_by_text("Echocardiography, colour Doppler").wait_for()
        viewer.page.get_by_text("CT chest, thin cuts, with a report").click()
        thumbnail = viewer.page.locator("img[src^='blob:']").first
        thumbnail.wait_for()
        assert thumbnail.evaluate("image => image.naturalWidth") > 32
        assert viewer.page.evaluate("crossOriginIsolated"), "decoders may share memory"

        seconds = viewer.open_study("CT chest, thin cuts, with a report")
        record_property("first_image_seconds", round(seconds, 2))
        print(f"first image after {seconds:.2f} s")  # noqa: T201 - told with -rP
        viewer.until(lambda: viewer.shown() == (300, 1))

        def step_to(position: int) -> None:
            while (now := viewer.shown()[1]) < position:
                viewer.scroll(min(position - now, 10))
                viewer.until(lambda before=now: viewer.shown()[1] > before)  # type: ignore[misc]
            while (now := viewer.shown()[1]) > position:
                viewer.scroll(-1)
                viewer.until(lambda before=now: viewer.shown()[1] < before)  # type: ignore[misc]

        step_to(20)
        assert_shows(viewer.pixels(), as_seen(cuts[281]))
        step_to(40)
        assert_shows(viewer.pixels(), as_seen(cuts[261]))
        viewer.page.keyboard.press("End")
        viewer.until(lambda: viewer.shown() == (1, 300))
        assert_shows(viewer.pixels(), as_seen(cuts[1]))
        viewer.until(lambda: len({r.url for r in viewer.requests if "/frames/" in r.url}) == 300)
        assert viewer.wrong == []


def test_a_loop_in_colour_plays(context: BrowserContext, server: ServedDicomWeb) -> None:
    stored = pydicom.dcmread(io.BytesIO(next(study(IN_COLOUR)))).pixel_array
    red: list[int] = []
    blue: list[int] = []

    with a_viewer(context, server.url) as viewer:
        viewer.page.goto(f"{server.url}/viewer")
        viewer.open_study("Echocardiography, colour Doppler")
        viewer.until(lambda: viewer.shown() == (1, 1))
        assert_shows(viewer.pixels(), stored[0])

        def has_shown_both_flows() -> bool:
            pixels = viewer.pixels()
            assert pixels is not None
            excess = pixels[..., 0].astype(int) - pixels[..., 2]
            red.append(int(excess.max()))
            blue.append(int(-excess.min()))
            return max(red) > 100 and max(blue) > 100

        assert not has_shown_both_flows(), "the first frame is between two flows"
        viewer.page.locator("[data-cy='cine-player-play-pause']").click()
        viewer.until(has_shown_both_flows)
        assert viewer.wrong == []


def test_behind_a_proxy_with_a_prefix_and_by_another_name_than_the_public_one(
    context: BrowserContext, tmp_path: Path
) -> None:
    settings = {
        "viewer": {"folder": needed()[1]},
        "http": {"port": 0, "public_url": "https://pacs.example.org/hilum"},
    }
    with ServedDicomWeb(tmp_path, **settings) as server:
        server.keep(next(study(IN_COLOUR)))
        with a_prefix_proxy(server.port, "/hilum") as url, a_viewer(context, url) as viewer:
            viewer.page.goto(f"{url}/viewer")
            viewer.open_study("Echocardiography, colour Doppler")
            viewer.until(lambda: viewer.shown() == (1, 1))
            assert viewer.page.url.startswith(f"{url}/viewer/viewer?")
            viewer.page.reload()
            viewer.until(lambda: viewer.shown() == (1, 1))
            assert viewer.wrong == []
