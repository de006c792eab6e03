"""The upload page in a real browser: from a folder to the archive, and out of quarantine."""

import io
import itertools
from collections.abc import Iterator
from pathlib import Path

import httpx
import pydicom
import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from hilum.access import AccessScope, make_key
from hilum.foundation.clock import SystemClock
from hilum.inbound.demo.studies import study
from tests.peers.browser import a_browser
from tests.peers.prefix_proxy import a_prefix_proxy
from tests.served_dicomweb import ServedDicomWeb

pytestmark = [
    pytest.mark.slow,
    pytest.mark.peer("Chromium"),
    pytest.mark.timeout(120),
    pytest.mark.xdist_group("browser"),
]
PET = 4
GOOD = 4


@pytest.fixture(scope="module")
def context() -> Iterator[BrowserContext]:
    expect.set_options(timeout=20_000)
    with a_browser(1000, 1000) as context:
        yield context


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Good files of a study, one whose file meta is of another instance, and one of no DICOM."""
    folder = tmp_path_factory.mktemp("media") / "scan"
    (folder / "series").mkdir(parents=True)
    *good, last = itertools.islice(study(PET), GOOD + 1)
    for number, data in enumerate(good):
        (folder / "series" / f"IM{number:04d}").write_bytes(data)
    broken = pydicom.dcmread(io.BytesIO(last))
    broken.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.UID("1.2.3.4.5")
    broken.save_as(folder / "series" / "broken", enforce_file_format=False)
    (folder / "readme.txt").write_text("This is <b>no</b> DICOM.")
    return folder


class Opened:
    """The page, and what went wrong on it."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.wrong: list[str] = []
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("console", self._console)
        page.goto(f"{url}/upload")

    def _console(self, message: object) -> None:
        text = str(getattr(message, "text", ""))
        if "Content Security Policy" in text or "Uncaught" in text:
            self.wrong.append(text)

    @property
    def upload(self) -> Locator:
        return self.page.get_by_role("article").first

    @property
    def dialog(self) -> Locator:
        return self.page.get_by_role("dialog")

    def file(self, name: str) -> Locator:
        return self.upload.get_by_role("region", name=name)


@pytest.fixture
def opened(context: BrowserContext) -> Iterator[list[Opened]]:
    """Pages that the test opens; closed, and looked at for errors, when it ends."""
    pages: list[Opened] = []
    yield pages
    for each in pages:
        each.page.close()
        assert each.wrong == []


def test_a_folder_is_archived_and_what_is_broken_is_repaired(
    context: BrowserContext, opened: list[Opened], folder: Path, tmp_path: Path
) -> None:
    with ServedDicomWeb(tmp_path) as server:
        browser = Opened(context.new_page(), server.url)
        opened.append(browser)
        browser.page.get_by_label("A folder").set_input_files(folder)

        state = browser.upload.locator(".state")
        expect(state).to_have_text(f"Archived in part: {GOOD} archived, 2 in quarantine")
        steps = browser.upload.get_by_label("States").locator("b")
        expect(steps).to_have_text(
            ["Received", "Being validated", "Validated", "Being archived", "Archived"]
        )
        readme, broken = browser.file("readme.txt"), browser.file("scan/series/broken")
        expect(readme).to_contain_text("no DICOM file")
        expect(broken).to_contain_text("in quarantine")
        expect(broken).to_contain_text("MediaStorageSOPInstanceUID")
        assert len(held(server)) == GOOD

        broken.get_by_role("button", name="Repair").click()
        expect(browser.dialog).to_contain_text("The archive would take it")
        expect(browser.dialog).to_contain_text("(0002,0003) rebuilt from the data set")
        browser.dialog.get_by_label("Reason").fill("as the sender told us by telephone")
        browser.dialog.get_by_role("button", name="Repair", exact=True).click()

        expect(state).to_have_text(f"Archived in part: {GOOD + 1} archived, 1 in quarantine")
        mended = pydicom.dcmread(folder / "series" / "broken").SOPInstanceUID
        assert mended in held(server)
        found = retrieved(server, mended)
        assert found.file_meta.MediaStorageSOPInstanceUID == found.SOPInstanceUID == mended
        assert found.pixel_array.shape == (128, 128)

        readme.get_by_role("button", name="Discard").focus()
        browser.page.keyboard.press("Enter")
        expect(browser.dialog).to_contain_text("cannot be had back")
        browser.page.keyboard.press("Escape")
        expect(readme).to_contain_text("in quarantine")
        browser.page.keyboard.press("Enter")
        browser.dialog.get_by_role("button", name="Discard").press("Enter")
        expect(readme).to_contain_text("discarded")
        expect(readme.get_by_role("button", name="Discard")).to_have_count(0)
        readme.get_by_role("button", name="Details").click()
        expect(readme).to_contain_text("discarded")

        browser.page.reload()
        expect(state).to_contain_text(f"{GOOD + 1} archived")


def test_with_a_key_and_behind_a_proxy_that_has_a_path_of_its_own(
    context: BrowserContext, opened: list[Opened], folder: Path, tmp_path: Path
) -> None:
    made = make_key("browser", [AccessScope.READ, AccessScope.WRITE], now=SystemClock().now())
    with (
        ServedDicomWeb(tmp_path, security={"authentication": "required"}) as server,
        a_prefix_proxy(server.port, "/hilum") as url,
    ):
        server.run(server.archive.index.keys.add(made.record))
        browser = Opened(context.new_page(), url)
        opened.append(browser)
        browser.page.get_by_label("Files", exact=True).set_input_files(folder / "readme.txt")

        key = browser.page.get_by_label("API key")
        expect(key).to_be_focused()
        key.fill("hilum_not_a_key")
        key.press("Enter")
        expect(browser.page.get_by_text("This key is not taken")).to_be_visible()
        key.fill(made.text)
        key.press("Enter")

        expect(browser.upload.get_by_role("alert").first).to_contain_text("neither DICOM")
        drop(browser.page, [folder / "series" / "IM0000", folder / "series" / "broken"])
        expect(browser.upload.locator(".state")).to_have_text(
            "Archived in part: 1 archived, 1 in quarantine"
        )
        browser.file("broken").get_by_role("button", name="Discard").click()
        browser.dialog.get_by_role("button", name="Discard").click()
        expect(browser.file("broken").get_by_role("alert")).to_contain_text("delete")
        stored = browser.page.evaluate("JSON.stringify([localStorage, document.cookie])")
        assert made.text not in stored
        assert "broken" not in stored


def test_the_page_outlives_an_outage_and_says_before_it_sends_what_is_too_much(
    context: BrowserContext, opened: list[Opened], folder: Path, tmp_path: Path
) -> None:
    with ServedDicomWeb(tmp_path, upload={"files": 2}) as server:
        browser = Opened(context.new_page(), server.url)
        opened.append(browser)
        sent: list[str] = []
        browser.page.on("request", lambda request: sent.append(request.method))
        browser.page.get_by_label("A folder").set_input_files(folder)

        expect(browser.upload.get_by_role("alert").first).to_contain_text("At most 2 files")
        assert "POST" not in sent

        browser.page.route("**/events", lambda route: route.abort(), times=1)
        browser.page.get_by_label("Files", exact=True).set_input_files(folder / "series" / "IM0000")
        expect(browser.upload.get_by_role("alert").first).to_contain_text("does not answer")
        expect(browser.upload.locator(".state")).to_have_text("Archived: 1 archived")
        expect(browser.upload.get_by_role("alert").first).to_be_hidden()


def test_without_scripts_the_form_sends_files_too(
    context: BrowserContext, folder: Path, tmp_path: Path
) -> None:
    assert context.browser is not None
    plain = context.browser.new_context(java_script_enabled=False)
    with ServedDicomWeb(tmp_path) as server:
        page = plain.new_page()
        page.goto(f"{server.url}/upload")
        page.get_by_label("Files", exact=True).set_input_files(folder / "series" / "IM0000")
        page.get_by_role("button", name="Upload").click()

        expect(page.locator("body")).to_contain_text('"status":"accepted"')
    plain.close()


def held(server: ServedDicomWeb) -> set[str]:
    """SOP Instance UIDs, as QIDO-RS tells them."""
    with server.client() as client:
        found = client.get("/dicom-web/instances").raise_for_status()
    return {each["00080018"]["Value"][0] for each in found.json()} if found.content else set()


def retrieved(server: ServedDicomWeb, uid: str) -> pydicom.Dataset:
    """The stored file, by its own address."""
    with server.client() as client:
        (match,) = client.get(f"/dicom-web/instances?SOPInstanceUID={uid}").json()
    url = "{}/dicom-web/studies/{}/series/{}/instances/{}".format(
        server.url, *(match[tag]["Value"][0] for tag in ("0020000D", "0020000E", "00080018"))
    )
    answer = httpx.get(url, headers={"Accept": "application/dicom; transfer-syntax=*"})
    return pydicom.dcmread(io.BytesIO(answer.raise_for_status().content))


def drop(page: Page, files: list[Path]) -> None:
    """Drop files on the page, as a mouse does."""
    contents = [[path.name, list(path.read_bytes())] for path in files]
    transfer = page.evaluate_handle(
        """files => {
          const transfer = new DataTransfer();
          for (const [name, bytes] of files)
            transfer.items.add(new File([new Uint8Array(bytes)], name));
          return transfer;
        }""",
        contents,
    )
    page.locator("#drop").dispatch_event("drop", {"dataTransfer": transfer})
