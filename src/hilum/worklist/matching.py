"""What can be searched for in work items, and how values are folded for it.

Times become UTC; one without an offset counts as UTC, and one of reduced precision as the first
moment that it means.
"""

import re
from calendar import monthrange
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

from hilum.dicom.attributes import Folding, fold_name, fold_text, tag_of
from hilum.dicom.dictionary import DICTIONARY
from hilum.dicom.json_values import items, values
from hilum.domain.workitems import WorkitemDataset

VALUE_CHARACTERS: Final = 512
"""Longer values are cut: database engines bound the size of what an index row holds."""

_MATCHED: Final = """
PatientName PatientID PatientBirthDate PatientSex AdmissionID StudyInstanceUID SOPInstanceUID
SOPClassUID ProcedureStepState ProcedureStepLabel WorklistLabel ScheduledProcedureStepPriority
InputReadinessState ScheduledProcedureStepStartDateTime ExpectedCompletionDateTime
ScheduledProcedureStepModificationDateTime ScheduledProcedureStepExpirationDateTime
ReferencedRequestSequence.AccessionNumber ReferencedRequestSequence.RequestedProcedureID
ReferencedRequestSequence.StudyInstanceUID ScheduledStationNameCodeSequence.CodeValue
ScheduledStationClassCodeSequence.CodeValue
ScheduledStationGeographicLocationCodeSequence.CodeValue ScheduledWorkitemCodeSequence.CodeValue
"""
_MOMENT: Final = re.compile(
    r"(\d{4})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:\.(\d{1,6}))?)?)?)?)?)?"
    r"([+-])?(?:(\d{2})(\d{2}))?",
    re.ASCII,
)
_FOLDINGS: Final = {"PN": Folding.NAME, "DA": Folding.DATE, "UI": Folding.UID}


@dataclass(frozen=True, slots=True)
class MatchedAttribute:
    """An attribute of a work item, or of the items of one of its sequences."""

    name: str
    """`Keyword` or `Sequence.Keyword`."""

    @property
    def path(self) -> str:
        """As in `WorkitemKey.path`."""
        return ".".join(f"{tag_of(keyword):08X}" for keyword in self.name.split("."))

    @property
    def vr(self) -> str:
        return DICTIONARY[tag_of(self.name.rpartition(".")[2])][0]

    @property
    def folding(self) -> Folding:
        """Of what is no time: those have `moment`."""
        return _FOLDINGS.get(self.vr, Folding.TEXT)

    @property
    def is_time(self) -> bool:
        return self.vr == "DT"


MATCHED: Final[Mapping[str, MatchedAttribute]] = {
    each.path: each for each in map(MatchedAttribute, _MATCHED.split())
}
"""By path."""


def values_of(dataset: WorkitemDataset) -> Sequence[tuple[str, str]]:
    """Pairs of path and folded value, each once, of all that can be searched for."""
    return sorted(
        {
            (path, folded[:VALUE_CHARACTERS])
            for path, attribute in MATCHED.items()
            for value in _values(dataset, path)
            if (folded := _folded(attribute, value))
        }
    )


def _values(dataset: WorkitemDataset, path: str) -> Iterator[Any]:
    outer, _, inner = path.rpartition(".")
    for holder in items(dataset, outer) if outer else [dataset]:
        yield from values(holder, inner)


def _folded(attribute: MatchedAttribute, value: object) -> str | None:
    if isinstance(value, Mapping):
        groups = ("Alphabetic", "Ideographic", "Phonetic")
        value = "=".join(str(value.get(group) or "") for group in groups)
    text = str(value).replace("\0", " ")
    if attribute.is_time:
        return moment(text, last=False)
    if attribute.folding is Folding.NAME:
        return fold_name(text)
    return fold_text(text) if attribute.folding is Folding.TEXT else text.strip()


def moment(text: str, *, last: bool) -> str | None:
    """`YYYYMMDDHHMMSS.FFFFFF` in UTC: the first or last moment that a time (VR DT) means."""
    found = _MOMENT.fullmatch(text.strip())
    if found is None or (found[8] is None) != (found[9] is None):
        return None
    filled = [found[at] for at in range(1, 8)]
    try:
        begin = _begin(filled)
        end = _end(filled, begin) if last else begin
        return f"{end - _offset(found):%Y%m%d%H%M%S.%f}".rjust(21, "0")
    except (ValueError, OverflowError):
        return None


def _begin(parts: Sequence[str | None]) -> datetime:
    year, month, day, hour, minute, second, fraction = parts
    return datetime(
        int(year or 0), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0),
        min(int(second or 0), 59), int((fraction or "").ljust(6, "0")), tzinfo=UTC,
    )  # fmt: skip


def _end(parts: Sequence[str | None], begin: datetime) -> datetime:
    """The last moment of the span that `begin` begins."""
    precision = sum(part is not None for part in parts)
    if precision == 1:
        return begin.replace(month=12, day=31, hour=23, minute=59, second=59, microsecond=999_999)
    if precision == 7:
        return begin
    days = monthrange(begin.year, begin.month)[1]
    spans = {2: timedelta(days=days), 3: timedelta(days=1), 4: timedelta(hours=1)}
    spans |= {5: timedelta(minutes=1), 6: timedelta(seconds=1)}
    return begin + (spans[precision] - timedelta(microseconds=1))


def _offset(found: "re.Match[str]") -> timedelta:
    if found[8] is None:
        return timedelta()
    span = timedelta(hours=int(found[9]), minutes=int(found[10]))
    zone = timezone(-span if found[8] == "-" else span)
    return zone.utcoffset(None)
