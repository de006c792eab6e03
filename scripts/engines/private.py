"""Engines that belong to one test: where they live, and what happens when their test is killed."""

import shutil
import tempfile
from pathlib import Path

from scripts.engines import process
from scripts.engines.engine import Engine
from scripts.engines.place import Place

_PREFIX = "hilum-own-"


def private_place(engine: Engine, owner: int) -> Place:
    """A new folder for an engine that process `owner` uses alone."""
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{owner}-"))
    folder.chmod(0o711)  # PostgreSQL runs as a user of its own where we are root
    return Place(folder / engine.name)


def end(place: Place) -> None:
    """Stop it at once and remove all that was of it."""
    process.kill(place)
    shutil.rmtree(place.folder.parent, ignore_errors=True)
    place.lock_file.unlink(missing_ok=True)


def sweep(engines: dict[str, Engine]) -> list[Path]:
    """End those whose process ended without doing so; return their folders."""
    swept = []
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        owner = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if not owner.isdigit() or process.is_alive(int(owner)):
            continue
        for inner in folder.iterdir():
            if inner.name in engines:
                end(Place(inner))
                swept.append(folder)
    return swept
