"""Settings of the archive: reading instances, keeping them, finding them, giving them back."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator

from hilum.settings.remote_storage import (
    AzureSettings,
    GcsSettings,
    RemoteStorageSettings,
    S3Settings,
    StorageUrl,
)
from hilum.settings.types import (
    ByteCount,
    ByteCountOrZero,
    Count,
    Seconds,
    SecondsOrZero,
    Section,
)


class DicomSettings(Section):
    """Bounds on what one instance may ask of the reader, whichever door it came through."""

    header_bytes: ByteCount = 32 << 20
    """Everything of an instance but bulk values. The largest headers seen in the field are
    functional groups of a few MiB."""
    nesting_levels: Annotated[int, Field(ge=1, le=100)] = 64
    """Sequences inside sequences."""
    elements: Count = 200_000
    """Data elements of one header, at all levels."""
    fragments: Count = 2_000_000
    """Fragments of encapsulated pixel data."""
    inflated_bytes: ByteCount = 2 << 30
    """A deflated data set after inflation."""
    inflation_ratio: Count = 200
    """Inflated bytes for each deflated byte, looked at from 16 MiB of inflated bytes on
    (decompression bombs)."""
    inline_bytes: ByteCountOrZero = 1024
    """Bulk values up to this size stand in the metadata of the standard surface (`InlineBinary`);
    larger ones, and pixel data, are told of by their `BulkDataURI`. It counts when an instance is
    stored: `hilum rebuild` applies it to what is held. A request costs more than a kilobyte, and
    palettes of 256 colours fit."""
    memo_bytes: ByteCount = 32 << 20
    """Memory for texts of elements that repeat from instance to instance; what makes reading the
    instances of a series fast."""


class IngestSettings(Section):
    """The pipeline that every instance passes."""

    threads: Annotated[int, Field(ge=1, le=256)] = 4
    """Threads that read headers, describe instances and make digests."""
    inline_bytes: ByteCountOrZero = 1 << 20
    """Instances up to this size are read in the event loop, where a thread would cost more than
    the work; larger ones could hold up everybody else."""
    instances_in_flight: Count = 64
    """Instances between arrival and answer, over all doors; further ones wait."""
    bytes_in_flight: ByteCount = 256 << 20
    """Memory held by those instances; further ones wait. What waits is bounded by its door:
    `stow.memory_bytes`; one instance for each association (`dimse.memory_dataset_bytes`); those of
    an import (`importing.memory_file_bytes`)."""
    batch_instances: Count = 256
    """Instances committed in one transaction. Batches form by themselves while the one before is
    written; nothing waits for a batch to fill."""
    batch_bytes: ByteCount = 32 << 20
    """Rows and metadata committed in one transaction."""
    keeper_process: bool = True
    """Put objects and commit rows in a process of its own, where objects lie on a local disk: more
    than twice as many small instances a second. Takes about 60 MiB of memory more."""
    keeper_memory_bytes: Annotated[int, Field(ge=1 << 20, le=1 << 30)] = 32 << 20
    """Memory shared with that process: what one batch may hold."""
    queue_instances: Count = 1024
    """Instances whose object is written and that wait for the committer; further ones wait."""
    unsettled_objects: Count = 10_000
    """Failed writes whose object an outage of database or object store keeps from being removed.
    With so many nothing more is taken in (`archive-unavailable`) until some are settled, which is
    tried every 5 seconds."""


class StorageSettings(Section):
    """Where objects are kept: on disk below `data_dir`, or in a bucket."""

    url: StorageUrl = ""
    """`s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`; empty: on disk. One
    prefix belongs to one index. Index (SQLite), spool and notes of writes stay in `data_dir`."""
    writers: Annotated[int, Field(ge=1, le=256)] = 4
    """Threads that write objects: as many flushes are in progress at once. More only wait for the
    interpreter and for each other on a local disk."""
    readers: Annotated[int, Field(ge=1, le=256)] = 4
    """Threads that read objects."""
    reserve_bytes: ByteCountOrZero = 512 << 20
    """Free disk space that is never filled. Below it stores answer that the archive is full and
    everything else, deleting included, goes on working."""
    chunk_bytes: ByteCount = 1 << 20
    """Objects are read in chunks of this size."""
    remote: RemoteStorageSettings = RemoteStorageSettings()
    s3: S3Settings = S3Settings()
    gcs: GcsSettings = GcsSettings()
    azure: AzureSettings = AzureSettings()


class DatabaseSettings(Section):
    """The index and the feed: SQLite in `data_dir`, or PostgreSQL on a server."""

    url: SecretStr = SecretStr("")
    """Empty: SQLite in `data_dir`. `postgresql://user:password@host:5432/database` keeps index and
    feed in PostgreSQL, where several servers of ours may share them; needs the extra `postgres`.
    Parameters are those of libpq (`sslmode=verify-full`), and `schema` (`hilum`). A password may
    also stand in a file that libpq knows (`PGPASSFILE`)."""
    reader_connections: Annotated[int, Field(ge=1, le=64)] = 4
    """Connections, each with a thread, that answer searches. There are as many more for look-ups,
    which slow searches thus do not hold up; writing and checking have one each. On PostgreSQL they
    count against `max_connections` of the server: 2 x this + 4 for each process, one of them to
    hear of what other processes wrote and one in the process that keeps objects of a local disk."""
    statement_seconds: Seconds = 15.0
    """A question that runs longer is stopped, one that waits longer for its turn is not asked; both
    are refused with 503."""
    waiting_calls: Count = 2000
    """Calls that wait for a connection, of each kind (searches, look-ups, writes); further ones are
    refused with 503."""
    remembered_bytes: ByteCountOrZero = 16 << 20
    """Memory for answers about single instances, which are good until anything in the database
    changes (SQLite; PostgreSQL is asked each time). 0: none are kept."""
    busy_seconds: Seconds = 10.0
    """Wait for another process that holds the write lock (PostgreSQL: a row or a lock that is
    needed), then answer that it is unavailable."""

    @field_validator("url")
    @classmethod
    def _is_postgresql(cls, value: SecretStr) -> SecretStr:
        url = value.get_secret_value()
        if url and not url.startswith(("postgresql://", "postgres://")):
            message = "should be empty, or begin with postgresql:// (SQLite lies in data_dir)"
            raise ValueError(message)
        return value


class SearchSettings(Section):
    """Searching (QIDO-RS) on the standard surface; the Azure surfaces have the limits of Azure."""

    default_results: Count = 100
    """Results of a search that names no `limit`."""
    maximum_results: Count = 1000
    """Results of one answer, whatever `limit` asks for; the answer says when there are more."""
    maximum_offset: Count = 10_000_000
    """Largest `offset`, on all surfaces, as is what follows."""
    conditions: Count = 64
    """Attributes one search may match on."""
    list_values: Count = 1000
    """Values in one list: the UIDs of a study's worth of series fit, a flood does not."""
    query_bytes: ByteCount = 32_768
    """Length of a query string."""


class RetrieveSettings(Section):
    """Giving back (WADO-RS)."""

    whole_object_bytes: ByteCount = 4 << 20
    """Objects up to this size are read and sent in one piece, which is faster."""
    page_instances: Count = 200
    """Instances that are looked up at a time while a study is sent."""
    page_metadata: Count = 200
    """Metadata records that are looked up at a time while a study's metadata is sent."""
    page_metadata_bytes: ByteCount = 16 << 20
    """Text of those records; fewer are looked up when they are large, but always one. It bounds
    the memory of a request, in searches with attributes that the index does not hold, too."""
    conversion_bytes: ByteCount = 2 << 30
    """Largest instance, as stored, that is put into another transfer syntax; larger ones go out as
    stored only."""
    azure_conversion_bytes: ByteCount = 100 << 20
    """The same on `/v1` and `/v2`, where no larger instance is drawn either; as the Azure DICOM
    service has it."""
    zip_instances: Count = 20_000
    """Instances of one ZIP archive; more than that are refused. About 2 KiB are held of each."""
    conversion_inflated_bytes: ByteCount = 512 << 20
    """Largest deflated data set, inflated, that is converted: it has to be held in memory whole."""
    conversion_memory_bytes: ByteCount = 1 << 30
    """Memory for all deflated data sets that are being converted, until the client has read them;
    further ones wait. One that could need more goes alone."""
    conversion_threads: Annotated[int, Field(ge=1, le=64)] = 2
    """Threads that convert headers and inflate data sets; further conversions wait."""
    bulk_uris: Literal["absolute", "path"] = "absolute"
    """How the metadata of the standard surface writes a `BulkDataURI`: `absolute` as clients need
    it that do not know where the metadata came from, `path` without scheme and host, for metadata
    that is reached under several names."""
    cache_seconds: SecondsOrZero = 0.0
    """`max-age` of instances and frames in a browser's private cache; 0 asks again, answered by
    304."""
    frames_per_request: Count = 10_000
    """Frames that one request may name; more are refused with 413."""
    frames_per_instance: Count = 100_000
    """Frames of an instance that is put into another transfer syntax as a whole; instances with
    more go out as stored only."""
    decoded_frame_bytes: ByteCount = 256 << 20
    """Largest frame, as stored, that is decoded when another transfer syntax is asked for; larger
    ones are refused with 413. As stored, frames of any size go out."""
    held_frames_bytes: ByteCount = 16 << 20
    """Transcoded frames of one request that are made before the answer begins, so that it has a
    Content-Length; further ones are made while it is sent."""
    transcoding_memory_bytes: ByteCount = 1 << 30
    """Memory for all frames that are being transcoded, until the client has read them; further
    requests wait. One that could need more goes alone."""
    frame_tables_bytes: ByteCount = 64 << 20
    """Memory for the places of frames of instances that were asked for lately."""
    drawing_memory_bytes: ByteCount = 1 << 30
    """Memory for all frames that are being drawn; further requests wait. One that could need more
    goes alone."""
    drawn_header_bytes: ByteCount = 64 << 20
    """Bytes before the pixel data of an image that are read to draw it when it has look-up tables,
    overlays or colours there; images with more are refused with 413."""
    shown_images_bytes: ByteCount = 64 << 20
    """Memory for what images say about how they are shown, of those that were drawn lately."""
    moving_frames: Count = 1000
    """Frames of an instance that is drawn as a moving GIF; more are refused with 413, as are more
    pixels together than `pixels.maximum_picture_pixels`."""
    report_bytes: ByteCount = 16 << 20
    """Metadata of a structured report that is rendered as HTML or text; longer ones are refused
    with 413."""
    pictures_per_request: Count = 2000
    """Instances of a study or series that is rendered; larger ones are refused with 413."""
    held_pictures_bytes: ByteCount = 4 << 20
    """Pictures of a study or series that are made before the answer begins, so that it says how
    many of them cannot be drawn."""
    thumbnail_side: Annotated[int, Field(ge=1, le=65_535)] = 200
    """Pixels of the longer side of a thumbnail for which no `viewport` is given."""
    findings_instances: Count = 20_000
    """Instances of a study or series that is validated where it lies; larger ones are refused with
    413."""
    findings_threads: Annotated[int, Field(ge=1, le=64)] = 2
    """Stored instances that are validated at a time."""


class DeletionSettings(Section):
    """Freeing the space of what was deleted or superseded."""

    delay_seconds: SecondsOrZero = 300.0
    """Time between a delete, or a new version, and the freeing of the space. Retrieves that are
    under way when it happens end well within this time."""
    poll_seconds: Seconds = 5.0
    """How often the queue is looked at when nothing announced work."""
    batch_objects: Count = 100
    """Objects freed between two looks at the queue."""
    retry_seconds: Seconds = 10.0
    """First wait after a failure; it doubles with each attempt."""
    maximum_retry_seconds: Seconds = 3600.0
    """Longest wait between attempts; they never stop."""
    expiry_poll_seconds: Seconds = 60.0
    """How often to look for studies whose time is over: so much later they may go."""
