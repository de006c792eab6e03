"""Everything there is to say of one instance."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from hilum.dicom.header import Header, HeaderLimits, Memo, Source, read_header
from hilum.domain.errors import LimitExceeded, UnreadableInstance
from hilum.validation.elements import check_elements, check_problems
from hilum.validation.facts import Facts, facts_of
from hilum.validation.findings import Finding, Findings
from hilum.validation.heads import check_heads
from hilum.validation.levels import root_of
from hilum.validation.modules import check_modules
from hilum.validation.part10 import check_part10
from hilum.validation.pixels import check_pixels
from hilum.validation.rules import check_required, check_rules

_DIRECTORY: Final = "1.2.840.10008.1.3.10"
_SOP_CLASS: Final = 0x00020002


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found out about one instance."""

    findings: tuple[Finding, ...]
    facts: Facts | None
    """What its study is judged by; None when it could not be read."""


def examine_source(
    source: Source,
    *,
    limits: HeaderLimits | None = None,
    memo: Memo | None = None,
    required: Iterable[int] = (),
) -> Examination:
    """Read one instance and judge it; what makes it unreadable is a finding, too."""
    try:
        header = read_header(source, limits=limits, memo=memo)
    except (UnreadableInstance, LimitExceeded) as error:
        return unreadable(error)
    return examine_header(source, header, required)


def examine_header(source: Source, header: Header, required: Iterable[int] = ()) -> Examination:
    """Judge an instance whose header is read; `source` is what it was read from.

    `required` are tags that the profile wants with a value (`DeepProfile.required`).
    """
    root = root_of(header)
    findings = Findings()
    check_part10(source, header, root, findings)
    check_problems(header, findings)
    check_heads(source, header, findings)
    check_elements(root, findings)
    if header.file_meta.get(_SOP_CLASS) != _DIRECTORY:
        check_modules(root, findings)
        check_pixels(source, header, root, findings)
        check_rules(root, findings)
    check_required(root, required, findings)
    return Examination(tuple(findings.rows), facts_of(root))


def unreadable(error: UnreadableInstance | LimitExceeded) -> Examination:
    """What there is to say of an instance whose header cannot be read."""
    is_limit = isinstance(error, LimitExceeded)
    return _unread("limit-exceeded" if is_limit else error.code, str(error))


def unreadable_file(error: OSError) -> Examination:
    """What there is to say of a file that could not be opened or read."""
    return lost_file(os.strerror(error.errno or 0))


def lost_file(text: str) -> Examination:
    """What there is to say of a file that cannot be had, for the reason in `text`."""
    return _unread("file-unreadable", text)


def _unread(code: str, text: str) -> Examination:
    findings = Findings()
    findings.add(code, None, found=text, section="PS3.10 7")
    return Examination(tuple(findings.rows), None)
