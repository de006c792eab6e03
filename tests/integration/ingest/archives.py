"""The pipeline over disk and SQLite, assembled as the server does it, doors left out."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from hilum.adapters.database.schema import migrate
from hilum.adapters.database.sql_index import SqlIndex
from hilum.adapters.storage.disk import DiskObjects
from hilum.adapters.storage.intents import FileIntents
from hilum.adapters.storage.spool import DiskSpool
from hilum.ingest.committer import Committer
from hilum.ingest.pipeline import Ingest
from hilum.ingest.recovery import Recovered, recover


@dataclass(frozen=True, slots=True)
class Archive:
    ingest: Ingest
    index: SqlIndex
    objects: DiskObjects
    spool: DiskSpool
    intents: FileIntents
    recovered: Recovered


@asynccontextmanager
async def an_archive(root: Path) -> AsyncIterator[Archive]:
    """Open what lies at `root`, or begin there; recovers first, as a start does."""
    url = f"sqlite:///{root / 'index.db'}"
    migrate(url)
    async with (
        SqlIndex(url) as index,
        DiskObjects(root, reserve_bytes=0) as objects,
        DiskSpool(root / "spool", reserve_bytes=0) as spool,
    ):
        intents = FileIntents(root / "intents")
        recovered = await recover(intents, index, objects)
        async with (
            Committer(index) as committer,
            Ingest(index=index, objects=objects, intents=intents, committer=committer) as ingest,
        ):
            yield Archive(ingest, index, objects, spool, intents, recovered)
        intents.close()
