"""Searching the archive: one question for QIDO-RS, C-FIND and federation."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import orjson

from hilum.dicom.attributes import RETURNED_KEYWORDS, tag_of
from hilum.dicom.bulk_marks import without_bulk
from hilum.dicom.bulk_table import holds_inline
from hilum.dicom.dictionary import DICTIONARY
from hilum.dicom.private_blocks import private_keys
from hilum.domain.extended_tags import ExtendedTag
from hilum.domain.levels import Level
from hilum.domain.queries import Query, SearchRow
from hilum.domain.records import MetadataRecord
from hilum.ports.index import InstanceReader, SearchIndex

DataSet = dict[str, Any]
"""DICOM JSON object (PS3.18 annex F): key to element."""

_METADATA_BATCH: Final = 50
"""Rows whose stored metadata is opened at once: bounds time in one thread."""
_METADATA_BYTES: Final = 16 << 20
"""Text that is opened at once: bounds memory, since one metadata may have 32 MiB."""


def _key(keyword: str) -> str:
    return f"{tag_of(keyword):08X}"


INSTANCE_AVAILABILITY: Final = _key("InstanceAvailability")
RETRIEVE_URL: Final = _key("RetrieveURL")
_ONLINE: Final = {"vr": "CS", "Value": ["ONLINE"]}

_COUNTED: Final = {
    _key(keyword): keyword
    for keyword in (
        "NumberOfStudyRelatedSeries",
        "NumberOfStudyRelatedInstances",
        "NumberOfSeriesRelatedInstances",
    )
}
_MODALITIES_IN_STUDY: Final = _key("ModalitiesInStudy")
_COMPUTED: Final = frozenset(
    {
        *_COUNTED,
        _MODALITIES_IN_STUDY,
        INSTANCE_AVAILABILITY,
        RETRIEVE_URL,
        _key("SOPClassesInStudy"),
    }
)


def _indexed(levels: Iterable[Level]) -> frozenset[str]:
    return frozenset(_key(keyword) for level in levels for keyword in RETURNED_KEYWORDS[level])


_OF: Final = {level: _indexed([level]) for level in Level}
_FROM_INDEX: Final = {
    level: _indexed(upper for upper in Level if upper <= level) for level in Level
}
# An attribute of a lower level has no one value at this level, and opening metadata to find
# whichever came last would be slow and wrong: it is left out.
_OF_LOWER_LEVELS: Final = {
    level: _indexed(lower for lower in Level if lower > level) - _FROM_INDEX[level]
    for level in Level
}


@dataclass(frozen=True, slots=True)
class _Stored:
    """What is taken out of stored metadata."""

    keys: frozenset[str]
    private: Mapping[str, str]
    """Creators of private ones, which may be in another block of each data set."""


@dataclass(frozen=True, slots=True)
class Found:
    """Data sets that hold the attributes asked for, as far as the archive knows them."""

    datasets: Sequence[DataSet]
    more: bool
    """More would have followed: the limit cut the answer."""


class Search:
    """Answers a query with the attributes asked for, newest first."""

    def __init__(
        self, index: SearchIndex, reader: InstanceReader, metadata_bytes: int = _METADATA_BYTES
    ) -> None:
        """`metadata_bytes` of text are opened at once, or one metadata that has more."""
        self._index = index
        self._reader = reader
        self._metadata_bytes = metadata_bytes

    async def __call__(
        self,
        query: Query,
        tags: tuple[str, ...],
        known: tuple[str, ...] = (),
        extended: Sequence[ExtendedTag] = (),
    ) -> Found:
        """Search, and return of each match the attributes `tags`, in that order.

        `known` are those that a match without a value for them is answered with all the same.

        `tags` are DICOM JSON keys in ascending order. What the index row holds comes from there;
        anything else from the stored metadata of the newest instance of the match. `extended` are
        those of `tags` that are extended query tags: they are answered at whichever level.

        Raises `ArchiveUnavailable`, `QueryTooCostly`.
        """
        page = await self._index.search(query)
        datasets = _datasets(page.rows, tags, _without_values(known))
        stored = _stored_tags(query.level, tags)
        private = {tag.path: tag.private_creator for tag in extended if tag.private_creator}
        if extended:
            at_hand = _FROM_INDEX[query.level]
            stored |= {tag.path for tag in extended if tag.path not in at_hand & _OF[tag.level]}
        if stored and datasets:
            await self._complete(page.rows, datasets, tags, _Stored(stored, private))
        return Found(datasets, page.more)

    async def _complete(
        self,
        rows: Sequence[SearchRow],
        datasets: list[DataSet],
        tags: tuple[str, ...],
        stored: "_Stored",
    ) -> None:
        for start in range(0, len(rows), _METADATA_BATCH):
            batch = rows[start : start + _METADATA_BATCH]
            values = await self._values([row.newest for row in batch], stored)
            for position, row in enumerate(batch, start):
                if added := values.get(row.newest):
                    merged = datasets[position] | added
                    datasets[position] = {tag: merged[tag] for tag in tags if tag in merged}

    async def _values(self, keys: Sequence[int], stored: "_Stored") -> Mapping[int, DataSet]:
        values: dict[int, DataSet] = {}
        left = sorted(set(keys))
        while left:
            records = await self._reader.metadata_of(left, self._metadata_bytes)
            values |= await asyncio.to_thread(_open_metadata, records, stored)
            if sum(record.size_bytes for record in records) < self._metadata_bytes:
                break  # nothing was cut off: those that are missing are deleted
            left = [key for key in left if key > records[-1].key]
        return values


@lru_cache(maxsize=256)
def _stored_tags(level: Level, tags: tuple[str, ...]) -> frozenset[str]:
    """Those of `tags` that only the stored metadata can tell."""
    return frozenset(tags) - _FROM_INDEX[level] - _OF_LOWER_LEVELS[level] - _COMPUTED


@lru_cache(maxsize=256)
def _without_values(tags: tuple[str, ...]) -> DataSet:
    """An element of zero length for each tag (PS3.18 section F.2.5)."""
    return {tag: {"vr": DICTIONARY[int(tag, 16)][0]} for tag in tags}


def _datasets(
    rows: Sequence[SearchRow], tags: tuple[str, ...], without_values: DataSet
) -> list[DataSet]:
    wanted = frozenset(tags)
    # Rows of one series hold the same text for study and series: each is read once.
    opened: dict[bytes, DataSet] = {}
    datasets = []
    for row in rows:
        known = without_values.copy()
        for text in (row.study, row.series):
            if text is not None:
                if (level := opened.get(text)) is None:
                    level = opened[text] = _wanted(text, wanted)
                known |= level
        if row.instance is not None:
            known |= orjson.loads(row.instance)
        known |= _computed(row.computed)
        datasets.append({tag: known[tag] for tag in tags if tag in known})
    return datasets


def _wanted(text: bytes, wanted: frozenset[str]) -> DataSet:
    dataset: DataSet = orjson.loads(text)
    return {tag: element for tag, element in dataset.items() if tag in wanted}


def _computed(computed: Mapping[str, Any]) -> DataSet:
    elements: DataSet = {INSTANCE_AVAILABILITY: _ONLINE}
    for tag, keyword in _COUNTED.items():
        if keyword in computed:
            elements[tag] = {"vr": "IS", "Value": [computed[keyword]]}
    if modalities := computed.get("ModalitiesInStudy"):
        elements[_MODALITIES_IN_STUDY] = {"vr": "CS", "Value": modalities}
    return elements


def _open_metadata(records: Sequence[MetadataRecord], tags: _Stored) -> Mapping[int, DataSet]:
    """Pick `tags` out of the stored metadata, by row key; runs in a thread."""
    return {record.key: _pick(record, tags) for record in records}


def _pick(record: MetadataRecord, tags: _Stored) -> DataSet:
    text = record.metadata.text()
    if holds_inline(record.bulk_table):
        text = without_bulk(text)
    dataset: DataSet = orjson.loads(text)
    found = {tag: dataset[tag] for tag in tags.keys if tag in dataset}
    for path, creator in tags.private.items():
        found.pop(path, None)  # what lies there may be another creator's
        for key in private_keys(dataset, path, creator):
            if key in dataset:
                found[path] = dataset[key]
    return found
