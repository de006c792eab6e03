"""What is wrong across the instances of a study, from the facts of each."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import pairwise
from typing import Final

from hilum.dicom.elements import ElementPath
from hilum.validation.facts import Facts
from hilum.validation.findings import Finding, Findings

_PATIENT_NAME: Final = 0x00100010
_PATIENT_ID: Final = 0x00100020
_SOP_INSTANCE: Final = 0x00080018
_SERIES: Final = 0x0020000E
_MODALITY: Final = 0x00080060
_NUMBER: Final = 0x00200013
_POSITION: Final = 0x00200032
_FRAME_OF_REFERENCE: Final = 0x00200052
_FEWEST_SLICES: Final = 4
_GAP: Final = 1.5
"""A distance of this many usual ones has a slice missing in it."""
_SAME_PLACE_MM: Final = 1e-3


class Studies:
    """Collects the facts of instances, some hundred bytes each, and judges each study."""

    def __init__(self) -> None:
        self._studies: dict[str, list[Facts]] = defaultdict(list)

    def add(self, facts: Facts) -> None:
        self._studies[facts.study].append(facts)

    def findings(self) -> Iterable[tuple[str, int, tuple[Finding, ...]]]:
        """Yield Study Instance UID, number of instances and what is wrong, in the order met."""
        for study, members in self._studies.items():
            yield study, len(members), check_study(members)


def check_study(members: list[Facts]) -> tuple[Finding, ...]:
    """Judge the instances of one study."""
    findings = Findings()
    _check_patients(members, findings)
    repeated = [uid for uid, count in Counter(f.sop_instance for f in members).items() if count > 1]
    if repeated:
        _add(findings, "sop-instance-twice", _SOP_INSTANCE, "a UID for each instance",
             f"{len(repeated)} UIDs several times", "PS3.3 C.12.1")  # fmt: skip
    series: dict[str, list[Facts]] = defaultdict(list)
    for facts in members:
        series[facts.series].append(facts)
    for number, same in enumerate(series.values()):
        _check_series(same, number, findings)
    return tuple(findings.rows)


def _check_patients(members: list[Facts], findings: Findings) -> None:
    known = {facts.patient for facts in members if facts.patient is not None}
    nameless = sum(facts.patient is None for facts in members)
    names = len({facts.patient_name for facts in members})
    if len(known) > 1:
        _add(findings, "study-patient-differs", _PATIENT_ID, "one patient",
             f"{len(known)} patients", "PS3.3 A.1.2")  # fmt: skip
    elif known and nameless:
        _add(findings, "study-patient-unclear", _PATIENT_ID, "one Patient ID for all instances",
             f"none in {nameless} of {len(members)}", "PS3.3 A.1.2")  # fmt: skip
    elif names > 1:
        _add(findings, "study-patient-unclear", _PATIENT_NAME, "one Patient's Name",
             f"{names} spellings", "PS3.3 A.1.2")  # fmt: skip


def _check_series(members: list[Facts], number: int, findings: Findings) -> None:
    modalities = {facts.modality for facts in members}
    if len(modalities) > 1:
        told = ", ".join(sorted(modality or "none" for modality in modalities))
        _add(findings, "series-differs", _MODALITY, "one modality", told,
             "PS3.3 A.1.2", number)  # fmt: skip
    frames = {facts.frame_of_reference for facts in members if facts.frame_of_reference}
    if len(frames) > 1:
        _add(findings, "frame-of-reference-differs", _FRAME_OF_REFERENCE,
             "one frame of reference", f"{len(frames)}", "PS3.3 C.7.4.1", number)  # fmt: skip
    distinct = list({facts.sop_instance: facts for facts in members}.values())
    numbers = Counter((facts.number, facts.acquisition) for facts in distinct if facts.number)
    twice = sum(count > 1 for count in numbers.values())
    if twice:
        _add(findings, "instance-numbers-equal", _NUMBER, "a number for each instance",
             f"{twice} numbers several times", "PS3.3 C.7.6.1", number)  # fmt: skip
    _check_slices(distinct, number, findings)


def _check_slices(members: list[Facts], number: int, findings: Findings) -> None:
    placed = [facts for facts in members if facts.position and facts.orientation]
    equal = Counter((f.position, f.orientation, f.series_key) for f in placed)
    repeated = sum(count > 1 for count in equal.values())
    if repeated:
        _add(findings, "positions-equal", _POSITION, "a place for each image",
             f"{repeated} places several times", "PS3.3 C.7.6.2", number)  # fmt: skip
    stacks: dict[tuple[tuple[float, ...], int], list[float]] = defaultdict(list)
    for facts in placed:
        stacks[facts.orientation, facts.acquisition].append(_along_normal(facts))
    for places in stacks.values():
        gap = _gap(places)
        if gap is not None:
            usual, widest = gap
            _add(findings, "slices-missing", _POSITION, f"{usual:.4g} mm from slice to slice",
                 f"up to {widest:.4g} mm", "PS3.3 C.7.6.2", number)  # fmt: skip


def _along_normal(facts: Facts) -> float:
    """Return where a slice lies along the normal of its plane, in mm."""
    a, b, c, d, e, f = facts.orientation
    x, y, z = facts.position
    return (b * f - c * e) * x + (c * d - a * f) * y + (a * e - b * d) * z


def _gap(places: list[float]) -> tuple[float, float] | None:
    """Return usual and widest distance when a slice seems to be missing."""
    ordered = sorted(places)
    steps = [later - earlier for earlier, later in pairwise(ordered)]
    steps = [step for step in steps if step > _SAME_PLACE_MM]
    if len(steps) < _FEWEST_SLICES - 1:
        return None
    usual = sorted(steps)[len(steps) // 2]
    widest = max(steps)
    return (usual, widest) if widest > _GAP * usual else None


def _add(
    findings: Findings, code: str, tag: int, expected: str, found: str, section: str,
    series: int | None = None,
) -> None:  # fmt: skip
    """Report; the path of a finding about a series has its number, as an item of the study."""
    items = () if series is None else ((_SERIES, series),)
    findings.add(code, ElementPath(items, tag), expected=expected, found=found, section=section)
