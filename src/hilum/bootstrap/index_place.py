"""Where the index is: in a file of the data folder, or on a server that the settings name."""

import os
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Final

from hilum.adapters.database.schema import current
from hilum.adapters.database.sql_index import SqlIndex
from hilum.adapters.storage.system import FILE_MODE
from hilum.bootstrap.object_store import are_shared, place_of_objects
from hilum.domain.errors import ArchiveUnavailable
from hilum.domain.occupancy import Hold
from hilum.settings import Settings

_SERVING: Final = (Hold.SERVER, Hold.ROLE)
_OBJECTS_ID: Final = "objects.id"


def database_path(folder: Path) -> Path:
    """Where the index and the feed lie below the data folder, unless a server keeps them."""
    return folder / "index.sqlite"


def database_url(folder: Path) -> str:
    """The same as a URL, as the database engine wants it."""
    return f"sqlite:///{database_path(folder).absolute()}"


def index_url(settings: Settings) -> str:
    """URL of the index; it may hold a password."""
    return settings.database.url.get_secret_value() or database_url(settings.data_dir)


def on_server(settings: Settings) -> bool:
    """Whether a database server keeps the index, so that several servers of ours may use it."""
    return bool(settings.database.url.get_secret_value())


def folder_hold(settings: Settings, hold: Hold) -> Hold:
    """How the data folder is held: by one server only when the index is in it."""
    return Hold.SHARED if hold in _SERVING and on_server(settings) else hold


def index_exists(settings: Settings) -> bool:
    """Whether there is an index. Raises `ArchiveUnavailable` when it cannot be opened."""
    return current(index_url(settings)) is not None


def place_of_index(settings: Settings) -> str:
    """Where the index is, in words for a person."""
    return "the database" if on_server(settings) else str(settings.data_dir)


async def demand_same_objects(settings: Settings, index: SqlIndex) -> None:
    """Raise `ArchiveUnavailable` when the index on a server is that of objects elsewhere.

    The first process that opens the index notes where its objects are: the URL of a bucket, or an
    id in a file of the data folder.
    """
    if not on_server(settings):
        return
    here = place_of_objects(settings) if are_shared(settings) else _folder_id(settings.data_dir)
    noted = await index.claim_objects(here)
    if noted != here:
        raise ArchiveUnavailable(
            f"The index in database.url belongs to other objects than those in "
            f"{place_of_objects(settings)}: it notes {noted!r}, here is {here!r}. Give all "
            "processes the same data folder or the same storage.url."
        )


def _folder_id(folder: Path) -> str:
    path = folder / _OBJECTS_ID
    fresh = folder / f"{_OBJECTS_ID}.{token_hex(8)}"
    try:
        if not path.exists():
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
            with os.fdopen(descriptor, "w") as file:
                file.write(f"folder {token_hex(16)}\n")
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):  # another process was quicker
                path.hardlink_to(fresh)
        return path.read_text().strip()
    except OSError as error:
        text = f"{path} cannot be used ({error.strerror})"
        raise ArchiveUnavailable(f"The archive is not available: {text}.") from error
    finally:
        fresh.unlink(missing_ok=True)
