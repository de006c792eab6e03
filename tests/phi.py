"""Planted patients: values that must never leave by a log line, a metric or an error body.

Plant `PATIENT` in data sets and queries, gather everything that was written, and hand it to
`assert_no_patient`.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Literal

import structlog

from hilum.adapters.telemetry.patient_attributes import patient_keywords
from hilum.domain.errors import HilumError
from hilum.foundation.logs import LogOptions, configure_logging


@dataclass(frozen=True, slots=True)
class PlantedPatient:
    """Values that occur nowhere else, so that finding one is a leak."""

    patient_name: str = "Zzyzxova^Quillabee"
    folded_name: str = "zzyzxova"
    given_name: str = "Quillabee"
    patient_id: str = "ZZPID-7741939"
    birth_date: str = "18880229"
    accession_number: str = "ZZACC-5520417"
    comment: str = "zzcomment-planted-6613"


PATIENT = PlantedPatient()


def leaks(text: str | bytes) -> list[str]:
    """The planted values in `text`, however their case was changed or their bytes escaped."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    lower = text.lower().replace("%5e", "^").replace("\\u005e", "^")
    values = [getattr(PATIENT, field.name) for field in fields(PATIENT)]
    return [value for value in values if value.lower() in lower]


def assert_no_patient(text: str | bytes, where: str) -> None:
    """Fail when `text` holds anything of the planted patient, naming `where` it was found."""
    found = leaks(text)
    assert not found, f"{where} holds {found}"


@contextmanager
def recorded_logs(
    on_patient_data: Literal["mask", "refuse"] = "mask",
    level: Literal["debug", "info", "warning", "error"] = "debug",
) -> Iterator[io.StringIO]:
    """Everything that is logged meanwhile, as JSON lines, exactly as production writes it."""
    stream = io.StringIO()
    options = LogOptions(
        level=level,
        format="json",
        patient_keys=patient_keywords(),
        on_patient_data=on_patient_data,
        telling_errors=(HilumError, OSError),
    )
    with configure_logging(options, stream):
        yield stream
    structlog.reset_defaults()
