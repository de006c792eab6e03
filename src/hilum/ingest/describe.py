"""An instance's header to what the archive keeps about it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from isal import isal_zlib

from hilum.dicom.attributes import (
    INDEXED_ATTRIBUTES,
    INDEXED_ITEMS,
    RETURNED_KEYWORDS,
    Folding,
    IndexedItem,
    tag_of,
    wanted_tags,
)
from hilum.dicom.bulk_marks import Gap, has_inline
from hilum.dicom.bulk_table import BulkTable, Segment, bulk_address, bulk_places
from hilum.dicom.header import Header
from hilum.domain.extended_tags import NO_EXTENDED_VALUES, ExtendedValues
from hilum.domain.identifiers import InstanceUIDs, SOPClassUID, TransferSyntaxUID
from hilum.domain.instances import Description, LevelDescription, Metadata, SequenceItemValue
from hilum.domain.levels import Level
from hilum.ingest.folding import Key, folded

WANTED_TAGS: Final = wanted_tags()
"""What `read_header` must be asked for, so that `describe` finds it in `Header.values`."""

ITEM_VALUES: Final = 1000
"""Values inside sequence items that one instance can be found by; further ones are not indexed."""

ATTRIBUTES_BYTES: Final = 256 << 10
"""A level's attributes beyond this size leave out the large ones, which are in the metadata."""
_LARGE_ATTRIBUTE_BYTES: Final = 8 << 10

_COMPRESSION_LEVEL: Final = 1
"""Measured on the 15 KB of JSON of a CT: level 0 makes 3.6 KB in 18 us, 1 makes 2.8 KB in 25 us, 3
makes 2.7 KB in 56 us, and zlib's level 1 makes 3.0 KB in 40 us."""


@dataclass(frozen=True, slots=True)
class _LevelPlan:
    """What to take out of a header for one level, prepared once."""

    keys: tuple[tuple[str, int, Folding], ...]
    returned: tuple[tuple[int, str], ...]
    """Tag and how DICOM JSON writes it."""
    items: tuple[tuple[int, str, str, Folding], ...]
    """Tag of the sequence, JSON name of the attribute inside, path, folding."""
    tags: tuple[int, ...]
    """Every tag of the above."""


def _plan(level: Level) -> _LevelPlan:
    indexed = [attribute for attribute in INDEXED_ATTRIBUTES if attribute.level == level]
    tags = [tag_of(keyword) for keyword in RETURNED_KEYWORDS[level]]
    items = tuple(_item_plan(item) for item in INDEXED_ITEMS if item.level == level)
    return _LevelPlan(
        keys=tuple((attribute.keyword, attribute.tag, attribute.folding) for attribute in indexed),
        returned=tuple((tag, f"{tag:08X}") for tag in sorted(tags)),
        items=items,
        tags=tuple(
            {*tags, *(attribute.tag for attribute in indexed), *(item[0] for item in items)}
        ),
    )


def _item_plan(item: IndexedItem) -> tuple[int, str, str, Folding]:
    return tag_of(item.sequence), f"{tag_of(item.keyword):08X}", item.path, item.folding


_PLANS: Final = {level: _plan(level) for level in Level}

Value = tuple[str, list[Any]]
Values = Mapping[int, Value]
"""`Header.values`."""


class _Remembered:
    """Descriptions of the studies or series that arrive now, by the UID in `tag`.

    The reader of headers gives one and the same object for nearly every element that repeats, so
    comparing all values costs little more than looking at them.
    """

    _MOST: Final = 64

    def __init__(self, tag: int, plan: _LevelPlan) -> None:
        self._tag = tag
        self._plan = plan
        self._known: dict[str, tuple[list[Value | None], LevelDescription]] = {}

    def describe(self, values: Values) -> LevelDescription:
        """As `_describe_level`. Safe to call from several threads."""
        uid = str(values[self._tag][1][0])
        parts = [values.get(tag) for tag in self._plan.tags]
        known = self._known.get(uid)
        if known is not None and known[0] == parts:
            return known[1]
        if len(self._known) >= self._MOST:
            self._known.clear()
        described = _describe_level(self._plan, values)
        self._known[uid] = (parts, described)
        return described


_STUDIES: Final = _Remembered(tag_of("StudyInstanceUID"), _PLANS[Level.STUDY])
_SERIES: Final = _Remembered(tag_of("SeriesInstanceUID"), _PLANS[Level.SERIES])


def describe(
    header: Header,
    uids: InstanceUIDs,
    sop_class_uid: SOPClassUID,
    frame_table: bytes,
    extended: ExtendedValues = NO_EXTENDED_VALUES,
) -> Description:
    """Describe an instance that passed validation; `uids` and `sop_class_uid` are parsed.

    `frame_table` is `FrameTable.pack()`, or empty; `extended` what `hilum.ingest.extended` made.
    """
    values = header.values
    metadata, segments = compress(header.json, header.gaps)
    return Description(
        uids=uids,
        sop_class_uid=sop_class_uid,
        transfer_syntax_uid=TransferSyntaxUID(header.transfer_syntax_uid),
        study=_STUDIES.describe(values),
        series=_SERIES.describe(values),
        instance=_describe_level(_PLANS[Level.INSTANCE], values),
        metadata=metadata,
        frame_table=frame_table,
        dataset_offset=header.dataset_offset,
        invalid_tags=tuple(sorted({problem.tag for problem in header.problems})),
        bulk_table=_bulk_table(header, uids, segments),
        extended=extended,
    )


def compress(json: bytes, gaps: Sequence[Gap] = ()) -> tuple[Metadata, list[Segment]]:
    """Compress metadata so that it can be joined with others, and cut in its gaps.

    See `Metadata`. Every segment ends on a byte boundary with a full flush, so that the next one
    refers to nothing before it.
    """
    stream = isal_zlib.compressobj(_COMPRESSION_LEVEL, isal_zlib.DEFLATED, -15)
    pieces, segments = [], []
    start = 0
    for stop in (*(gap.offset for gap in gaps), len(json)):
        text = json[start:stop]
        piece = stream.compress(text) + stream.flush(isal_zlib.Z_FULL_FLUSH) if text else b""
        pieces.append(piece)
        segments.append(Segment(len(text), len(piece), isal_zlib.crc32(text)))
        start = stop
    return Metadata(b"".join(pieces), isal_zlib.crc32(json), len(json)), segments


def _bulk_table(header: Header, uids: InstanceUIDs, segments: Sequence[Segment]) -> bytes:
    """Pack the table; empty when bulk data was left out without gaps for it."""
    if len(header.gaps) < len(header.bulk):
        return b""
    address = bulk_address(uids)
    return BulkTable(address, has_inline(header.json), segments, bulk_places(header)).pack()


def _describe_level(plan: _LevelPlan, values: Values) -> LevelDescription:
    keys: dict[str, Key] = {}
    for keyword, tag, folding in plan.keys:
        found = values.get(tag)
        # Of several values the first is the key, as in the Azure service.
        keys[keyword] = folded(folding, found[1][0]) if found is not None and found[1] else None
    items = tuple(_item_values(plan, values)) if plan.items else ()
    return LevelDescription(keys, _attributes(plan, values), items)


def _attributes(plan: _LevelPlan, values: Values) -> bytes:
    attributes = {}
    for tag, name in plan.returned:
        found = values.get(tag)
        if found is not None and found[1]:
            attributes[name] = {"vr": found[0], "Value": found[1]}
    text = orjson.dumps(attributes)
    if len(text) <= ATTRIBUTES_BYTES:
        return text
    small = {
        name: attribute
        for name, attribute in attributes.items()
        if len(orjson.dumps(attribute)) <= _LARGE_ATTRIBUTE_BYTES
    }
    return orjson.dumps(small)


def _item_values(plan: _LevelPlan, values: Values) -> Iterator[SequenceItemValue]:
    left = ITEM_VALUES
    for sequence, name, path, folding in plan.items:
        found = values.get(sequence)
        if found is None or found[0] != "SQ":
            continue
        for number, item in enumerate(found[1]):
            key = _item_key(folding, item, name)
            if key is None:
                continue
            yield SequenceItemValue(path, number, str(key))
            left -= 1
            if not left:
                return


def _item_key(folding: Folding, item: Any, name: str) -> Key:  # noqa: ANN401 - JSON of an item
    attribute = item.get(name) if isinstance(item, dict) else None
    value: Sequence[Any] = attribute.get("Value", ()) if attribute else ()
    return folded(folding, value[0]) if value else None
