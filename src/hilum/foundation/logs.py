"""Structured logs: our events and those of libraries leave by one road, checked for patient data.

Events of ours are named (`instance_stored`), with fields; the list is docs/operations/logging.md.
What libraries write through `logging` and `warnings` gets the same form. Of warnings, and of
libraries that handle data sets, only the place is written: their texts quote values.
"""

import logging
import sys
import traceback
import warnings
from collections.abc import Iterable, MutableMapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Literal, TextIO

import orjson
import structlog
from structlog.typing import EventDict, Processor

from hilum.foundation.correlation import CORRELATION_ID
from hilum.foundation.patient_data import PatientDataGuard, PatientDataInLog

_QUOTING_LOGGERS: Final = ("pydicom", "sqlalchemy", "alembic")
_CHATTY_LOGGERS: Final = (
    "alembic",
    "asyncio",
    "httpcore",
    "httpx",
    "pynetdicom",
    "sqlalchemy",
    "uvicorn",
)
_REPEATING_LOGGERS: Final = ("aio_pika", "aiokafka", "aiormq")
"""They complain of every attempt to reach a broker; what matters of an outage is told by us."""
_TRACEBACK_FRAMES: Final = 20


@dataclass(frozen=True, slots=True)
class LogOptions:
    """How to write."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "console"] = "auto"
    patient_keys: frozenset[str] = frozenset()
    """Names that no field may have: keywords of patient attributes."""
    on_patient_data: Literal["mask", "refuse"] = "mask"
    telling_errors: tuple[type[BaseException], ...] = (OSError,)
    """Errors whose text is known to hold no patient data; of others only the type is written."""


def configure_logging(
    options: LogOptions, stream: TextIO | None = None
) -> AbstractContextManager[None]:
    """Write every event from now on as `options` say, to `stream` (standard error by default).

    May be called again; the last call counts. The context it returns need not be entered: leaving
    it gives the loggers of libraries back as they were, which only tests want.
    """
    stream = sys.stderr if stream is None else stream
    before = _Before()
    level = logging.getLevelNamesMapping()[options.level.upper()]
    finish = _finishing(options, stream)
    structlog.configure(
        processors=[structlog.processors.add_log_level, *finish],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [_LibraryHandler(finish, stream)]
    root.setLevel(level)
    for name in _CHATTY_LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers = []
        logger.propagate = True
        logger.setLevel(max(level, logging.WARNING))
    for name in _REPEATING_LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    warnings.showwarning = _show_warning
    return before


class _Before(AbstractContextManager[None]):
    """How library loggers were set."""

    def __init__(self) -> None:
        self._root_level = logging.getLogger().level
        self._root_handlers = list(logging.getLogger().handlers)
        self._show_warning = warnings.showwarning

    def __exit__(self, *_: object) -> None:
        logging.getLogger().setLevel(self._root_level)
        logging.getLogger().handlers = self._root_handlers
        for name in (*_CHATTY_LOGGERS, *_REPEATING_LOGGERS):
            logging.getLogger(name).setLevel(logging.NOTSET)
        warnings.showwarning = self._show_warning


def _finishing(options: LogOptions, stream: TextIO) -> Sequence[Processor]:
    console = options.format == "console" or (options.format == "auto" and stream.isatty())
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(colors=stream.isatty(), sort_keys=False)
        if console
        else _render_json
    )
    return (
        _add_correlation_id,
        _Errors(options.telling_errors),
        _Guarded(PatientDataGuard(options.patient_keys, options.on_patient_data)),
        structlog.processors.TimeStamper(fmt="iso", utc=True),  # ours: needs no guard
        renderer,
    )


def _add_correlation_id(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> EventDict:
    if "correlation_id" not in event and (correlation_id := CORRELATION_ID.get()):
        event["correlation_id"] = correlation_id
    return event


class _Errors:
    """Replaces `exc_info` by the error's type, its text when that is safe, and the frames."""

    __slots__ = ("_telling",)

    def __init__(self, telling: tuple[type[BaseException], ...]) -> None:
        self._telling = telling

    def __call__(self, _logger: object, _method: str, event: MutableMapping[str, Any]) -> EventDict:
        given = event.pop("exc_info", None)
        error = _error_of(given)
        if error is not None:
            event["error"] = self._chain(error)
            event["traceback"] = _frames(error.__traceback__)
        return event

    def _chain(self, error: BaseException) -> str:
        told: list[str] = []
        cause: BaseException | None = error
        while cause is not None and len(told) < _TRACEBACK_FRAMES:
            name = type(cause).__name__
            told.append(f"{name}: {cause}" if isinstance(cause, self._telling) else name)
            cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
        return " <- ".join(told)


def _error_of(exc_info: object) -> BaseException | None:
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple) and len(exc_info) == 3:
        return exc_info[1] if isinstance(exc_info[1], BaseException) else None
    return sys.exception() if exc_info else None


def _frames(trace: TracebackType | None) -> list[str]:
    """The innermost frames, outermost first: place and function, never a line of source."""
    frames = traceback.extract_tb(trace)[-_TRACEBACK_FRAMES:]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]


class _Guarded:
    __slots__ = ("_guard",)

    def __init__(self, guard: PatientDataGuard) -> None:
        self._guard = guard

    def __call__(self, _logger: object, _method: str, event: MutableMapping[str, Any]) -> EventDict:
        return self._guard.check(event)


def _render_json(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    ordered = {key: event.pop(key) for key in ("timestamp", "level", "event") if key in event}
    return orjson.dumps({**ordered, **event}, option=orjson.OPT_NON_STR_KEYS).decode()


class _LibraryHandler(logging.Handler):
    """Gives what libraries log the form of our events."""

    def __init__(self, finish: Iterable[Processor], stream: TextIO) -> None:
        super().__init__()
        self._finish = tuple(finish)
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        try:
            event: Any = {
                "event": "library_message",
                "level": record.levelname.lower(),
                "logger": record.name,
                **_told(record),
            }
            for processor in self._finish:
                event = processor(None, record.levelname.lower(), event)
            self._stream.write(f"{event}\n")
            self._stream.flush()
        except PatientDataInLog:
            raise
        except Exception:  # noqa: BLE001 - logging must never stop the work it tells about
            self._stream.write('{"event":"log_line_lost","level":"error"}\n')


def _told(record: logging.LogRecord) -> dict[str, object]:
    if record.name.startswith(_QUOTING_LOGGERS):
        return {"place": f"{record.module}:{record.lineno}"}
    # The first line only: asyncio goes on with the repr of futures and of what they raised.
    told: dict[str, object] = {"message": record.getMessage().partition("\n")[0]}
    if record.exc_info:
        told["exc_info"] = record.exc_info
    return told


def _show_warning(
    message: Warning | str,  # noqa: ARG001 - quotes values
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,  # noqa: ARG001 - the signature of warnings.showwarning
    line: str | None = None,  # noqa: ARG001 - the signature of warnings.showwarning
) -> None:
    """Tell kind and place of a Python warning: pydicom's texts quote the values they warn of."""
    structlog.get_logger().warning(
        "library_warning", category=category.__name__, place=f"{filename}:{lineno}"
    )
