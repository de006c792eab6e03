"""Settings of work in the background: re-index, bulk update, export, import."""

from typing import Annotated

from pydantic import Field

from hilum.settings.types import Count, CountOrZero, Seconds, Section


class OperationSettings(Section):
    """Long work in the background that survives restarts."""

    concurrent: Annotated[int, Field(ge=1, le=64)] = 4
    """Operations that one process works on at the same time; others wait."""
    lease_seconds: Annotated[float, Field(ge=1, le=3600)] = 30.0
    """When the process that works on an operation dies, another one, or the same after its
    restart, goes on after this time. The clocks of processes on one database must agree to less."""
    poll_seconds: Seconds = 2.0
    """How often a process looks for operations that others added; its own begin at once."""
    attempts: Count = 12
    """How often an operation is begun that gets nowhere, for an outage or because its process dies
    each time; then it fails. One that got further is counted anew."""
    first_pause_seconds: Seconds = 1.0
    """Pause after an outage; twice as long each time."""
    longest_pause_seconds: Seconds = 300.0
    """Bound of that pause."""
    history_days: CountOrZero = 90
    """How long an operation can be looked at after its end. 0: for ever."""
