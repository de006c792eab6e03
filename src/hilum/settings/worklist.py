"""Settings of the worklist."""

from typing import Annotated

from pydantic import Field

from hilum.settings.types import ByteCount, Count, CountOrZero, Seconds, Section


class WorklistSettings(Section):
    """Work items (UPS-RS), and telling those who subscribed to them."""

    enabled: bool = True
    """Serve work items on every DICOMweb surface."""
    body_bytes: ByteCount = 4 << 20
    """The longest data set of a work item, or of a change to one, as it comes."""
    elements: Count = 20_000
    """Elements of one data set and values of these, those in the items of sequences included."""
    nesting: Count = 16
    """How deep sequences may lie in each other."""
    maximum_results: Annotated[int, Field(ge=1, le=10_000)] = 200
    """Most results of one search on `/dicom-web`; on `/v1` and `/v2` it is 200, as of the Azure
    DICOM service."""
    retention_days: CountOrZero = 90
    """How long a work item is kept after it was completed or canceled; 0: for ever. One that a
    subscriber locked stays until the lock is gone."""
    event_days: Count = 7
    """How long events wait for a subscriber that does not fetch them."""
    events: Count = 10_000
    """Most events that wait for one subscriber; beyond that the oldest go."""
    filters: Count = 100
    """Filtered subscriptions of one AE title."""
    clients: Count = 100
    """WebSockets that may be open at once in a process; one for each AE title, so a new one takes
    the place of an older."""
    ping_seconds: Seconds = 20.0
    """How often an open WebSocket is asked whether its client is there, and how long its answer
    may take."""
    poll_seconds: Seconds = 2.0
    """How often to look for what other processes noted, where nothing tells of it at once."""
    prune_seconds: Seconds = 3600.0
    """How often the server looks for what has been kept long enough."""
