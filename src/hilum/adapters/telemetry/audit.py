"""The audit trail as events of the log, or in a file of its own."""

import os
import threading
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import orjson
import structlog

from hilum.foundation.patient_data import PatientDataGuard
from hilum.ports.audit import AuditEntry

log = structlog.get_logger()

_MODE: Final = 0o600


class LoggedAudit:
    """`AuditTrail` in the log, whose rules on patient data hold for it."""

    def tell(self, entry: AuditEntry) -> None:
        log.info("audit", **asdict(entry))


class AuditFile:
    """`AuditTrail` in a file, a JSON object a line, under the same rules on patient data.

    The file is opened anew when it was moved away, so that any program may rotate it. Each line is
    one write, so that processes may share it. What cannot be written goes to the log instead.
    """

    def __init__(self, path: Path, patient_keys: Iterable[str]) -> None:
        """Raises `OSError` when the file cannot be opened."""
        self._path = path
        self._guard = PatientDataGuard(patient_keys)
        self._lock = threading.Lock()
        self._failing = False
        self._descriptor = self._opened()

    def close(self) -> None:
        with self._lock:
            os.close(self._descriptor)

    def tell(self, entry: AuditEntry) -> None:
        at = datetime.now(UTC).isoformat(timespec="microseconds")
        fields = self._guard.check(asdict(entry))
        line = orjson.dumps({"timestamp": at, "event": "audit", **fields}) + b"\n"
        try:
            with self._lock:
                self._follow()
                os.write(self._descriptor, line)
        except OSError as error:
            if not self._failing:
                self._failing = True
                reason = type(error).__name__
                log.warning("audit_file_failed", path=self._path, reason=reason)
            log.info("audit", **fields)
        else:
            self._failing = False

    def _follow(self) -> None:
        """Open the file anew if another one, or none, is at its place."""
        try:
            there = self._path.stat()
        except FileNotFoundError:
            there = None
        ours = os.fstat(self._descriptor)
        if there is not None and (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino):
            return
        fresh = self._opened()
        os.close(self._descriptor)
        self._descriptor = fresh

    def _opened(self) -> int:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, _MODE)
