"""Programs that no Debian package brings, fetched by the package managers of their languages."""

import os
import shutil
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts.engines.engine import program
from scripts.engines.place import ServicesError, cache_folder

_SECONDS = 1800
_BUILDING = threading.Lock()


def run(
    what: str,
    command: Sequence[str | Path],
    folder: Path,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Run a package manager in a folder; raise what it said when it fails."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ServicesError(f"{what} was not there after {_SECONDS} s: {command[0]}") from None
    if done.returncode != 0:
        said = (done.stdout + done.stderr).strip()[-2000:]
        raise ServicesError(f"{what} could not be had by {Path(command[0]).name}: {said}")


def fresh(name: str) -> Path:
    """An empty folder in the cache, beside the place where the result goes."""
    folder = cache_folder() / f"getting-{name}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def go_install(module: str, version: str, target: Path) -> None:
    """Build a program of Go and put it at `target`, where it is not there yet."""
    with _BUILDING:
        if not target.exists():
            _go_install(module, version, target)


def _go_install(module: str, version: str, target: Path) -> None:
    go = program("go", "/usr/local/go/bin")
    if go is None:
        raise ServicesError(f"{target.name} is built by Go 1.21 or newer, which is not installed")
    folder = fresh(target.name)
    settings = {"GOBIN": str(folder), "GOFLAGS": "-trimpath -ldflags=-s"}
    run(target.name, [go, "install", f"{module}@{version}"], folder, settings)
    (folder / module.rpartition("/")[2]).rename(target)
    shutil.rmtree(folder)
