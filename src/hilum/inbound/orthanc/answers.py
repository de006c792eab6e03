"""Orthanc's answers as values; whatever is not as its REST API documents raises `ValueError`."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

SOURCE_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{8}){4}", re.ASCII)
"""Orthanc's names: five groups of a digest. Nothing else is ever put into an address."""

NEW_STUDY: Final = "NewStudy"
STABLE_STUDY: Final = "StableStudy"
_UNREADABLE: Final = "Orthanc's answer is not in the form its REST API documents"


@dataclass(frozen=True, slots=True)
class Change:
    """One line of `/changes`."""

    sequence: int
    kind: str
    source_id: str
    date: str

    @property
    def mark(self) -> str:
        """What tells this change from another one with its number in another database."""
        return f"{self.kind} {self.source_id} {self.date}"


@dataclass(frozen=True, slots=True)
class Changes:
    """One page of `/changes`."""

    changes: Sequence[Change]
    last: int
    """The last sequence of the page, or of all when the page is empty."""
    done: bool
    """True when nothing follows."""


@dataclass(frozen=True, slots=True)
class StudyFacts:
    """What Orthanc says of a study; no more of its attributes is read than the UID."""

    source_id: str
    study_instance_uid: str
    stable: bool
    updated: str
    series: Sequence[str]


@dataclass(frozen=True, slots=True)
class SeriesFacts:
    """What Orthanc says of a series."""

    source_id: str
    updated: str
    instances: Sequence[str]

    @property
    def digest(self) -> str:
        """Equal as long as nothing came or went; empty when that cannot be told.

        Orthanc notes the second in which a series changed last. A series that was stable when it
        was looked at did not change in that second, so a later change is seen by it.
        """
        if not self.updated:
            return ""
        text = "\n".join([self.updated, *sorted(self.instances)])
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def read_changes(answer: object) -> Changes:
    table = _table(answer)
    changes = [
        Change(
            _number(each, "Seq"), _text(each, "ChangeType"), _text(each, "ID"), _text(each, "Date")
        )
        for each in map(_table, _list(table.get("Changes")))
    ]
    return Changes(changes, _number(table, "Last"), table.get("Done") is True)


def read_study(answer: object) -> StudyFacts:
    table = _table(answer)
    return StudyFacts(
        _identity(table),
        str(_table(table.get("MainDicomTags")).get("StudyInstanceUID", "")),
        table.get("IsStable") is True,
        str(table.get("LastUpdate", "")),
        _ids(table.get("Series")),
    )


def read_studies(answer: object) -> list[StudyFacts]:
    return [read_study(each) for each in _list(answer)]


def read_series(answer: object) -> SeriesFacts:
    table = _table(answer)
    return SeriesFacts(
        _identity(table), str(table.get("LastUpdate", "")), _ids(table.get("Instances"))
    )


def _table(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(_UNREADABLE)  # noqa: TRY004 - about the answer, not about an argument
    return value


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(_UNREADABLE)  # noqa: TRY004 - as above
    return value


def _ids(value: object) -> list[str]:
    ids = [each for each in _list(value) if isinstance(each, str) and SOURCE_ID.fullmatch(each)]
    if len(ids) != len(_list(value)):
        raise ValueError(_UNREADABLE)
    return ids


def _identity(table: dict[str, Any]) -> str:
    return _ids([table.get("ID")])[0]


def _text(table: dict[str, Any], name: str) -> str:
    value = table.get(name)
    if not isinstance(value, str):
        raise ValueError(_UNREADABLE)  # noqa: TRY004 - as above
    return value


def _number(table: dict[str, Any], name: str) -> int:
    value = table.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(_UNREADABLE)  # noqa: TRY004 - as above
    return value
