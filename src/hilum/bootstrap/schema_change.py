"""Who may change the schema of an archive's index: only who has the data folder alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hilum.adapters.database.schema import is_outdated, migrate
from hilum.adapters.storage.lock import hold_data_folder, turn_at_schema
from hilum.domain.occupancy import DataFolderInUse, Hold


@contextmanager
def hold_with_schema(folder: Path, hold: Hold, url: str) -> Iterator[None]:
    """Hold `folder` after its index, when it has an older schema, was migrated.

    Waits while another process that starts does so. Raises `DataFolderInUse`, also when only the
    migration is in somebody's way, and `ArchiveUnavailable`.
    """
    with turn_at_schema(folder):
        with hold_data_folder(folder, hold):
            outdated = is_outdated(url)
        if outdated:
            _migrate_alone(folder, url)
    with hold_data_folder(folder, hold):
        yield


def _migrate_alone(folder: Path, url: str) -> None:
    try:
        with hold_data_folder(folder, Hold.EXCLUSIVE):
            migrate(url)
    except DataFolderInUse as error:
        message = f"The index has to be migrated to this version first. {error}"
        raise DataFolderInUse(message) from error


def make_database(folder: Path, url: str) -> None:
    """Make the database when there is none; see to it that a newer one is refused.

    Raises `ArchiveUnavailable`.
    """
    with turn_at_schema(folder):
        if not is_outdated(url):
            migrate(url)
