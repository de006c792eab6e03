"""Debian's Chromium with the OHIF viewer in it, driven by Playwright.

Nothing is downloaded here: `scripts/services install chromium` and `make viewer` bring what is
needed; a test is skipped without it, and fails in CI. The upload page needs the browser only.
"""

import base64
import io
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, sync_playwright

ROOT = Path(__file__).parents[2]
VIEWER = Path(os.environ.get("VIEWER_OF_HILUM_TESTS", ROOT / ".viewer"))
_SECONDS = 60.0
_ARGUMENTS = (
    # Tests run as root in containers, where the sandbox cannot be; only our own pages are shown.
    "--no-sandbox",
    "--disable-dev-shm-usage",
    # There is no graphics card: WebGL is computed.
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
)
_SEEN_BEFORE = """
try {
  localStorage.setItem('shownTours', JSON.stringify(['basicViewerTour']));
} catch (notInThisFrame) {}
"""
_PIXELS = """
canvas => {
  if (!canvas.width || !canvas.height) return null;
  return canvas.toDataURL('image/png').split(',')[1];
}
"""


@dataclass
class Viewer:
    """A page with the viewer, and all that it did."""

    page: Page
    url: str
    requests: list[Request] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    """Requests that failed, that went elsewhere, and errors that the page told of."""

    def watch(self) -> None:
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.wrong.append(f"page: {error}"))
        self.page.on("request", self._request)
        self.page.on("requestfailed", self._failed)
        self.page.on(
            "response",
            lambda answer: (
                self.wrong.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None
            ),
        )

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.wrong.append(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("http", "https", "ws", "wss"):
            return  # a blob of the page's own, or a part of the browser, as its PDF viewer is
        if not request.url.startswith(f"{self.url}/"):
            self.wrong.append(f"to another server: {request.url}")
        self.requests.append(request)

    def _failed(self, request: Request) -> None:
        # What is not needed any more, such as a thumbnail of a row that was left, is broken off.
        if request.failure != "net::ERR_ABORTED":
            self.wrong.append(f"failed: {request.url}: {request.failure}")

    def open_list(self) -> None:
        """Show the study list; the dialog about the use of the viewer is answered."""
        self.page.goto(f"{self.url}/viewer")
        self.page.get_by_role("button", name="Confirm and hide").click()

    def open_study(self, description: str) -> float:
        """Open a study from the list; return the seconds until its first image is drawn."""
        begun = time.monotonic()
        self.page.get_by_text(description, exact=True).first.dblclick()
        self.until(lambda: (found := self.pixels()) is not None and found.std() > 10)
        return time.monotonic() - begun

    def pixels(self) -> NDArray[np.uint8] | None:
        """What the first viewport shows: RGB, (rows, columns, 3); None before there is one."""
        canvas = self.page.locator("canvas.cornerstone-canvas").first
        if not canvas.count():
            return None
        encoded = canvas.evaluate(_PIXELS)
        if encoded is None:
            return None
        image = Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGBA")
        black = Image.new("RGBA", image.size, "black")
        return np.asarray(Image.alpha_composite(black, image).convert("RGB"))

    def shown(self) -> tuple[int, int]:
        """Instance number and position, counted from 1, as the corner of the viewport says."""
        text = self.page.locator(".viewport-overlay").all_inner_texts()
        found = re.search(r"I:\s*(\d+)\s*\((\d+)/\d+\)", " ".join(text))
        return (int(found[1]), int(found[2])) if found else (0, 0)

    def scroll(self, steps: int) -> None:
        """Turn the wheel over the image, forwards when `steps` is positive."""
        self.page.locator("canvas.cornerstone-canvas").first.hover()
        for _ in range(abs(steps)):
            self.page.mouse.wheel(0, 100 if steps > 0 else -100)

    def until(self, holds: Callable[[], bool], seconds: float = _SECONDS) -> None:
        """Wait until something is so on the page, which goes on working meanwhile."""
        end = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > end:
                raise AssertionError(f"it did not happen within {seconds} s; {self.wrong}")
            self.page.wait_for_timeout(50)


def chromium() -> str:
    """Path of the browser; skips the test without it (in CI it fails)."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("chromium not found: run scripts/services install chromium")
    return found


def needed() -> tuple[str, Path]:
    """Chromium and the viewer's folder; skips the test without them (in CI it fails)."""
    browser = chromium()
    if not (VIEWER / "index.html").exists():
        pytest.skip(f"no viewer in {VIEWER}: run make viewer")
    return browser, VIEWER


@contextmanager
def a_browser(width: int = 1100, height: int = 700) -> Iterator[BrowserContext]:
    """A browser with nothing in its cache."""
    path = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        context = browser.new_context(viewport={"width": width, "height": height})
        context.add_init_script(_SEEN_BEFORE)
        try:
            yield context
        finally:
            browser.close()


@contextmanager
def a_viewer(context: BrowserContext, url: str) -> Iterator[Viewer]:
    """A page of its own; `url` is the server's."""
    viewer = Viewer(context.new_page(), url)
    viewer.watch()
    try:
        yield viewer
    finally:
        viewer.page.close()
