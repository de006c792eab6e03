"""Study and series rows while a batch is committed: the latest instance's non-empty values win.

Most instances of a series say the same about it, byte for byte, so saying the same again must cost
next to nothing: JSON is parsed only when it differs from what was seen last.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson

from hilum.domain.instances import LevelDescription, SequenceItemValue

MODALITY: Final = "00080060"
PATIENT_ID: Final = "00100020"
ISSUER_OF_PATIENT_ID: Final = "00100021"

_SEQUENCE: Final = 8
"""Length of the part of `SequenceItemValue.path` that names the sequence."""

ItemRow = tuple[str, int, str]
"""Path, item, value."""


class MergedLevel:
    """What a study or series row will say."""

    __slots__ = (
        "_last",
        "added_bytes",
        "added_instances",
        "attributes",
        "batch_version",
        "created",
        "items",
        "items_changed",
        "key",
        "newest_instance_key",
        "newest_version",
        "said_otherwise",
        "values",
    )

    def __init__(self, key: int) -> None:
        self.key = key
        self.created = True
        self.values: dict[str, Any] = {}
        self.attributes = b"{}"
        self.items: set[ItemRow] | None = set()
        """None when the rows were not read yet."""
        self.items_changed = False
        self.said_otherwise = True
        """Whether `values` or `attributes` differ from the row's."""
        self.added_instances = 0
        self.added_bytes = 0
        self.newest_version = 0
        """What the row says; `batch_version` is the largest the batch adds."""
        self.batch_version = 0
        self.newest_instance_key = 0
        """0 until the batch keeps an instance here."""
        self._last: LevelDescription | None = None

    def read(
        self, keywords: Iterable[str], values: Iterable[Any], attributes: bytes, newest_version: int
    ) -> None:
        """Start from a row that exists."""
        self.created = False
        self.values = dict(zip(keywords, values, strict=True))
        self.attributes = attributes
        self.items = None
        self.said_otherwise = False
        self.newest_version = newest_version

    @property
    def touched(self) -> bool:
        """Whether the batch keeps an instance here."""
        return self.newest_instance_key != 0

    def take(self, instance_key: int, version: int, instances: int, size_bytes: int) -> None:
        """Count in what an instance that is kept adds."""
        self.added_instances += instances
        self.added_bytes += size_bytes
        self.newest_instance_key = instance_key
        self.batch_version = max(self.batch_version, version)

    def merge(self, said: LevelDescription, keywords: Iterable[str]) -> bool:
        """Take in what an instance says; False when it says what the last one said."""
        last = self._last
        if last is not None and (
            said is last
            or (
                said.attributes == last.attributes
                and said.keys == last.keys
                and said.items == last.items
            )
        ):
            return False
        self._last = said
        self._merge_values(said.keys, keywords)
        if said.attributes != self.attributes:
            merged = merge_json(self.attributes, said.attributes)
            if merged != self.attributes:
                self.attributes = merged
                self.said_otherwise = True
        return True

    def _merge_values(self, keys: Mapping[str, str | int | None], keywords: Iterable[str]) -> None:
        values = self.values
        for keyword in keywords:
            value = keys.get(keyword)
            if value is not None and value != "" and values.get(keyword) != value:
                values[keyword] = value
                self.said_otherwise = True

    def merge_items(self, said: Iterable[SequenceItemValue]) -> None:
        """Replace the items of the sequences that `said` has; `items` must have been read."""
        rows = {(item.path, item.item, item.value) for item in said}
        sequences = {path[:_SEQUENCE] for path, _, _ in rows}
        held = self.items or set()
        merged = {row for row in held if row[0][:_SEQUENCE] not in sequences} | rows
        if merged != held:
            self.items = merged
            self.items_changed = True


def merge_json(held: bytes, said: bytes) -> bytes:
    """Merge two DICOM JSON objects; an attribute without a value replaces none that has one."""
    if held == b"{}":
        return said
    old: dict[str, dict[str, Any]] = orjson.loads(held)
    new: dict[str, dict[str, Any]] = orjson.loads(said)
    merged = old | {tag: element for tag, element in new.items() if len(element) > 1}
    for tag, element in new.items():
        merged.setdefault(tag, element)
    if merged == old:
        return held
    return orjson.dumps(dict(sorted(merged.items())))


def first_text(attributes: bytes, tag: str) -> str | None:
    """Take the first value of a text attribute out of a DICOM JSON object, as it came."""
    if tag.encode() not in attributes:
        return None
    values = orjson.loads(attributes).get(tag, {}).get("Value")
    return values[0] if values and isinstance(values[0], str) and values[0] else None
