"""Settings of extended query tags."""

from typing import Annotated

from pydantic import Field

from hilum.settings.types import ByteCount, Count, Seconds, Section


class ExtendedTagSettings(Section):
    """Attributes that are indexed beside the usual, and how what is held comes into their index."""

    maximum: Count = 128
    """How many there may be; adding more is answered 409."""
    page_instances: Count = 500
    """Instances that a re-index reads and writes at once; a fifth of it while instances come in."""
    page_bytes: ByteCount = 16 << 20
    """Text of metadata that a re-index reads at once."""
    busy_percent: Annotated[int, Field(ge=1, le=100)] = 60
    """Part of the time that a re-index works while instances come in, of 100."""
    sweep_rows: Count = 1000
    """Values of a deleted tag that are removed at once."""
    sweep_seconds: Seconds = 60.0
    """How often the server looks for what deleted tags left, as after a crash."""
