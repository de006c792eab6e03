"""What `make viewer` makes of the package, with a small package that stands in for it."""

import base64
import gzip
import hashlib
import io
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from scripts import viewer

BUNDLE = b'var a = 1;\n__webpack_require__.p = "/";\n' + b"// padding\n" * 200
FILES = {
    "dist/index.html": b'<script type="module" src="/init-service-worker.js"></script>',
    "dist/app.bundle.0f6159c501addfe9.js": BUNDLE,
    "dist/app.bundle.css": b"@font-face { src: url(/a34f.woff2) }",
    "dist/manifest.json": b'{"icons": [{"src": "/assets/a.png"}]}',
    "dist/assets/a.png": b"\x89PNG",
    "dist/ort/ort.wasm": b"a neural network",
    "dist/app.bundle.js.map": b"a map",
    "dist/sw.js": b"a service worker",
    "dist/app-config.js": b"a sample",
    "package.json": b"{}",
}


def packed(folder: Path, files: dict[str, bytes]) -> Path:
    path = folder / "package.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = packed(tmp_path, FILES)
    digest = hashlib.sha512(path.read_bytes()).digest()
    monkeypatch.setattr(viewer, "SHA512", base64.b64encode(digest).decode())
    return path


def test_the_build_is_made_to_work_below_any_path(package: Path, tmp_path: Path) -> None:
    folder = tmp_path / "made"

    viewer.make(folder, package)

    made = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert made == {
        "index.html",
        "app.bundle.0f6159c501addfe9.js",
        "app.bundle.0f6159c501addfe9.js.gz",
        "app.bundle.css",
        "manifest.json",
        "assets/a.png",
        viewer.STAMP,
    }
    bundle = (folder / "app.bundle.0f6159c501addfe9.js").read_bytes()
    assert b'__webpack_require__.p = "/"' not in bundle
    assert b"document.currentScript.src : self.location.href" in bundle
    assert gzip.decompress((folder / "app.bundle.0f6159c501addfe9.js.gz").read_bytes()) == bundle
    assert (folder / "app.bundle.css").read_bytes() == b"@font-face { src: url(./a34f.woff2) }"
    assert b'"./assets/a.png"' in (folder / "manifest.json").read_bytes()
    assert b"service-worker" not in (folder / "index.html").read_bytes()
    assert viewer.is_current(folder)


def test_it_is_made_anew_as_a_whole(package: Path, tmp_path: Path) -> None:
    folder = tmp_path / "made"
    viewer.make(folder, package)
    (folder / "left-over.js").write_text("of an older version")

    viewer.make(folder, package)

    assert not (folder / "left-over.js").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made", "package.tgz"]


def test_other_bytes_than_those_of_the_version_are_refused(tmp_path: Path) -> None:
    path = packed(tmp_path, FILES)

    with pytest.raises(viewer.ViewerError, match="SHA-512"):
        viewer.make(tmp_path / "made", path)

    assert not (tmp_path / "made").exists()


def test_a_folder_of_somebody_else_is_left_alone(package: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "thesis.txt").write_text("do not delete")

    with pytest.raises(viewer.ViewerError, match="--folder"):
        viewer.make(folder, package)

    assert (folder / "thesis.txt").exists()


@pytest.mark.parametrize("name", ["dist/../../evil.js", "dist//evil.js", "dist/./evil.js"])
def test_a_name_that_leads_elsewhere_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = packed(tmp_path, FILES | {name: b"evil"})
    digest = hashlib.sha512(path.read_bytes()).digest()
    monkeypatch.setattr(viewer, "SHA512", base64.b64encode(digest).decode())

    with pytest.raises(viewer.ViewerError, match=r"evil\.js"):
        viewer.make(tmp_path / "made", path)

    assert not (tmp_path.parent / "evil.js").exists()


def test_without_npm_it_says_what_to_do(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, viewer.__file__, "--folder", str(tmp_path / "viewer")],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )

    assert done.returncode == 1
    assert "npm" in done.stderr
    assert "--tarball" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "viewer").exists()
