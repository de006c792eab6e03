"""Limits of the work on pixels, and what comes of it: answers and errors."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from hilum.adapters.pixels.exchange import Answer, Kind
from hilum.domain.errors import (
    HilumError,
    NotTranscodable,
    PixelEngineBusy,
    PixelLimitExceeded,
    PixelsNotDecodable,
)
from hilum.imaging import layout, placing
from hilum.ports.pixel_telemetry import PixelMeter, PixelOutcome

_MOST_TEXT: Final = 500


@dataclass(frozen=True, slots=True)
class PixelOptions:
    """Limits of the work on pixels: the settings `pixels`."""

    workers: int
    memory_bytes: int
    """For one task, beyond what a worker needs to be there."""
    task_seconds: int
    queue: int
    """Tasks that may wait for a worker."""
    maximum_frame_bytes: int
    """Of a decoded frame."""
    lossy: bool
    """Whether frames may be put into lossy syntaxes."""
    maximum_picture_pixels: int = 1 << 26
    """Of what is drawn; of all frames together where it moves."""
    nearby_bytes: int = 4 << 20
    """Of native frames, and of their pictures, that are drawn in the serving process."""


class Crashed(PixelsNotDecodable):
    """The worker died of it."""


class TooSlow(PixelLimitExceeded):
    """Its time ran out."""


_REFUSALS: Final[Mapping[str, Callable[[str], HilumError]]] = MappingProxyType(
    {error.code: error for error in (PixelsNotDecodable, NotTranscodable)}
)
_OUTCOMES: Final[tuple[tuple[type[HilumError], PixelOutcome], ...]] = (
    (Crashed, PixelOutcome.CRASHED),
    (TooSlow, PixelOutcome.TOO_SLOW),
    (PixelsNotDecodable, PixelOutcome.NOT_DECODABLE),
    (NotTranscodable, PixelOutcome.NOT_TRANSCODABLE),
    (PixelLimitExceeded, PixelOutcome.TOO_LARGE),
    (PixelEngineBusy, PixelOutcome.REFUSED),
)


@contextmanager
def measured(meter: PixelMeter, kind: str) -> Iterator[None]:
    """Tell what became of a task and how long it took, waiting included."""
    began = time.perf_counter()
    outcome = PixelOutcome.ABANDONED
    try:
        yield
        outcome = PixelOutcome.DONE
    except HilumError as error:
        outcome = _outcome_of(error)
        raise
    except Exception:
        outcome = PixelOutcome.FAILED
        raise
    finally:
        meter.task(kind, outcome, time.perf_counter() - began)


def _outcome_of(error: HilumError) -> PixelOutcome:
    kinds = (outcome for kind, outcome in _OUTCOMES if isinstance(error, kind))
    return next(kinds, PixelOutcome.ABANDONED)


def read_answer(answer: Answer, options: PixelOptions) -> Answer:
    """Return what was done. Raises what was refused, `RuntimeError` for a bug in the worker."""
    if answer.kind is Kind.DONE:
        return answer
    if answer.kind is Kind.NO_MEMORY:
        raise no_memory(options)
    code, text = (str(answer.facts.get(name))[:_MOST_TEXT] for name in ("code", "message"))
    if answer.kind is Kind.REFUSED and code == PixelLimitExceeded.code:
        raise _too_large(str(answer.facts.get("limit")), options)
    if answer.kind is Kind.REFUSED and code in _REFUSALS:
        raise _REFUSALS[code](text)
    message = f"a pixel worker failed: {answer.facts.get('error')} at {answer.facts.get('place')}"
    raise RuntimeError(message[:_MOST_TEXT])


def no_memory(options: PixelOptions) -> PixelLimitExceeded:
    """Say that a task would need more memory than it may have."""
    what = "Work on a frame would take more memory"
    return PixelLimitExceeded("pixels.memory_bytes", options.memory_bytes, what)


def _too_large(limit: str, options: PixelOptions) -> PixelLimitExceeded:
    """The limit that a worker told of, with our words and our number."""
    if limit == placing.LIMIT:
        most, what = options.maximum_picture_pixels, "The picture would have more pixels"
        return PixelLimitExceeded(placing.LIMIT, most, what)
    most, what = options.maximum_frame_bytes, "The decoded frame is larger"
    return PixelLimitExceeded(layout.LIMIT, most, what)
