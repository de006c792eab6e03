"""The little of an instance that its study is judged by."""

from dataclasses import dataclass
from typing import Final

from hilum.validation.levels import Level
from hilum.validation.rules import numbers

_SHARED_PLACE: Final = (
    "00080008", "00080032", "00180086", "00180081", "00180080", "00181060", "00189087", "00189241",
    "00200012", "00200100", "00080033", "00541330",
)  # fmt: skip
"""Image type, times, echo, trigger, b-value, phase, acquisition and temporal position: images that
differ in one of these may well lie in one place."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Of one instance. No patient is named: hashes tell whether two are the same, no more."""

    patient: int | None
    """Of Patient ID and its issuer; None without a Patient ID: nobody knows whose it is."""
    patient_name: int
    study: str
    series: str
    sop_instance: str
    modality: str
    number: str
    frame_of_reference: str
    size: tuple[int | None, int | None]
    """Rows and columns."""
    orientation: tuple[float, ...]
    position: tuple[float, ...]
    """In mm; empty when the instance has none, or several."""
    series_key: int
    """Tells series of slices apart that share a Series Instance UID: hash of image type, times and
    the like."""
    acquisition: int


def facts_of(root: Level) -> Facts:
    """Return the facts of an instance."""

    def text(tag: str) -> str:
        return str(root.first(tag) or "")

    orientation = numbers(root.values("00200037"))
    position = numbers(root.values("00200032"))
    return Facts(
        patient=hash((text("00100020"), text("00100021"))) if text("00100020") else None,
        patient_name=hash(text("00100010")),
        study=text("0020000D"),
        series=text("0020000E"),
        sop_instance=text("00080018"),
        modality=text("00080060"),
        number=text("00200013"),
        frame_of_reference=text("00200052"),
        size=(root.number("00280010"), root.number("00280011")),
        orientation=tuple(round(value, 3) for value in orientation if len(orientation) == 6),
        position=tuple(position) if len(position) == 3 else (),
        series_key=hash(tuple(str(root.values(tag)) for tag in _SHARED_PLACE)),
        acquisition=hash((str(root.values("00080008")), str(root.values("00200012")))),
    )
