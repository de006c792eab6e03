"""What the index holds of the studies, series and instances that a batch names."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from hilum.adapters.database.connections import Connection, Dialect, Row
from hilum.adapters.database.merging import ItemRow
from hilum.adapters.database.statements import CHUNK, chunks, marks, padded, quoted
from hilum.adapters.database.states import SERIES_KEYWORDS, STUDY_KEYWORDS
from hilum.domain.levels import Level

_STUDY: Final = (
    "SELECT key, partition_key, newest_version, patient_key, modalities, attributes, "
    f"{quoted(STUDY_KEYWORDS)} FROM study"
)
_SERIES: Final = (
    "SELECT key, study_key, newest_version, shown_modality, attributes, "
    f"{quoted(SERIES_KEYWORDS)} FROM series"
)
_INSTANCE: Final = (
    'SELECT i.series_key, i."SOPInstanceUID", i.key, i.version, v.dataset_sha256, '
    "v.transfer_syntax_uid, v.size_bytes, v.object_key, w.object_key, v.warned FROM instance i"
)


class Finder:
    """Looks up pairs of a UID and its parent's key by their unique index.

    Both lists are bounded by the batch. The index is named because one UID may stand under very
    many parents (nothing forbids a sender to do that), and then only both columns are narrow.
    """

    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self._connection = connection
        self._by_study_uid = dialect.using("ix_study_StudyInstanceUID_partition_key")
        self._by_series_uid = dialect.using("ix_series_SeriesInstanceUID_study_key")
        self._by_sop_uid = dialect.using("ix_instance_SOPInstanceUID_series_key")

    def studies(self, partitions: Iterable[int], uids: Iterable[str]) -> Iterator[Row]:
        """`key, partition_key, newest_version, patient_key, modalities, attributes, ...`."""
        return self._pairs(
            f"{_STUDY}{self._by_study_uid}",
            ("StudyInstanceUID", uids),
            ("partition_key", partitions),
        )

    def series(self, study_keys: Iterable[int], uids: Iterable[str]) -> Iterator[Row]:
        """`key, study_key, newest_version, shown_modality, attributes, ...`."""
        return self._pairs(
            f"{_SERIES}{self._by_series_uid}",
            ("SeriesInstanceUID", uids),
            ("study_key", study_keys),
        )

    def instances(self, series_keys: Iterable[int], uids: Iterable[str]) -> Iterator[Row]:
        """`series_key, SOPInstanceUID`, and what `HeldInstance` takes."""
        return self._pairs(
            f"{_INSTANCE}{self._by_sop_uid} JOIN instance_version v ON v.version = i.version "
            "LEFT JOIN original o ON o.instance_key = i.key "
            "LEFT JOIN instance_version w ON w.version = o.version",
            ("SOPInstanceUID", uids),
            ("series_key", series_keys),
        )

    def items(self, level: Level, owner_key: int) -> set[ItemRow]:
        """Look up the sequence items of one study or series."""
        rows = self._connection.execute(
            "SELECT path, item, value FROM sequence_item WHERE level = ? AND owner_key = ?",
            (level, owner_key),
        )
        return set(rows.fetchall())

    def _pairs(
        self, select: str, uids: tuple[str, Iterable[str]], keys: tuple[str, Iterable[int]]
    ) -> Iterator[Row]:
        for some_uids in chunks(list(uids[1]), CHUNK):
            for some_keys in chunks(list(keys[1]), CHUNK):
                yield from self._pair(select, uids[0], some_uids, keys[0], some_keys)

    def _pair(
        self, select: str, uid: str, uids: Sequence[str], key: str, keys: Sequence[int]
    ) -> list[Row]:
        uids, keys = padded(uids), padded(keys)
        parameters: list[Any] = [*uids, *keys]
        return self._connection.execute(
            f'{select} WHERE "{uid}" IN ({marks(len(uids))}) AND {key} IN ({marks(len(keys))})',
            parameters,
        ).fetchall()
