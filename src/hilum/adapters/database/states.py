"""The studies and series that a batch touches, between their rows before and after."""

from typing import Any, Final

from hilum.adapters.database.merging import MODALITY, MergedLevel, first_text
from hilum.adapters.database.tables import NAMED, keywords_at
from hilum.domain.instances import Description
from hilum.domain.levels import Level

STUDY_KEYWORDS: Final = keywords_at(Level.STUDY)
SERIES_KEYWORDS: Final = keywords_at(Level.SERIES)


class StudyState:
    """A study; `key` is that of its row, which exists or will."""

    __slots__ = (
        "_first_names",
        "_first_patient",
        "added_series",
        "modalities",
        "modalities_changed",
        "partition",
        "patient_key",
        "row",
    )

    def __init__(self, key: int, partition: int) -> None:
        self.row = MergedLevel(key)
        self.partition = partition
        self.patient_key: int | None = None
        self.modalities = ""
        self.modalities_changed = False
        self.added_series = 0
        self._first_names: tuple[Any, ...] = ()
        self._first_patient: tuple[Any, ...] = ()

    def read(self, patient_key: int | None, modalities: str) -> None:
        """Start from a row that exists and was read into `row`."""
        self.patient_key = patient_key
        self.modalities = modalities
        self._first_names = self.names
        self._first_patient = self._patient

    def merge(self, described: Description) -> bool:
        """Take in what an instance says; True when its items have to be looked at."""
        return self.row.merge(described.study, STUDY_KEYWORDS)

    @property
    def names(self) -> tuple[Any, ...]:
        return tuple(self.row.values.get(keyword) for keyword in NAMED)

    @property
    def _patient(self) -> tuple[Any, ...]:
        return self.row.values.get("PatientID"), self.row.values.get("IssuerOfPatientID")

    @property
    def renamed(self) -> bool:
        return self.names != self._first_names

    @property
    def patient_changed(self) -> bool:
        return self._patient != self._first_patient


class SeriesState:
    """A series of such a study."""

    __slots__ = ("row", "shown_modality", "study")

    def __init__(self, key: int, study: StudyState) -> None:
        self.row = MergedLevel(key)
        self.study = study
        self.shown_modality: str | None = None

    def merge(self, described: Description) -> bool:
        """Take in what an instance says; True when its items have to be looked at."""
        before = self.row.values.get("Modality")
        news = self.row.merge(described.series, SERIES_KEYWORDS)
        if news:
            self.shown_modality = first_text(self.row.attributes, MODALITY)
            if self.row.created or self.row.values.get("Modality") != before:
                self.study.modalities_changed = True
        return news
