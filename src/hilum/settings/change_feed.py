"""How the change feed of `/v1` and `/v2` looks."""

from typing import Literal

from hilum.settings.types import Section


class ChangeFeedSettings(Section):
    """Entries of `/changefeed`."""

    spelling: Literal["pascal", "lower"] = "pascal"
    """How actions and states are written: `Create` and `Current`, as the Azure service's code has
    them, or `create` and `current`, as its documents show them."""
