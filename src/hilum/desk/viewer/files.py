"""The files of a built viewer: which there are, and how browsers may keep them.

Only files that a walk through the folder found are ever opened, by names out of a table: a path in
a request cannot lead out of the folder.
"""

import mimetypes
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

INDEX: Final = "index.html"
_PACKED: Final = ".gz"
_HASHED: Final = re.compile(r"(?:[^/]*[/.])?[0-9a-f]{16,}\.[a-z0-9]+")
"""Names that bundlers make of the content: `app.bundle.0f6159c501addfe9.js`."""
_MEDIA_TYPES: Final[Mapping[str, str]] = {
    # Browsers insist on these, whatever the tables of the system say.
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".html": "text/html",
    ".json": "application/json",
    ".jsonc": "application/json",
    ".wasm": "application/wasm",
    ".svg": "image/svg+xml",
    ".webapp": "application/manifest+json",
    ".woff2": "font/woff2",
    ".ico": "image/x-icon",
}


@dataclass(frozen=True, slots=True)
class ViewerFile:
    """One file as it lies there."""

    path: Path
    media_type: str
    stat: os.stat_result
    hashed: bool
    """Its name changes when its content does."""
    packed: "ViewerFile | None" = None
    """The same, compressed with gzip beforehand."""

    @property
    def tag(self) -> str:
        """What stands between the quotation marks of its ETag."""
        return f"{self.stat.st_mtime_ns:x}-{self.stat.st_size:x}"


@dataclass(frozen=True, slots=True)
class Build:
    """One state of the folder."""

    tag: str
    files: Mapping[str, ViewerFile]
    """By path below the folder, with slashes."""


@dataclass(slots=True)
class ViewerFolder:
    """A folder that may hold a viewer, and may get one, or another one, while we serve."""

    folder: Path
    _build: Build | None = field(default=None, init=False)

    def is_there(self) -> bool:
        """Whether there is a viewer now. Reads the disk, as `current` does."""
        return (self.folder / INDEX).is_file()

    def current(self) -> Build | None:
        """What is there now; None when there is no viewer. Reads the disk: call it in a thread.

        The page at the top tells whether anything changed: who replaces a build replaces it.
        """
        try:
            found = (self.folder / INDEX).stat()
        except OSError:
            return None
        tag = f"{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}"
        build = self._build
        if build is None or build.tag != tag:
            # Two requests may both come here: either result is right.
            self._build = build = Build(tag, _walk(self.folder))
        return build


def _walk(folder: Path) -> dict[str, ViewerFile]:
    found: dict[str, ViewerFile] = {}
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(place, name)
            if not name.startswith(".") and path.is_file():
                found[path.relative_to(folder).as_posix()] = _file(path)
    return {
        name: ViewerFile(
            file.path, file.media_type, file.stat, file.hashed, _fresh(file, found, name)
        )
        for name, file in found.items()
    }


def _fresh(file: ViewerFile, found: Mapping[str, ViewerFile], name: str) -> ViewerFile | None:
    """The compressed twin, unless the file was changed after it was compressed."""
    packed = found.get(name + _PACKED)
    if packed is None or packed.stat.st_mtime_ns < file.stat.st_mtime_ns:
        return None
    return packed


def _file(path: Path) -> ViewerFile:
    guessed = _MEDIA_TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0]
    hashed = _HASHED.fullmatch(path.name) is not None
    return ViewerFile(path, guessed or "application/octet-stream", path.stat(), hashed)
