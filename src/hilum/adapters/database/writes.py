"""The rows a batch writes for its instances, gathered and then written table by table."""

from collections.abc import Callable, Sequence
from struct import pack
from typing import Any, Final

from hilum.adapters.database.connections import Connection
from hilum.adapters.database.originals import Originals, keeps
from hilum.adapters.database.statements import columns_of, insert_into, upsert_into
from hilum.adapters.database.tables import (
    DESCRIPTION_FORMAT,
    deletion,
    description,
    feed,
    instance,
    instance_version,
    keywords_at,
    sequence_item,
)
from hilum.domain.instances import Kept
from hilum.domain.levels import Level
from hilum.domain.records import FeedKind

_KEYWORDS: Final = tuple(
    keyword
    for keyword in keywords_at(Level.INSTANCE)
    if keyword not in {"SOPInstanceUID", "SOPClassUID"}
)
_INSTANCE: Final = (
    "key", "partition_key", "study_key", "series_key", "version", "SOPInstanceUID", "SOPClassUID",
    *_KEYWORDS,
)  # fmt: skip
_VERSION: Final = (
    "version", "instance_key", "partition_key", "size_bytes", "dataset_offset",
    "transfer_syntax_uid", "object_key", "dataset_sha256", "head_sha256", "door", "peer",
    "principal", "correlation_id", "created", "warned", "superseded",
)  # fmt: skip
_SUPERSEDED: Final = len(_VERSION) - 1
_DESCRIPTION: Final = columns_of(description)
_FEED: Final = columns_of(feed, without=["sequence", "position"])
_DELETION: Final = columns_of(deletion, without=["key"])
_ITEM: Final = columns_of(sequence_item, without=["key"])

INSERT_ITEM: Final = insert_into(sequence_item, _ITEM)
_INSERT_INSTANCE: Final = insert_into(instance, _INSTANCE)
_REPLACE_INSTANCE: Final = upsert_into(instance, _INSTANCE)
_INSERT_VERSION: Final = insert_into(instance_version, _VERSION)
_INSERT_DESCRIPTION: Final = insert_into(description, _DESCRIPTION)
_REPLACE_DESCRIPTION: Final = upsert_into(description, _DESCRIPTION, "instance_key")
_INSERT_FEED: Final = insert_into(feed, _FEED)
_INSERT_DELETION: Final = insert_into(deletion, _DELETION)
_SUPERSEDE: Final = "UPDATE instance_version SET superseded = ? WHERE version = ?"
_FORGET_ITEMS: Final = "DELETE FROM sequence_item WHERE level = 3 AND owner_key = ?"
_COUNT: Final = (
    "UPDATE partition SET number_of_studies = number_of_studies + ?, number_of_series = "
    "number_of_series + ?, number_of_instances = number_of_instances + ?, size_bytes = "
    "size_bytes + ? WHERE key = ?"
)


class HeldInstance:
    """The live version of an instance, in the index or earlier in the same batch."""

    __slots__ = (
        "dataset_sha256",
        "described",
        "key",
        "object_key",
        "original",
        "row",
        "size_bytes",
        "transfer_syntax_uid",
        "version",
        "warned",
    )

    def __init__(
        self,
        key: int,
        version: int,
        dataset_sha256: bytes,
        transfer_syntax_uid: str,
        size_bytes: int,
        object_key: str,
        original: str | None = None,
        warned: int = 0,
    ) -> None:
        self.key = key
        self.version = version
        self.dataset_sha256 = dataset_sha256
        self.transfer_syntax_uid = transfer_syntax_uid
        self.size_bytes = size_bytes
        self.object_key = object_key
        self.original = original
        """Object key of the version that is kept beside it."""
        self.warned = bool(warned)
        self.row: list[Any] | None = None
        """The version's row when this batch writes it."""
        self.described: tuple[Any, ...] = ()
        """The row of its description, likewise."""


class Writes:
    """What a batch has decided to write below its series."""

    def __init__(self, now: int, feed_time: Callable[[], int] | None = None) -> None:
        """`feed_time`: takes the lock of the feed and says what time it is then; else `now`."""
        self._now = now
        self._feed_time = feed_time
        self._created: dict[int, tuple[Any, ...]] = {}
        self._replaced: dict[int, tuple[Any, ...]] = {}
        self._created_descriptions: dict[int, tuple[Any, ...]] = {}
        self._replaced_descriptions: dict[int, tuple[Any, ...]] = {}
        self._items: dict[int, list[tuple[Any, ...]]] = {}
        self._versions: list[list[Any]] = []
        self._superseded: list[tuple[int, int]] = []
        self._feed: list[tuple[Any, ...]] = []
        self._deletions: list[tuple[Any, ...]] = []
        self._originals = Originals()

    def put(
        self, item: Kept, version: int, held: HeldInstance | None, keys: tuple[int, int, int]
    ) -> HeldInstance:
        """Make `item` the live version of its instance; `keys` are its study's, series', own."""
        created = held is None or keys[2] in self._created
        rows = self._created if created else self._replaced
        rows[keys[2]] = _instance_row(item, version, keys)
        descriptions = self._created_descriptions if created else self._replaced_descriptions
        described = descriptions[keys[2]] = _description_row(item, keys[2])
        original = None
        if held is not None:
            original = self._keep_original(item, held)
            self._supersede(item.partition, held, original)
        if held is not None or item.description.instance.items:
            self._items[keys[2]] = _item_rows(item, keys[2])
        self._announce(item, version, FeedKind.CREATED if held is None else FeedKind.UPDATED)
        row = self._version_row(item, version, keys[2])
        self._versions.append(row)
        live = HeldInstance(
            keys[2], version, item.dataset_sha256, row[5], item.size_bytes, item.object_key,
            original, int(item.warned),
        )  # fmt: skip
        live.row, live.described = row, described
        return live

    def _keep_original(self, item: Kept, held: HeldInstance) -> str | None:
        """See to it that a revision has its original beside it, and nothing else any; its key."""
        if keeps(item.revision, held.original):
            return held.original
        if held.original is not None:
            self._originals.forget(held.key)
        if not keeps(item.revision, held.object_key):
            return None
        if held.row is None:
            self._originals.take_over(held.key, held.version)
        else:
            row = dict(zip(_DESCRIPTION, held.described, strict=True))
            self._originals.make(held.key, held.version, row)
        return held.object_key

    def _supersede(self, partition: int, held: HeldInstance, original: str | None) -> None:
        if held.row is not None:
            held.row[_SUPERSEDED] = self._now
        else:
            self._superseded.append((self._now, held.version))
        for gone in (held.object_key, held.original):
            if gone is not None and gone != original:
                self._deletions.append((partition, gone, self._now, 0, self._now))

    def _announce(self, item: Kept, version: int, kind: FeedKind) -> None:
        uids = item.description.uids
        self._feed.append(
            (
                item.partition, kind.value, uids.study, uids.series, uids.sop_instance,
                version, item.origin.correlation_id, None,
            )
        )  # fmt: skip

    def _version_row(self, item: Kept, version: int, instance_key: int) -> list[Any]:
        described, origin = item.description, item.origin
        return [
            version, instance_key, item.partition, item.size_bytes, described.dataset_offset,
            described.transfer_syntax_uid, item.object_key, item.dataset_sha256, item.head_sha256,
            origin.door.value, origin.peer, origin.principal, origin.correlation_id, self._now,
            int(item.warned), None,
        ]  # fmt: skip

    def run(self, connection: Connection) -> None:
        """Write all that was put; studies and series must be there."""
        for sql, parameters in (
            (_INSERT_INSTANCE, self._created.values()),
            (_REPLACE_INSTANCE, self._replaced.values()),
            *self._originals.statements(),
            (_SUPERSEDE, self._superseded),
            (_INSERT_VERSION, self._versions),
            (_INSERT_DESCRIPTION, self._created_descriptions.values()),
            (_REPLACE_DESCRIPTION, self._replaced_descriptions.values()),
            (_FORGET_ITEMS, [(key,) for key in self._items if key in self._replaced]),
            (INSERT_ITEM, [row for rows in self._items.values() for row in rows]),
            (_INSERT_DELETION, self._deletions),
        ):
            if parameters:
                connection.executemany(sql, parameters)
        # Last, since others cannot add to the feed until this transaction has ended.
        if self._feed:
            time = self._now if self._feed_time is None else self._feed_time()
            connection.executemany(_INSERT_FEED, [(time, *row) for row in self._feed])


def count_partitions(connection: Connection, added: dict[int, list[int]]) -> None:
    """Add to the partitions: studies, series, instances, bytes."""
    connection.executemany(_COUNT, [(*numbers, key) for key, numbers in added.items()])


def _instance_row(item: Kept, version: int, keys: tuple[int, int, int]) -> tuple[Any, ...]:
    described = item.description
    values = map(described.instance.keys.get, _KEYWORDS)
    return (
        keys[2], item.partition, keys[0], keys[1], version, described.uids.sop_instance,
        described.sop_class_uid, *[None if value == "" else value for value in values],
    )  # fmt: skip


def _description_row(item: Kept, instance_key: int) -> tuple[Any, ...]:
    described = item.description
    metadata, invalid = described.metadata, described.invalid_tags
    return (
        instance_key, item.partition, DESCRIPTION_FORMAT, metadata.crc32, metadata.size_bytes,
        packed_tags(invalid) if invalid else None, described.instance.attributes,
        metadata.deflated, described.frame_table, described.bulk_table or None,
    )  # fmt: skip


def packed_tags(tags: Sequence[int]) -> bytes:
    """Write tags as 32-bit little endian numbers."""
    return pack(f"<{len(tags)}I", *tags)


def _item_rows(item: Kept, instance_key: int) -> list[tuple[Any, ...]]:
    return [
        (item.partition, int(Level.INSTANCE), instance_key, each.path, each.item, each.value)
        for each in item.description.instance.items
    ]
