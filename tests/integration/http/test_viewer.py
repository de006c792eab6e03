"""The viewer's files, page and configuration, of a small build that stands in for OHIF."""

import asyncio
import base64
import gzip
import hashlib
import json
import os
import re
from pathlib import Path

import pytest

from tests.instances import an_instance
from tests.integration.http.conftest import Gateway, Start

BUNDLE = "app.bundle.0f6159c501addfe9.js"
SCRIPT = b"console.log('the viewer')\n" * 100
INDEX = b"""<!doctype html><html><head><script>window.PUBLIC_URL="/"</script>
<link href="/app.bundle.css" rel="stylesheet"><script src="/app-config.js"></script>
<script defer src="/app.bundle.0f6159c501addfe9.js"></script></head><body></body></html>"""


@pytest.fixture
def build(tmp_path: Path) -> Path:
    folder = tmp_path / "viewer"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_bytes(INDEX)
    (folder / BUNDLE).write_bytes(SCRIPT)
    (folder / f"{BUNDLE}.gz").write_bytes(gzip.compress(SCRIPT))
    (folder / "app.bundle.css").write_bytes(b"body { color: white }")
    (folder / "app-config.js").write_bytes(b"window.config = 'of somebody else'")
    (folder / "0ddf166f7a343eda.wasm").write_bytes(b"\0asm")
    (folder / "assets" / "icon.svg").write_bytes(b"<svg/>")
    (folder / ".secret").write_text("not for browsers")
    (tmp_path / "outside.js").write_text("outside")
    return folder


@pytest.fixture
async def viewer(start: Start, build: Path) -> Gateway:
    return await start(viewer__folder=build)


@pytest.mark.parametrize(
    "path", ["/viewer", "/viewer/", "/viewer/index.html", "/viewer/viewer", "/viewer/tmtv/x"]
)
async def test_every_place_in_the_viewer_is_its_page(viewer: Gateway, path: str) -> None:
    answer = await viewer.client.get(f"{path}?StudyInstanceUIDs=1.2.3")

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["cache-control"] == "no-cache"
    assert b'href="/viewer/app.bundle.css"' in answer.content
    assert b'src="/viewer/app-config.js"' in answer.content
    assert b'window.PUBLIC_URL="/viewer/"' in answer.content


async def test_the_page_is_isolated_and_lets_nothing_come_from_elsewhere(viewer: Gateway) -> None:
    answer = await viewer.client.get("/viewer")

    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["cross-origin-embedder-policy"] == "require-corp"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "http" not in policy.replace("'self'", "")
    inside = re.search(rb"<script>(.*?)</script>", answer.content)
    assert inside is not None
    digest = base64.b64encode(hashlib.sha256(inside[1]).digest()).decode()
    assert f"'sha256-{digest}'" in policy


@pytest.mark.parametrize(
    ("name", "media_type", "kept"),
    [
        (BUNDLE, "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"),
        ("0ddf166f7a343eda.wasm", "application/wasm", "public, max-age=31536000, immutable"),
        ("app.bundle.css", "text/css; charset=utf-8", "no-cache"),
        ("assets/icon.svg", "image/svg+xml", "no-cache"),
    ],
)
async def test_files_have_their_type_and_are_kept_while_their_name_says_what_is_in_them(
    viewer: Gateway, build: Path, name: str, media_type: str, kept: str
) -> None:
    answer = await viewer.client.get(f"/viewer/{name}")

    assert answer.status_code == 200
    assert answer.content == (build / name).read_bytes()
    assert answer.headers["content-type"] == media_type
    assert answer.headers["cache-control"] == kept
    assert answer.headers["cross-origin-embedder-policy"] == "require-corp"

    etag = answer.headers["etag"]
    again = await viewer.client.get(f"/viewer/{name}", headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")


async def test_a_compressed_twin_is_sent_to_those_who_take_it(viewer: Gateway) -> None:
    path = f"/viewer/{BUNDLE}"
    packed = await viewer.client.get(path, headers={"Accept-Encoding": "gzip"})
    plain = await viewer.client.get(path, headers={"Accept-Encoding": "identity"})
    head = await viewer.client.head(path, headers={"Accept-Encoding": "identity"})

    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < len(SCRIPT)
    assert "content-encoding" not in plain.headers
    assert packed.content == plain.content == SCRIPT
    assert packed.headers["etag"] != plain.headers["etag"]
    assert "Accept-Encoding" in packed.headers["vary"]
    assert "Accept-Encoding" in plain.headers["vary"]
    assert (head.content, head.headers["content-length"]) == (b"", str(len(SCRIPT)))


async def test_a_twin_that_is_older_than_its_file_is_not_sent(start: Start, build: Path) -> None:
    os.utime(build / f"{BUNDLE}.gz", (1, 1))
    viewer = await start(viewer__folder=build)

    answer = await viewer.client.get(f"/viewer/{BUNDLE}", headers={"Accept-Encoding": "gzip"})

    assert "content-encoding" not in answer.headers
    assert answer.content == SCRIPT


@pytest.mark.parametrize(
    "path",
    [
        "/viewer/../outside.js",
        "/viewer/%2e%2e/outside.js",
        "/viewer/..%2foutside.js",
        "/viewer/assets/../../outside.js",
        "/viewer/..%5coutside.js",
        "/viewer//etc/../outside.js",
        "/viewer/.secret",
        "/viewer/%00.js",
        "/viewer/gone.bundle.js",
        "/viewer/../viewer/x",
    ],
)
async def test_only_files_of_the_build_are_there(viewer: Gateway, path: str) -> None:
    reader, writer = await _connect(viewer)
    writer.write(b"GET " + path.encode() + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
    line = await reader.readline()
    writer.close()

    assert line.split()[1] == b"404", line


async def test_the_configuration_is_ours_and_names_this_server_only(viewer: Gateway) -> None:
    answer = await viewer.client.get("/viewer/app-config.js")

    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert "somebody else" not in answer.text
    assert "http" not in answer.text
    config = _config(answer.text)
    assert config["routerBasename"] == "/viewer"
    (source,) = config["dataSources"]
    assert source["sourceName"] == config["defaultDataSourceName"]
    assert '"wadoRoot": root,' in answer.text
    assert '"wadoUriRoot": root + "/wado",' in answer.text
    assert answer.text.rstrip().endswith('(window.location.origin + "/dicom-web");')


async def test_behind_a_prefix_everything_begins_with_it(start: Start, build: Path) -> None:
    viewer = await start(viewer__folder=build, http__public_url="https://pacs.example.org/hilum")

    page = await viewer.client.get("/viewer")
    script = (await viewer.client.get("/viewer/app-config.js")).text

    assert b'src="/hilum/viewer/app-config.js"' in page.content
    assert b'window.PUBLIC_URL="/hilum/viewer/"' in page.content
    assert _config(script)["routerBasename"] == "/hilum/viewer"
    assert script.rstrip().endswith('(window.location.origin + "/hilum/dicom-web");')
    # Bulk data are told of by the public name; a browser that came by another one stays with it.
    assert '"startsWith": "https://pacs.example.org/hilum/dicom-web"' in script
    assert '"prefixWith": root' in script


async def test_the_prefix_of_a_trusted_proxy_counts(start: Start, build: Path) -> None:
    viewer = await start(viewer__folder=build, http__trusted_proxies="127.0.0.1")
    headers = {"X-Forwarded-Prefix": "/images"}

    page = await viewer.client.get("/viewer", headers=headers)
    script = (await viewer.client.get("/viewer/app-config.js", headers=headers)).text

    assert b'src="/images/viewer/app-config.js"' in page.content
    assert _config(script)["routerBasename"] == "/images/viewer"


async def test_a_build_for_a_path_of_its_own_is_left_alone(start: Start, build: Path) -> None:
    html = INDEX.replace(b'="/', b'="/ohif/')
    (build / "index.html").write_bytes(html)
    viewer = await start(viewer__folder=build, viewer__path="/ohif")

    assert (await viewer.client.get("/ohif")).content == html


async def test_another_path_can_be_chosen(start: Start, build: Path) -> None:
    viewer = await start(viewer__folder=build, viewer__path="/look/here")

    page = await viewer.client.get("/look/here")

    assert b'src="/look/here/app-config.js"' in page.content
    assert (await viewer.client.get(f"/look/here/{BUNDLE}")).content == SCRIPT
    assert (await viewer.client.get("/viewer")).status_code == 404


async def test_without_a_viewer_the_page_says_how_to_get_it(start: Start, tmp_path: Path) -> None:
    viewer = await start(viewer__folder=tmp_path / "later")

    before = await viewer.client.get("/viewer")
    deeper = await viewer.client.get("/viewer/viewer?StudyInstanceUIDs=1.2.3")
    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "index.html").write_bytes(INDEX)
    after = await viewer.client.get("/viewer")

    assert (before.status_code, deeper.status_code, after.status_code) == (404, 404, 200)
    assert "make viewer" in before.text
    assert "viewer.folder" in before.text
    assert str(tmp_path) not in before.text


async def test_the_landing_page_leads_to_a_viewer_that_is_there(
    start: Start, build: Path, tmp_path: Path
) -> None:
    with_one = await start(viewer__folder=build, data_dir=tmp_path / "one")
    without = await start(viewer__folder=tmp_path / "none", data_dir=tmp_path / "two")
    for gateway in (with_one, without):
        await gateway.client.post(
            "/dicom-web/studies",
            content=an_instance(StudyInstanceUID="1.2.826.0.1.77"),
            headers={"Content-Type": "application/dicom"},
        )

    shown = (await with_one.client.get("/")).text
    bare = (await without.client.get("/")).text

    assert '<a href="./viewer">' in shown
    assert '<a href="./viewer/viewer?StudyInstanceUIDs=1.2.826.0.1.77">' in shown
    assert "/viewer" not in bare
    assert "1.2.826.0.1.77" in bare


async def test_a_build_that_is_replaced_is_noticed(viewer: Gateway, build: Path) -> None:
    first = await viewer.client.get("/viewer")
    (build / "new.bundle.aaaaaaaaaaaaaaaa.js").write_bytes(b"new")
    (build / "index.html").write_bytes(INDEX + b"<!-- another -->")

    second = await viewer.client.get("/viewer", headers={"If-None-Match": first.headers["etag"]})
    added = await viewer.client.get("/viewer/new.bundle.aaaaaaaaaaaaaaaa.js")
    third = await viewer.client.get("/viewer", headers={"If-None-Match": second.headers["etag"]})

    assert (second.status_code, added.content, third.status_code) == (200, b"new", 304)


async def test_a_viewer_that_is_switched_off_is_not_there(start: Start, build: Path) -> None:
    viewer = await start(viewer__folder=build, viewer__enabled=False)

    assert (await viewer.client.get("/viewer")).status_code == 404


async def test_the_viewer_itself_needs_no_credentials_but_what_it_shows_does(
    start: Start, build: Path
) -> None:
    viewer = await start(viewer__folder=build, security__authentication="required")

    assert (await viewer.client.get("/viewer")).status_code == 200
    assert (await viewer.client.get(f"/viewer/{BUNDLE}")).status_code == 200
    assert (await viewer.client.get("/dicom-web/studies")).status_code == 401


def _config(script: str) -> dict[str, object]:
    """The object that the script makes, with its root left out."""
    found = re.search(r"\(root => \((\{.*\})\)\)\(", script, re.DOTALL)
    assert found is not None
    config: dict[str, object] = json.loads(re.sub(r': root( \+ "[^"]*")?', ': ""', found[1]))
    return config


async def _connect(viewer: Gateway) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", viewer.serving.http.port)
