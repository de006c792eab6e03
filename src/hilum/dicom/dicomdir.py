"""A DICOMDIR: the directory of a file-set (PS3.3 annex F, PS3.10 section 8), made of metadata.

Written here and not by pydicom's `FileSet`, which re-encodes the instances it takes, and whose
time grows with the square of their number (2,000 instances took half a minute).
"""

import hashlib
import itertools
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import PurePosixPath
from typing import Any, Final, NamedTuple

from hilum.dicom.dictionary import DICTIONARY, TAGS
from hilum.dicom.directory_records import (
    CONDITIONAL_KEYS,
    INVENTED,
    KEYS,
    LEAF_KEYS,
    LEAF_NAMES,
    LEVEL_NAMES,
    MODIFIED_TITLES,
    leaf_type,
)
from hilum.dicom.explicit_values import (
    character_set_of,
    encoded_element,
    encoded_item,
    encoded_json,
    texts_of,
)
from hilum.dicom.json_values import JsonDataset, items, text
from hilum.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN
from hilum.domain.identifiers import InstanceUIDs
from hilum.domain.implementation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME

_MEDIA_STORAGE_DIRECTORY: Final = "1.2.840.10008.1.3.10"
_FILE_SET_ID: Final = "HILUM"
_NEXT_AT: Final = 8
"""Where the value of (0004,1400) lies in an encoded record: it is the first element."""
_LOWER_AT: Final = 30
"""Where the value of (0004,1420) lies: behind (0004,1400) UL and (0004,1410) US."""
_ITEM_BYTES: Final = 8
_CHARACTER_SET: Final = 0x00080005
_SOP_INSTANCE_IN_FILE: Final = 0x00041511
_TRANSFER_SYNTAX_IN_FILE: Final = 0x00041512


class NotInDicomdir(Exception):
    """An instance that no directory record can be made for; `str(error)` says why."""


@dataclass(slots=True)
class _Node:
    """A directory record and what is below it, by the identifier of the lower level."""

    before: bytes
    """The encoded record; of one that refers to a file, up to the UID of its instance."""
    name: str
    """Component of the File ID: eight characters (PS3.10 section 8.2)."""
    below: dict[str, "_Node"] = field(default_factory=dict)
    file: "ListedFile | None" = None
    after: bytes = b""
    """The rest of a record that refers to a file."""

    @property
    def lower(self) -> Sequence["_Node"]:
        return list(self.below.values())

    def child(self, key: str, prefix: str) -> "_Node":
        """The node below for this identifier; a new one has no record yet."""
        known = self.below.get(key)
        if known is None:
            known = self.below[key] = _Node(b"", f"{prefix}{len(self.below):06d}")
        return known

    def record(self) -> bytes:
        if self.file is None:
            return self.before
        uid, syntax = self.file.sop_instance_uid, self.file.transfer_syntax_uid
        return (
            self.before
            + encoded_element(_SOP_INSTANCE_IN_FILE, "UI", uid.encode())
            + encoded_element(_TRANSFER_SYNTAX_IN_FILE, "UI", syntax.encode())
            + self.after
        )


class _Level(NamedTuple):
    """What a file is entered below."""

    identifier: str
    prefix: str
    """Of the component of the File ID."""
    record: bytes
    """Encoded; empty where there is one already."""


@dataclass(slots=True)
class ListedFile:
    """A file of the set."""

    name: PurePosixPath
    """Its File ID."""
    sop_instance_uid: str
    transfer_syntax_uid: str
    """Both may be changed until the directory is written: a file can be converted."""


@dataclass(slots=True)
class Dicomdir:
    """Collects what is in a file-set, names the files and writes the directory."""

    _root: _Node = field(default_factory=lambda: _Node(b"", ""))

    def add(
        self, uids: InstanceUIDs, sop_class_uid: str, transfer_syntax_uid: str, dataset: JsonDataset
    ) -> ListedFile:
        """Take in one instance by its metadata and give it a name.

        Raises `NotInDicomdir`. Numbers in the data set may be digits.
        """
        kind = leaf_type(sop_class_uid, has_pixels=_ROWS in dataset)
        if kind is None:
            message = "there is no directory record for its SOP class"
            raise NotInDicomdir(message)
        # All records are encoded before any is entered: one that cannot be leaves nothing behind.
        try:
            levels, number = self._levels(uids, dataset)
            keys = _keys(dataset, LEAF_KEYS[kind]) | _conditional_keys(dataset, kind)
            after = _encoded(_with_number(keys, number))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            message = f"no directory record can be made of its metadata ({type(error).__name__})"
            raise NotInDicomdir(message) from error
        path, series = self._series(levels)
        leaf = series.child(uids.sop_instance, LEAF_NAMES[kind])
        file_id = (*path, leaf.name)
        leaf.before = _head_of_record(kind) + _reference(file_id, sop_class_uid)
        leaf.after = after
        leaf.file = ListedFile(PurePosixPath(*file_id), uids.sop_instance, transfer_syntax_uid)
        return leaf.file

    @property
    def size_bytes(self) -> int:
        """Length of the file."""
        return sum(map(len, self.chunks()))

    def chunks(self) -> Iterator[bytes]:
        """Yield the file in pieces, of which none is large."""
        nodes = list(_depth_first(self._root))
        records = [node.record() for node in nodes]
        head_bytes = len(self._head(0, 0, 0))
        offsets: dict[int, int] = {}
        at = head_bytes
        for node, record in zip(nodes, records, strict=True):
            offsets[id(node)] = at
            at += _ITEM_BYTES + len(record)
        following = dict(_following(self._root, offsets))
        roots = [offsets[id(node)] for node in self._root.lower] or [0]
        yield self._head(roots[0], roots[-1], at - head_bytes)
        for node, encoded in zip(nodes, records, strict=True):
            linked = bytearray(encoded)
            struct.pack_into("<L", linked, _NEXT_AT, following.get(id(node), 0))
            lower = next(iter(node.lower), None)
            struct.pack_into("<L", linked, _LOWER_AT, offsets[id(lower)] if lower else 0)
            yield encoded_item(bytes(linked))

    def _levels(self, uids: InstanceUIDs, dataset: JsonDataset) -> tuple[Sequence[_Level], int]:
        """What is above an instance, and its number in its series."""
        node: _Node | None = self._root
        levels = []
        identifiers = (text(dataset, _key("PatientID")), uids.study, uids.series)
        for (level, keywords), identifier in zip(KEYS.items(), identifiers, strict=True):
            node = node.below.get(identifier) if node is not None else None
            is_new = node is None
            record = _head_of_record(level) + _encoded(_keys(dataset, keywords)) if is_new else b""
            levels.append(_Level(identifier, LEVEL_NAMES[level], record))
        return levels, 1 if node is None else len(node.below) + 1

    def _series(self, levels: Sequence[_Level]) -> tuple[tuple[str, ...], _Node]:
        """File ID and node of a series, which are made when they are new."""
        node, path = self._root, []
        for level in levels:
            node = node.child(level.identifier, level.prefix)
            node.before = node.before or level.record
            path.append(node.name)
        return tuple(path), node

    def _head(self, first: int, last: int, records_bytes: int) -> bytes:
        """Everything before the first directory record."""
        elements = (
            (0x00041130, "CS", _FILE_SET_ID.encode()),
            (0x00041200, "UL", struct.pack("<L", first)),
            (0x00041202, "UL", struct.pack("<L", last)),
            (0x00041212, "US", bytes(2)),
        )
        dataset = b"".join(encoded_element(*element) for element in elements)
        sequence = struct.pack("<HH2sHL", 0x0004, 0x1220, b"SQ", 0, records_bytes)
        return b"%b%b%b%b" % (bytes(128), b"DICM", self._meta(), dataset + sequence)

    def _meta(self) -> bytes:
        elements = (
            (0x00020001, "OB", b"\0\1"),
            (0x00020002, "UI", _MEDIA_STORAGE_DIRECTORY.encode()),
            (0x00020003, "UI", self._uid().encode()),
            (0x00020010, "UI", EXPLICIT_VR_LITTLE_ENDIAN.encode()),
            (0x00020012, "UI", IMPLEMENTATION_CLASS_UID.encode()),
            (0x00020013, "SH", IMPLEMENTATION_VERSION_NAME.encode()),
        )
        meta = b"".join(encoded_element(*element) for element in elements)
        return encoded_element(0x00020000, "UL", struct.pack("<L", len(meta))) + meta

    def _uid(self) -> str:
        """A UID made of those of the instances (PS3.5 section B.2): the same for the same."""
        digest = hashlib.sha256()
        files = (node.file for node in _depth_first(self._root))
        for uid in sorted(file.sop_instance_uid for file in files if file is not None):
            digest.update(f"{uid}\n".encode())
        return f"2.25.{int.from_bytes(digest.digest()[:16])}"


def _depth_first(node: _Node) -> Iterator[_Node]:
    for lower in node.lower:
        yield lower
        yield from _depth_first(lower)


def _following(node: _Node, offsets: Mapping[int, int]) -> Iterator[tuple[int, int]]:
    """Yield (id of a node, offset of its next sibling) for all below `node`."""
    siblings = node.lower
    for one, other in itertools.pairwise(siblings):
        yield id(one), offsets[id(other)]
    for lower in siblings:
        yield from _following(lower, offsets)


_Elements = dict[str, Mapping[str, Any]]
"""DICOM JSON elements by tag."""


def _keys(dataset: JsonDataset, keywords: Sequence[str]) -> _Elements:
    """The keys of a record; what some of type 1 lack is made up, others stay empty."""
    keys: _Elements = {}
    for keyword in keywords:
        key = _key(keyword)
        element = dataset.get(key) or {"vr": DICTIONARY[TAGS[keyword]][0]}
        if keyword in INVENTED and not _has_value(element):
            element = {"vr": element["vr"], "Value": [INVENTED[keyword]]}
        keys[key] = element
    return keys


def _with_number(keys: _Elements, number: int) -> _Elements:
    """The keys with an Instance Number, which is of type 1 and often empty."""
    key = _key("InstanceNumber")
    if key not in keys or _has_value(keys[key]):
        return keys
    return keys | {key: {"vr": "IS", "Value": [str(number)]}}


def _has_value(element: Mapping[str, Any]) -> bool:
    return any(value not in (None, "", {}) for value in element.get("Value", ()))


def _conditional_keys(dataset: JsonDataset, kind: str) -> _Elements:
    keys: _Elements = {
        _key(keyword): dataset[_key(keyword)]
        for keyword in CONDITIONAL_KEYS.get(kind, ())
        if _key(keyword) in dataset
    }
    if kind in MODIFIED_TITLES:
        content = items(dataset, _key("ContentSequence"))
        relationship = _key("RelationshipType")
        modifiers = [item for item in content if text(item, relationship) == "HAS CONCEPT MOD"]
        if modifiers:
            keys[_key("ContentSequence")] = {"vr": "SQ", "Value": modifiers}
    if kind == "SR DOCUMENT" and text(dataset, _key("VerificationFlag")) == "VERIFIED":
        observers = items(dataset, _key("VerifyingObserverSequence"))
        moment = _key("VerificationDateTime")
        verified = max((text(each, moment) for each in observers), default="")
        keys[moment] = {"vr": "DT", "Value": [verified]}
    return keys


@cache
def _key(keyword: str) -> str:
    return f"{TAGS[keyword]:08X}"


_ROWS: Final = _key("Rows")


def _head_of_record(kind: str) -> bytes:
    return (
        encoded_element(0x00041400, "UL", bytes(4))
        + encoded_element(0x00041410, "US", b"\xff\xff")  # in use
        + encoded_element(0x00041420, "UL", bytes(4))
        + encoded_element(0x00041430, "CS", kind.encode())
    )


def _reference(file_id: Sequence[str], sop_class_uid: str) -> bytes:
    """What a record says of its file that does not change."""
    path = "\\".join(file_id).encode()
    return encoded_element(0x00041500, "CS", path) + encoded_element(
        0x00041510, "UI", sop_class_uid.encode()
    )


def _encoded(keys: _Elements) -> bytes:
    """Keys in the order of their tags, before them the character set they are in."""
    texts = (told for element in keys.values() for told in texts_of(element))
    character_set = character_set_of(texts)
    elements = [encoded_json(int(tag, 16), keys[tag], character_set) for tag in sorted(keys)]
    if character_set:
        elements.insert(0, encoded_element(_CHARACTER_SET, "CS", character_set.encode()))
    return b"".join(elements)
