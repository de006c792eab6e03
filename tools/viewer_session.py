"""Record what the viewer asks in a browser, and take its picture.

python tools/viewer_session.py    writes tests/data/viewer_session.json and docs/images/viewer.png

Needs `make viewer` and `scripts/services install chromium`. The demo's CT of thin cuts, with all
that was found in it, and the loop in colour are opened; what is asked of DICOMweb is written down
without what differs from run to run, and no more than a few frames of each instance and series.
"""

import io
import itertools
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from PIL import Image

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from hilum.inbound.demo.studies import study  # noqa: E402
from tests.peers.browser import Viewer, a_browser, a_viewer, needed  # noqa: E402
from tests.served_dicomweb import ServedDicomWeb  # noqa: E402

SESSION = ROOT / "tests" / "data" / "viewer_session.json"
PICTURE = ROOT / "docs" / "images" / "viewer.png"
PICTURE_BYTES = 300_000
THIN_CUTS, MULTI_FRAME, IN_COLOUR = 5, 6, 7
BY_REFERENCE = {"inline_bytes": 256}
"""So that the document, small though it is, is told of by reference, as real ones are."""
FRAMES = 4
"""How many requests for frames are kept of each series."""
HEADERS = ("accept", "accept-encoding", "range", "content-type", "origin")


def main() -> int:
    with (
        tempfile.TemporaryDirectory() as folder,
        ServedDicomWeb(Path(folder), viewer={"folder": needed()[1]}, dicom=BY_REFERENCE) as server,
        a_browser(1400, 900) as context,
    ):
        fill(server)
        with a_viewer(context, server.url) as viewer:
            tour(viewer)
            if viewer.wrong:
                print("\n".join(viewer.wrong), file=sys.stderr)
                return 1
            session = reduced(viewer)
    SESSION.parent.mkdir(exist_ok=True)
    SESSION.write_text(json.dumps(session, indent=1, ensure_ascii=True) + "\n")
    print(f"{SESSION.relative_to(ROOT)}: {len(session['requests'])} requests")
    return 0


def fill(server: ServedDicomWeb) -> None:
    for number in (THIN_CUTS, MULTI_FRAME, IN_COLOUR):
        instances = study(number)
        while batch := list(itertools.islice(instances, 20)):
            server.keep_at_once(*batch)


def tour(viewer: Viewer) -> None:
    viewer.open_list()
    viewer.page.get_by_text("MR head, multi-frame", exact=True).click()
    viewer.page.locator("img[src^='blob:']").first.wait_for()
    viewer.open_study("Echocardiography, colour Doppler")
    viewer.page.wait_for_load_state("networkidle")
    viewer.page.go_back()
    viewer.open_study("CT chest, thin cuts, with a report")
    viewer.until(lambda: viewer.shown()[1] == 1)
    for modality in ("SR", "DOC", "SEG"):
        viewer.page.wait_for_load_state("networkidle")
        series = viewer.page.locator("[data-cy='study-browser-thumbnail-no-image']")
        series.filter(has_text=modality).first.dblclick()
        viewer.page.wait_for_timeout(2000)
    viewer.page.get_by_role("button", name="Yes", exact=True).click()
    viewer.page.wait_for_load_state("networkidle")
    take(viewer)


def take(viewer: Viewer) -> None:
    """Write the picture, in so many colours as its size allows."""
    shot = Image.open(io.BytesIO(viewer.page.screenshot())).convert("RGB")
    PICTURE.parent.mkdir(exist_ok=True)
    for colours in (256, 128, 64, 32):
        shot.quantize(colours).save(PICTURE, optimize=True)
        if PICTURE.stat().st_size < PICTURE_BYTES:
            break
    print(f"{PICTURE.relative_to(ROOT)}: {PICTURE.stat().st_size:,} bytes")


def reduced(viewer: Viewer) -> dict[str, Any]:
    """What is replayed: one of each request, a few frames of each series."""
    kept: list[dict[str, Any]] = []
    frames: Counter[str] = Counter()
    agent = viewer.page.evaluate("navigator.userAgent")
    for request in viewer.requests:
        parts = urlsplit(request.url)
        if not parts.path.startswith("/dicom-web/"):
            continue
        headers = request.all_headers()
        one = {
            "method": request.method,
            "path": parts.path,
            "query": parts.query,
            "headers": {name: headers[name] for name in HEADERS if name in headers},
        }
        if one in kept:
            continue
        if "/frames/" in parts.path:
            series = parts.path.partition("/instances/")[0]
            frames[series] += 1
            if frames[series] > FRAMES:
                continue
        kept.append(one)
    return {"browser": agent, "viewer": "OHIF 3.13.2", "requests": kept}


if __name__ == "__main__":
    raise SystemExit(main())
