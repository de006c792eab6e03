"""The archive over the engines that the settings choose, and its use cases."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    closing,
    nullcontext,
)
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hilum.adapters.database.lanes import Patience
from hilum.adapters.database.sql_index import SqlIndex
from hilum.adapters.storage.holding import DiskHolding
from hilum.adapters.storage.intents import FileIntents
from hilum.adapters.storage.spool import DiskSpool
from hilum.bootstrap import options
from hilum.bootstrap.derived import departed_from, make_derived
from hilum.bootstrap.findings import make_findings
from hilum.bootstrap.index_place import (
    demand_same_objects,
    folder_hold,
    index_exists,
    index_url,
    on_server,
    place_of_index,
)
from hilum.bootstrap.keeper import make_keeper
from hilum.bootstrap.object_store import has_objects, make_objects, place_of_objects
from hilum.bootstrap.pictures import make_pictures
from hilum.bootstrap.pixels import make_pixels
from hilum.bootstrap.schema_change import hold_with_schema, make_database
from hilum.bootstrap.validation import criteria
from hilum.catalogue.bulk_data import BulkData
from hilum.catalogue.conversion import Conversion
from hilum.catalogue.delete import Delete
from hilum.catalogue.frames import Frames
from hilum.catalogue.freeing import Freeing
from hilum.catalogue.judged_frames import JudgedFrames
from hilum.catalogue.retrieve import Retrieve
from hilum.catalogue.search import Search
from hilum.catalogue.study_findings import StudyFindings
from hilum.catalogue.transcoding import Transcoding
from hilum.domain.errors import ArchiveUnavailable
from hilum.domain.occupancy import Hold
from hilum.foundation.clock import SystemClock
from hilum.ingest.committer import Committer
from hilum.ingest.current_tags import CurrentTags
from hilum.ingest.pipeline import Ingest
from hilum.ingest.recovery import recover
from hilum.ingest.traced import Receive, TracedMeter, traced_ingest
from hilum.outbound.dicomweb.rendered import PictureServices
from hilum.ports.derived import DerivedStore
from hilum.ports.derived_telemetry import DerivedMeter
from hilum.ports.keeping import Keeper
from hilum.ports.objects import ObjectStore
from hilum.ports.pixel_telemetry import PixelMeter
from hilum.ports.pixels import ImageEngine, PixelEngine
from hilum.ports.quarantine_telemetry import NoQuarantineMeter, QuarantineMeter
from hilum.ports.telemetry import IngestMeter, NoIngestMeter
from hilum.ports.tracing import Tracing
from hilum.settings import Settings
from hilum.submissions.refusals import KeepRefused

_AZURE_MAXIMUM_RESULTS: Final = 200


@dataclass(frozen=True, slots=True)
class Archive:
    """An open archive: its engines, for checks and repairs, and its use cases, for doors."""

    folder: Path
    index: SqlIndex
    objects: ObjectStore
    spool: DiskSpool
    holding: DiskHolding
    intents: FileIntents
    committer: Committer
    ingest: Ingest
    receive: Receive
    """`ingest` as doors call it: with spans, when traces are collected."""
    search: Search
    retrieve: Retrieve
    frames: Frames
    bulk: BulkData
    pictures: PictureServices
    delete: Delete
    findings: StudyFindings
    pixels: PixelEngine
    derived: DerivedStore | None
    """None when the settings keep nothing derived."""
    tags: CurrentTags
    """What is indexed besides the usual, as this process knows."""


def demand_index_of_objects(settings: Settings) -> None:
    """Raise `ArchiveUnavailable` when there are objects and no index.

    A new index would give out version numbers, and so names, that the objects have.
    """
    if index_exists(settings):
        return
    if has_objects(settings):
        place, where = place_of_objects(settings), place_of_index(settings)
        message = f"There are objects in {place} and no index in {where}: run `hilum rebuild`."
        raise ArchiveUnavailable(message)


@asynccontextmanager
async def open_archive(
    settings: Settings,
    *,
    hold: Hold = Hold.SHARED,
    meter: IngestMeter | None = None,
    pixel_meter: PixelMeter | None = None,
    derived_meter: DerivedMeter | None = None,
    quarantine_meter: QuarantineMeter | None = None,
    tracing: Tracing | None = None,
    pixels: ImageEngine | None = None,
) -> AsyncIterator[Archive]:
    """Open the archive in `settings.data_dir`, making or migrating it first.

    A migration needs the folder alone: whoever else works with the older schema would fail.
    Writes that a dead process left unfinished are settled before anything else happens. Leaving
    finishes what was accepted. `pixels` is by default a pool of processes. Raises
    `DataFolderInUse` when somebody else stands in the way, `ArchiveFault` when disk or database
    cannot be used.
    """
    folder = settings.data_dir
    url = index_url(settings)
    hold = folder_hold(settings, hold)
    meter = meter or NoIngestMeter()
    if tracing is not None:
        meter = TracedMeter(meter, tracing)
    async with AsyncExitStack() as stack:
        await asyncio.to_thread(stack.enter_context, hold_with_schema(folder, hold, url))
        await asyncio.to_thread(demand_index_of_objects, settings)
        await asyncio.to_thread(make_database, folder, url)
        index = await stack.enter_async_context(_index(settings, meter, hold))
        await demand_same_objects(settings, index)
        await stack.enter_async_context(_doorbell(settings, index))
        objects = await stack.enter_async_context(make_objects(settings))
        spool = await stack.enter_async_context(_spool(settings))
        holding = await stack.enter_async_context(_holding(settings, spool))
        intents = stack.enter_context(closing(FileIntents(folder / "intents")))
        await recover(intents, index, objects)
        cache = await stack.enter_async_context(
            make_derived(settings, await index.feed_id(), derived_meter)
        )
        derived = cache if settings.derived.maximum_bytes else None
        await stack.enter_async_context(departed_from(cache, index, settings))
        freeing = await stack.enter_async_context(
            Freeing(index, objects, SystemClock(), options.freeing_options(settings), cache)
        )
        conversion = stack.enter_context(closing(_conversion(settings, objects)))
        keeper = make_keeper(settings, url, intents, objects, index, meter)
        if keeper is not None:
            await stack.enter_async_context(keeper)
        committer = await stack.enter_async_context(_committer(settings, index, keeper, meter))
        if pixels is None:
            pixels = await stack.enter_async_context(make_pixels(settings, pixel_meter))
        tags = CurrentTags(index.extended)
        ingest = await stack.enter_async_context(
            Ingest(
                index=index,
                objects=objects,
                intents=intents,
                committer=committer,
                limits=options.ingest_limits(settings),
                meter=meter,
                criteria=criteria(settings, pixels, tags),
                refusals=KeepRefused(
                    index.quarantine,
                    holding,
                    SystemClock(),
                    options.quarantine_options(settings),
                    quarantine_meter or NoQuarantineMeter(),
                ),
            )
        )
        frames = Frames(index, objects, pixels, options.frame_limits(settings), derived)
        yield Archive(
            folder=folder,
            index=index,
            objects=objects,
            spool=spool,
            holding=holding,
            intents=intents,
            committer=committer,
            ingest=ingest,
            receive=ingest if tracing is None else traced_ingest(ingest, tracing),
            search=Search(index, index, settings.retrieve.page_metadata_bytes),
            retrieve=Retrieve(
                index,
                objects,
                conversion,
                options.retrieve_limits(settings),
                Transcoding(index, index, objects, frames, options.transcoding_limits(settings)),
            ),
            frames=frames,
            bulk=BulkData(
                index,
                objects,
                frames,
                whole_bytes=settings.retrieve.whole_object_bytes,
                frames_per_request=settings.retrieve.frames_per_request,
            ),
            pictures=make_pictures(settings, index, objects, frames, pixels, derived),
            delete=Delete(index, freeing.due),
            findings=make_findings(settings, index, objects, JudgedFrames(frames, pixels)),
            pixels=pixels,
            derived=derived,
            tags=tags,
        )


def _doorbell(settings: Settings, index: SqlIndex) -> AbstractAsyncContextManager[object]:
    """Lets processes on one database server hear at once what the others wrote."""
    if not on_server(settings):
        return nullcontext()
    from hilum.adapters.database.postgresql_doorbell import Doorbell  # noqa: PLC0415

    bells = {
        "feed": index.fed,
        "arrivals": index.arrivals.noted,
        "submissions": index.submissions.moved,
        "worklist": index.worklist.told,
    }
    return Doorbell(index_url(settings), bells)


def _index(settings: Settings, meter: IngestMeter, hold: Hold) -> SqlIndex:
    database = settings.database
    return SqlIndex(
        index_url(settings),
        readers=database.reader_connections,
        limit_seconds=database.statement_seconds,
        # The surfaces have limits of their own, those of Azure not chosen here: the index only
        # guards against a door without one.
        row_cap=max(settings.search.maximum_results, _AZURE_MAXIMUM_RESULTS),
        busy_seconds=database.busy_seconds,
        patience=Patience(database.waiting_calls, database.statement_seconds, meter.limit_hit),
        remembered_bytes=database.remembered_bytes,
        submission_seconds=settings.submissions.patience_seconds,
        hold=hold,
    )


def _spool(settings: Settings) -> DiskSpool:
    return DiskSpool(settings.data_dir / "spool", reserve_bytes=settings.storage.reserve_bytes)


def holding_folder(settings: Settings) -> Path:
    """Where files wait that are not archived yet; whole, since events name places in it."""
    return (settings.upload.folder or settings.data_dir / "holding").absolute()


def _holding(settings: Settings, spool: DiskSpool) -> DiskHolding:
    return DiskHolding(
        holding_folder(settings),
        spool.fresh_path,
        threads=settings.storage.writers,
        reserve_bytes=settings.storage.reserve_bytes,
    )


def _conversion(settings: Settings, objects: ObjectStore) -> Conversion:
    return Conversion(
        objects, settings.retrieve.conversion_threads, options.conversion_limits(settings)
    )


def _committer(
    settings: Settings, index: SqlIndex, keeper: Keeper | None, meter: IngestMeter
) -> Committer:
    ingest = settings.ingest
    return Committer(
        index,
        keeper=keeper,
        fed=index.fed.ring,
        batch_instances=ingest.batch_instances,
        batch_bytes=ingest.batch_bytes,
        queue_instances=ingest.queue_instances,
        meter=meter,
    )
