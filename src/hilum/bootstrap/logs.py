"""How this process logs: as the settings say, and never of patients."""

from typing import Final, Literal

from hilum.adapters.telemetry.patient_attributes import patient_keywords
from hilum.domain.errors import HilumError
from hilum.foundation.logs import LogOptions, configure_logging
from hilum.settings import Settings

_Level = Literal["debug", "info", "warning", "error"]
_ORDER: Final[tuple[_Level, ...]] = ("debug", "info", "warning", "error")


def begin_logging(settings: Settings, *, at_least: _Level = "debug") -> None:
    """Log to standard error from now on; events below `at_least` are left out in any case."""
    level = max(settings.logging.level, at_least, key=_ORDER.index)
    configure_logging(
        LogOptions(
            level=level,
            format=settings.logging.format,
            patient_keys=patient_keywords(),
            telling_errors=(HilumError, OSError),
        )
    )
