"""What comes before the data set of a file (PS3.10 section 7)."""

import re
from collections.abc import Mapping
from typing import Final

from hilum.dicom.dictionary import UID_NAMES
from hilum.dicom.elements import ElementPath
from hilum.dicom.header import Header, Source
from hilum.dicom.vr import BY_CODE
from hilum.validation.findings import Findings, keyword_of
from hilum.validation.levels import Level

_SECTION: Final = "PS3.10 7.1"
_GROUP_LENGTH: Final = 0x00020000
_VERSION: Final = 0x00020001
_SOP_CLASS: Final = 0x00020002
_SOP_INSTANCE: Final = 0x00020003
_TRANSFER_SYNTAX: Final = 0x00020010
_IMPLEMENTATION: Final = 0x00020012
_VERSION_NAME: Final = 0x00020013
_REQUIRED: Final = (
    _GROUP_LENGTH, _VERSION, _SOP_CLASS, _SOP_INSTANCE, _TRANSFER_SYNTAX, _IMPLEMENTATION,
)  # fmt: skip
_SAME: Final = ((_SOP_CLASS, "00080016"), (_SOP_INSTANCE, "00080018"))
_DIRECTORY: Final = "1.2.840.10008.1.3.10"
_STANDARD_ROOT: Final = "1.2.840.10008."
_START: Final = 132
UID: Final = re.compile(
    r"(?:[01]\.(?:[0-9]|[123][0-9])|2\.(?:0|[1-9][0-9]*))(?:\.(?:0|[1-9][0-9]*))*"
)
"""PS3.5 9.1, and the roots there are (ISO/IEC 9834-1)."""
_LONGEST_UID: Final = 64
_LONGEST_NAME: Final = 16


def is_uid(text: str) -> bool:
    return len(text) <= _LONGEST_UID and UID.fullmatch(text) is not None


def check_part10(source: Source, header: Header, root: Level, findings: Findings) -> None:
    """Report what is wrong with preamble and file meta information."""
    if not header.has_preamble or not header.has_file_meta:
        what = "file meta information" if header.has_preamble else "preamble and 'DICM' prefix"
        findings.add(
            "meta-missing", None, expected="a Part 10 file", found=f"no {what}", section=_SECTION
        )
    if not header.has_file_meta:
        return
    start = _START if header.has_preamble else 0
    meta = _elements(bytes(source[start : header.dataset_offset]))
    for tag in _REQUIRED:
        if not meta.get(tag):
            findings.add(
                "meta-attribute-missing", ElementPath((), tag),
                expected=f"{keyword_of(tag)}: type 1",
                found="no value" if tag in meta else "absent", section=_SECTION,
            )  # fmt: skip
    _check_group_length(meta, header.dataset_offset - start, findings)
    if meta.get(_VERSION, b"\0\1") != b"\0\1":
        _invalid(findings, _VERSION, "bytes 00 01", f"{len(meta[_VERSION])} other bytes")
    _check_uids(header, findings)
    name = header.file_meta.get(_VERSION_NAME, "")
    if meta.get(_VERSION_NAME, b"").endswith(b"\0"):
        _invalid(findings, _VERSION_NAME, "padding with a space", "a NUL")
    if len(name) > _LONGEST_NAME:
        _invalid(findings, _VERSION_NAME, "at most 16 characters", f"{len(name)} characters")
    _check_agreement(header, root, findings)


def _elements(data: bytes) -> Mapping[int, bytes]:
    """Return the values of group 0002; the reader of the header has seen that they are whole."""
    found: dict[int, bytes] = {}
    position = 0
    while position + 8 <= len(data) and data[position : position + 2] == b"\x02\0":
        tag = 0x00020000 | int.from_bytes(data[position + 2 : position + 4], "little")
        vr = BY_CODE.get(data[position + 4 : position + 6])
        if vr is None:
            size, length = 8, int.from_bytes(data[position + 4 : position + 8], "little")
        elif vr.has_long_length:
            size, length = 12, int.from_bytes(data[position + 8 : position + 12], "little")
        else:
            size, length = 8, int.from_bytes(data[position + 6 : position + 8], "little")
        found[tag] = data[position + size : position + size + length]
        position += size + length
    return found


def _check_group_length(meta: Mapping[int, bytes], size: int, findings: Findings) -> None:
    told = meta.get(_GROUP_LENGTH)
    if told is not None and len(told) == 4:
        length, actual = int.from_bytes(told, "little"), size - 12
        if length != actual:
            _invalid(findings, _GROUP_LENGTH, f"{actual} bytes", f"{length} bytes")


def _check_uids(header: Header, findings: Findings) -> None:
    for tag in (_SOP_CLASS, _SOP_INSTANCE, _TRANSFER_SYNTAX, _IMPLEMENTATION):
        uid = header.file_meta.get(tag, "")
        if uid and not is_uid(uid):
            _invalid(findings, tag, "a UID (PS3.5 9.1)", f"another text of {len(uid)} characters")
    syntax = header.file_meta.get(_TRANSFER_SYNTAX, "")
    if syntax.startswith(_STANDARD_ROOT) and syntax not in UID_NAMES:
        _invalid(findings, _TRANSFER_SYNTAX, "a transfer syntax of PS3.6", syntax)


def _check_agreement(header: Header, root: Level, findings: Findings) -> None:
    if header.file_meta.get(_SOP_CLASS) == _DIRECTORY:
        return
    for tag, in_data_set in _SAME:
        announced = header.file_meta.get(tag)
        actual = root.first(in_data_set)
        if announced and announced != actual:
            findings.add(
                "meta-mismatch", ElementPath((), tag),
                expected=f"the same UID as {keyword_of(int(in_data_set, 16))}",
                found="another UID" if actual else "none in the data set", section=_SECTION,
            )  # fmt: skip


def _invalid(findings: Findings, tag: int, expected: str, found: str) -> None:
    findings.add(
        "meta-value-invalid", ElementPath((), tag), expected=expected, found=found, section=_SECTION
    )
