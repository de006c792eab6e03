"""Settings of data partitions."""

from typing import Annotated

from pydantic import Field

from hilum.settings.types import Section


class PartitionSettings(Section):
    """Parts of the archive that know nothing of each other."""

    enabled: bool = False
    """Paths of `/v1` and `/v2` name a data partition, those of `/dicom-web` can. What was stored
    before lies in the partition `Microsoft.Default`. It cannot be switched off again while another
    partition holds something. See docs/operations/partitions.md."""
    maximum: Annotated[int, Field(ge=1)] = 10_000
    """Partitions there can be. Whoever may store makes one by storing into it."""
