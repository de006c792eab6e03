"""A DICOMDIR over exported files (PS3.3 annex F, PS3.10 section 8).

Written here and not by pydicom's `FileSet`, which re-encodes the instances it takes, and whose
time grows with the square of their number (2,000 instances took half a minute).
"""

import io
import itertools
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import dcmwrite, write_dataset
from pydicom.uid import ExplicitVRLittleEndian, MediaStorageDirectoryStorage, generate_uid

from hilum.domain.records import InstanceRecord
from hilum.outbound.folder.directory_records import (
    INVENTED,
    KEYS,
    LEAF_KEYS,
    LEAF_NAMES,
    leaf_type,
    needed_keywords,
)

_ITEM: Final = struct.Struct("<HHL")
_NEXT_AT: Final = 8
"""Where the value of (0004,1400) lies in an encoded record: it is the first element."""
_LOWER_AT: Final = 30
"""Where the value of (0004,1420) lies: behind (0004,1400) UL and (0004,1410) US."""


class NotInDicomdir(Exception):
    """An instance that no directory record can be made for; `str(error)` says why."""


@dataclass(slots=True)
class _Node:
    """A directory record and what is below it, by the identifier of the lower level."""

    record: Dataset
    name: str
    """Component of the File ID: eight characters (PS3.10 section 8.2)."""
    below: dict[str, "_Node"] = field(default_factory=dict)

    def lower(self, key: str, record: Dataset, prefix: str) -> "_Node":
        node = self.below.get(key)
        if node is None:
            node = self.below[key] = _Node(record, f"{prefix}{len(self.below):06d}")
        return node


@dataclass(slots=True)
class DicomdirBuilder:
    """Collects headers, names the files and writes the DICOMDIR."""

    _root: _Node = field(default_factory=lambda: _Node(Dataset(), ""))

    def add(self, record: InstanceRecord, content: bytes | Path) -> PurePosixPath:
        """Take in one instance and return its File ID. Raises `NotInDicomdir`."""
        header = _header(content)
        kind = leaf_type(record.sop_class_uid, has_pixels="Rows" in header)
        if kind is None:
            message = "there is no directory record for its SOP class"
            raise NotInDicomdir(message)
        patient = self._root.lower(
            f"{header.get('PatientID')}", _record(header, "PATIENT", KEYS["PATIENT"]), "PT"
        )
        study = patient.lower(record.uids.study, _record(header, "STUDY", KEYS["STUDY"]), "ST")
        series = study.lower(record.uids.series, _record(header, "SERIES", KEYS["SERIES"]), "SE")
        if not header.get("InstanceNumber"):
            header.InstanceNumber = len(series.below) + 1
        leaf = _record(header, kind, LEAF_KEYS[kind])
        node = series.lower(record.uids.sop_instance, leaf, LEAF_NAMES[kind])
        file_id = (patient.name, study.name, series.name, node.name)
        leaf.ReferencedFileID = list(file_id)
        leaf.ReferencedSOPClassUIDInFile = record.sop_class_uid
        leaf.ReferencedSOPInstanceUIDInFile = record.uids.sop_instance
        leaf.ReferencedTransferSyntaxUIDInFile = record.transfer_syntax_uid
        return PurePosixPath(*file_id)

    def write(self, path: Path) -> None:
        """Write the DICOMDIR to `path`."""
        head = self._head(first=0, last=0)
        items = [(node, _encoded(node.record)) for node in _depth_first(self._root)]
        offsets: dict[int, int] = {}
        at = len(head)
        for node, item in items:
            offsets[id(node)] = at
            at += _ITEM.size + len(item)
        roots = [offsets[id(node)] for node in self._root.below.values()]
        following = dict(_following(self._root, offsets))
        with path.open("wb") as file:
            file.write(self._head(first=roots[0], last=roots[-1]) if roots else head)
            file.seek(-4, io.SEEK_CUR)  # the length of the sequence ends the head
            file.write(struct.pack("<L", at - len(head)))
            for node, item in items:
                struct.pack_into("<L", item, _NEXT_AT, following.get(id(node), 0))
                lower = next(iter(node.below.values()), None)
                struct.pack_into("<L", item, _LOWER_AT, offsets[id(lower)] if lower else 0)
                file.write(_ITEM.pack(0xFFFE, 0xE000, len(item)))
                file.write(item)

    def _head(self, first: int, last: int) -> bytes:
        """Everything before the first directory record."""
        dataset = Dataset()
        dataset.FileSetID = "HILUM"
        dataset.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity = first
        dataset.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity = last
        dataset.FileSetConsistencyFlag = 0
        dataset.DirectoryRecordSequence = []
        meta = FileMetaDataset()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
        meta.MediaStorageSOPInstanceUID = generate_uid(
            entropy_srcs=sorted(
                node.record.ReferencedSOPInstanceUIDInFile for node in self._leaves()
            )
        )
        dataset.file_meta = meta
        file = io.BytesIO()
        dcmwrite(file, dataset, enforce_file_format=True)
        return file.getvalue()

    def _leaves(self) -> Iterator[_Node]:
        return (node for node in _depth_first(self._root) if "ReferencedFileID" in node.record)


def _depth_first(node: _Node) -> Iterator[_Node]:
    for lower in node.below.values():
        yield lower
        yield from _depth_first(lower)


def _following(node: _Node, offsets: dict[int, int]) -> Iterator[tuple[int, int]]:
    """Yield (id of a node, offset of its next sibling) for all below `node`."""
    siblings = list(node.below.values())
    for one, other in itertools.pairwise(siblings):
        yield id(one), offsets[id(other)]
    for lower in siblings:
        yield from _following(lower, offsets)


def _record(header: Dataset, kind: str, keywords: tuple[str, ...]) -> Dataset:
    record = Dataset()
    record.OffsetOfTheNextDirectoryRecord = 0
    record.RecordInUseFlag = 0xFFFF
    record.OffsetOfReferencedLowerLevelDirectoryEntity = 0
    record.DirectoryRecordType = kind
    if header.get("SpecificCharacterSet"):
        record.SpecificCharacterSet = header.SpecificCharacterSet
    for keyword in keywords:
        if keyword in header:
            record[keyword] = header[keyword]
        else:
            setattr(record, keyword, None)
    return record


def _encoded(record: Dataset) -> bytearray:
    file = DicomBytesIO()
    file.is_implicit_VR, file.is_little_endian = False, True
    write_dataset(file, record)
    return bytearray(file.getvalue())


def _header(content: bytes | Path) -> Dataset:
    source = content if isinstance(content, Path) else io.BytesIO(content)
    try:
        read = pydicom.dcmread(
            source, stop_before_pixels=True, force=True, specific_tags=needed_keywords()
        )
        read.walk(lambda _dataset, _element: None)  # decodes nested values of other byte orders
        header = Dataset()
        header.update({element.tag: element for element in read})
        for keyword, value in INVENTED.items():
            if not header.get(keyword):
                setattr(header, keyword, value)
    except (ValueError, TypeError, AttributeError, KeyError, EOFError, LookupError) as error:
        message = f"its header cannot be read for a directory record ({type(error).__name__})"
        raise NotInDicomdir(message) from error
    return header
