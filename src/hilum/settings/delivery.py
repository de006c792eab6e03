"""Settings of delivery: who follows the feed, and when a study counts as stable."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, StringConstraints, field_validator

from hilum.settings.sinks import SinkName
from hilum.settings.types import (
    JSON_TEXT,
    ByteCount,
    Count,
    CountOrZero,
    Seconds,
    SecondsOrZero,
    Section,
    Texts,
)

_RESERVED: Final = ("stable-studies", "bus", "archive-view")
_Modality = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9_ ]{1,16}$")]
_NO_TABLE: Final[Mapping[str, float]] = {}


_FORM: Final = (
    "should be a table for each subscription, `[delivery.subscriptions.NAME]`, with `sink`, or a "
    "list of tables, `[[delivery.subscriptions]]`, with `name` and `sink`"
)


class SubscriptionSettings(Section):
    """A follower of the feed, by name: what it is told, and where. State lives in the database."""

    name: SinkName
    """By which `hilum feed` and the API know it. Renaming it begins anew."""
    sink: SinkName
    """Name of one of `sinks`."""
    types: Texts = ()
    """Types of events, where `*` is any run of characters: `hilum.instance.*`,
    `dicom.metadata.v1`. None: all."""
    partitions: tuple[Count, ...] = ()
    """Numbers of data partitions. None: all."""
    modalities: Texts = ()
    """Modalities as they stand in the data set, such as `CT`. None: all. Events of instances that
    were deleted meanwhile pass, since nobody knows their modality any more."""
    sources: Texts = ()
    """Names of sources, or doors such as `stow`. None: all."""
    start: Literal["beginning", "now"] = "beginning"
    """Where a new subscription begins in the feed."""

    @field_validator("name")
    @classmethod
    def _is_free(cls, value: str) -> str:
        if value in _RESERVED:
            message = f"{value} is the name of a follower of our own"
            raise ValueError(message)
        return value


def _listed(value: object) -> object:
    """Make a list of tables by name, each with its name; whatever is none is left to pydantic."""
    if isinstance(value, Mapping):
        return [_with_name(name, table) for name, table in value.items()]
    if isinstance(value, str | int | float):
        raise ValueError(_FORM)  # noqa: TRY004 (pydantic reports a ValueError as a problem)
    return value


def _with_name(name: str, table: object) -> Mapping[str, Any]:
    if not isinstance(table, Mapping):
        raise ValueError(_FORM)  # noqa: TRY004
    if table.get("name", name) != name:
        message = f"{name} has another name inside its table; leave `name` out"
        raise ValueError(message)
    return {**table, "name": name}


class StableSettings(Section):
    """When a study counts as stable, so that it is announced."""

    enabled: bool = True
    """Watch studies come to rest. Otherwise only those are announced whose source says so."""
    quiet_seconds: Seconds = 60.0
    """Nothing new for so long: the study is at rest."""
    quiet_by_modality: Annotated[Mapping[_Modality, Seconds], JSON_TEXT] = _NO_TABLE
    """Other times by modality, such as `{US = 300, CR = 15}`; a study with several has the longest
    of them."""
    source_seconds: Seconds = 600.0
    """The same for a study of which a source said that it will say so itself, and does not."""
    note_seconds: SecondsOrZero = 0.5
    """Changes are gathered for so long before they are noted, since that costs a transaction."""
    at_once: Count = 100
    """Studies announced before the feed is looked at again."""


class DeliverySettings(Section):
    """Telling the world what happened."""

    subscriptions: Annotated[
        tuple[SubscriptionSettings, ...], BeforeValidator(_listed), JSON_TEXT
    ] = ()
    """Who is told what, each a table: `[delivery.subscriptions.NAME]` in the file, JSON in the
    environment (`{"NAME": {"sink": "..."}}`). A list of tables that have a `name` does as well."""
    stable: StableSettings = StableSettings()
    demand_sinks: bool = False
    """Do not start while a sink cannot be reached. By default a sink that is away at the start is
    waited for like one that goes away later: a warning and `/ready` name it, and nothing is lost. A
    sink that can never work (its URL, its secret, a missing extra) stops the start either way."""
    page_entries: Annotated[int, Field(ge=1, le=100_000)] = 1000
    """Entries of the feed that a follower reads at once."""
    batch_events: Count = 500
    """Events handed to a sink at once."""
    batch_bytes: ByteCount = 4 << 20
    """The same in bytes; a single event may be larger."""
    poll_seconds: Seconds = 1.0
    """How often followers look for what other processes did. What this process does they hear at
    once."""
    cursor_seconds: SecondsOrZero = 0.25
    """How often a cursor that moves is saved. A crash has the events since then told again, with
    the same ids."""
    first_pause_seconds: Seconds = 0.2
    """Pause after the first failure to send; it doubles with each further one."""
    longest_pause_seconds: Seconds = 30.0
    """Longest pause between attempts. They never end while a sink is down."""
    attempts: Count = 5
    """Errors of a sink that are no outage, before each event is tried alone and, failing again as
    often, becomes a dead letter."""
    copy_dead_letters: bool = True
    """Tell the sink of a dead letter by an event of its own (`dicom.metadata.dlq`,
    `hilum.dead-letter.v1`)."""
    copy_bytes: ByteCount = 256 << 10
    """An original payload longer than this is left out of that."""
    listed_instances: CountOrZero = 1000
    """Instances that one `dicom.metadata.v1` lists with their paths."""
    lease_seconds: Annotated[float, Field(ge=3, le=3600)] = 15.0
    """With several processes on one database one follows the feed for each subscription; another
    takes over so long after it fell silent. Their clocks must agree to well below that."""
    drain_seconds: SecondsOrZero = 5.0
    """When the server ends: how long what is in the feed may still be told."""

    @field_validator("subscriptions")
    @classmethod
    def _names_differ(
        cls, value: tuple[SubscriptionSettings, ...]
    ) -> tuple[SubscriptionSettings, ...]:
        names = [each.name for each in value]
        if len(set(names)) != len(names):
            message = "each subscription needs a name of its own"
            raise ValueError(message)
        return value
