"""Fetch the OHIF viewer and make it ready to be served below any path.

Usage: python scripts/viewer.py [--folder DIR] [--tarball FILE] [--force]

Gets one version of the npm package `@ohif/app` by `npm pack`, from whatever registry npm is set up
for, or takes a tarball that was brought here by other means; either must be the very bytes whose
digest is written below. From its folder `dist` comes DIR (`.viewer` in this checkout):

- The bundles hold the address `/` from which they load their parts. It is replaced by one that
  they find out themselves, so that the viewer works below `/viewer` and behind a proxy's prefix.
- Left out are source maps, the service worker and the sample configurations, which name servers of
  others, and the runtime of neural networks, whose models would come from elsewhere.
- What compresses gets a `.gz` beside it, so that no request pays for that.

Does nothing when DIR is as it would be made. Standard library only.
"""

import argparse
import base64
import gzip
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VERSION = "3.13.2"
SHA512 = "WZdxmpmG7rqFgW9ZJLcbgr3XCtLi1KDNPoMaeY5PPe6j4G4fjEjjkycZM6C6Zk2F87BKxFfpq+jd5xXZB9E8EA=="
STAMP = "hilum-viewer.txt"
NPM_SECONDS = 600
"""Longest wait for npm: the package has 50 MB."""

PUBLIC_PATH = b'__webpack_require__.p = "/";'
FOUND_PATH = (
    b'__webpack_require__.p = new URL("./", typeof document === "object" && document.currentScript'
    b" ? document.currentScript.src : self.location.href).href;"
)
LEFT_OUT = re.compile(
    r".*\.map|ort/.*|sw\.js|init-service-worker\.js|google\.js|app-config\.js|serve\.json"
    r"|_headers|_redirects|customizations/index\.html"
)
COMPRESSED = frozenset({".js", ".css", ".html", ".json", ".jsonc", ".svg", ".wasm"})
COMPRESSION_LEVEL = 6


class ViewerError(Exception):
    """Something that the caller is told in one line."""


def main() -> int:
    """Bring the folder up to date; return the process exit code."""
    parser = argparse.ArgumentParser(description="Fetch the OHIF viewer for hilum serve.")
    parser.add_argument("--folder", type=Path, default=ROOT / ".viewer", help="where to put it")
    parser.add_argument(
        "--tarball", type=Path, help=f"the package @ohif/app {VERSION}, as npm packs it"
    )
    parser.add_argument("--force", action="store_true", help="make it anew")
    asked = parser.parse_args()
    folder = asked.folder.absolute()
    if not asked.force and is_current(folder):
        print(f"viewer: OHIF {VERSION} is in {folder}")
        return 0
    try:
        make(folder, asked.tarball)
    except (ViewerError, OSError) as error:
        print(f"viewer: {error}", file=sys.stderr)
        return 1
    print(f"viewer: OHIF {VERSION} is in {folder}; hilum serve shows it at /viewer")
    return 0


def fingerprint() -> str:
    """What the stamp of a folder says that was made by this very script."""
    return f"OHIF {VERSION}, made by {hashlib.sha256(Path(__file__).read_bytes()).hexdigest()}\n"


def is_current(folder: Path) -> bool:
    try:
        return (folder / STAMP).read_text() == fingerprint()
    except OSError:
        return False


def make(folder: Path, tarball: Path | None) -> None:
    """Replace the folder as a whole, once all of it is ready."""
    if folder.exists() and not (folder / STAMP).exists() and any(folder.iterdir()):
        raise ViewerError(f"{folder} was not made by this script: name another with --folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".viewer-", dir=folder.parent) as place:
        packed = tarball or fetch(Path(place))
        verify(packed)
        made = Path(place) / "made"
        unpack(packed, made)
        compress(made)
        (made / STAMP).write_text(fingerprint())
        made.chmod(0o755)
        if folder.exists():
            folder.rename(Path(place) / "before")
        made.rename(folder)


def fetch(place: Path) -> Path:
    """Have npm get the package; nothing of it is run."""
    npm = shutil.which("npm")
    if npm is None:
        raise ViewerError(
            "npm is needed to fetch the viewer and was not found. Install it (Debian: apt install "
            f"npm), or bring the package @ohif/app {VERSION} here and name it with --tarball"
        )
    print(f"viewer: fetching OHIF {VERSION} (50 MB) ...", flush=True)
    command = [npm, "pack", f"@ohif/app@{VERSION}", "--silent", "--ignore-scripts"]
    try:
        done = subprocess.run(
            command, cwd=place, capture_output=True, text=True, timeout=NPM_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise ViewerError(f"npm did not get the package within {NPM_SECONDS} s") from None
    found = sorted(place.glob("*.tgz"))
    if done.returncode != 0 or not found:
        said = " ".join(done.stderr.split())[-400:]
        raise ViewerError(f"npm could not get the package: {said or 'it said nothing'}")
    return found[0]


def verify(packed: Path) -> None:
    with packed.open("rb") as file:
        digest = hashlib.file_digest(file, "sha512").digest()
    if base64.b64encode(digest).decode() != SHA512:
        raise ViewerError(f"{packed} is not @ohif/app {VERSION}: its SHA-512 differs")


def unpack(packed: Path, target: Path) -> None:
    """Write what is served below `target`."""
    with tarfile.open(packed) as archive:
        for member, name in wanted(archive):
            content = archive.extractfile(member)
            if content is None:
                continue
            path = target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(moved(name, content.read()))
    if not (target / "index.html").exists():
        raise ViewerError("the package holds no dist/index.html")


def wanted(archive: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, str]]:
    prefix = "package/dist/"
    for member in archive:
        name = member.name.removeprefix(prefix)
        if not member.isfile() or name == member.name or LEFT_OUT.fullmatch(name):
            continue
        if any(part in ("", ".", "..") for part in name.split("/")):
            raise ViewerError(f"the package holds a file of the name {member.name}")
        yield member, name


def moved(name: str, content: bytes) -> bytes:
    """The file, made to work wherever it is served from."""
    if name.endswith(".js"):
        return content.replace(PUBLIC_PATH, FOUND_PATH)
    if name.endswith(".css"):
        # Style sheets lie at the top: what they name is relative to themselves.
        return content.replace(b"url(/", b"url(./")
    if name == "manifest.json":
        return content.replace(b'"/assets/', b'"./assets/')
    if name == "index.html":
        worker = rb'<script[^>]*src="/init-service-worker\.js"[^>]*></script>'
        return re.sub(worker, b"", content)
    return content


def compress(folder: Path) -> None:
    paths = [path for path in folder.rglob("*") if path.suffix in COMPRESSED and path.is_file()]
    paths.sort(key=lambda path: -path.stat().st_size)
    with ProcessPoolExecutor(max_workers=min(os.cpu_count() or 1, 4)) as pool:
        list(pool.map(compress_one, paths))


def compress_one(path: Path) -> None:
    content = path.read_bytes()
    packed = gzip.compress(content, COMPRESSION_LEVEL, mtime=0)
    if len(packed) < 0.9 * len(content):
        path.with_name(path.name + ".gz").write_bytes(packed)


if __name__ == "__main__":
    raise SystemExit(main())
