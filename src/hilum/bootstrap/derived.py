"""The cache of what is made of instances."""

from pathlib import Path

from hilum.adapters.database.sql_index import SqlIndex
from hilum.adapters.storage.derived.clearing import Holding, clear, holding
from hilum.adapters.storage.derived.store import DerivedCache, DerivedOptions
from hilum.catalogue.departed import Departed
from hilum.foundation.clock import SystemClock
from hilum.ports.derived_telemetry import DerivedMeter, SilentDerivedMeter
from hilum.settings import Settings


def make_derived(settings: Settings, feed_id: str, meter: DerivedMeter | None) -> DerivedCache:
    """The cache for this life of the index; also when it is to be empty, so that it gets so."""
    derived = settings.derived
    options = DerivedOptions(
        maximum_bytes=derived.maximum_bytes,
        maximum_age_seconds=derived.maximum_age_seconds,
        maximum_object_bytes=derived.maximum_object_bytes,
        memory_bytes=derived.memory_bytes,
        sweep_seconds=derived.sweep_seconds,
        reserve_bytes=settings.storage.reserve_bytes,
    )
    meter = meter or SilentDerivedMeter()
    return DerivedCache(derived_folder(settings), feed_id, options, SystemClock(), meter)


def departed_from(cache: DerivedCache, index: SqlIndex, settings: Settings) -> Departed:
    """What keeps the cache from holding on to instances that are gone."""
    every_seconds = settings.derived.comparison_seconds
    return Departed(cache, cache, index.maintenance, SystemClock(), every_seconds)


def derived_folder(settings: Settings) -> Path:
    """Where the cache lies."""
    return settings.derived.folder or settings.data_dir / "derived"


def derived_holding(settings: Settings) -> Holding:
    """What the cache holds now. Raises `ArchiveUnavailable`."""
    return holding(derived_folder(settings))


def clear_derived(settings: Settings) -> None:
    """Remove all of it. Raises `ArchiveUnavailable`."""
    clear(derived_folder(settings))
