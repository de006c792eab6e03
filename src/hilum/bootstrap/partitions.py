"""The data partitions of an archive, as the settings want them."""

from hilum.catalogue.partitions import Partitions
from hilum.domain.errors import ArchiveUnavailable
from hilum.ports.partitions import PartitionList
from hilum.settings import Settings


async def open_partitions(settings: Settings, partitions: PartitionList) -> Partitions:
    """Raise `ArchiveUnavailable` when what a partition holds would be out of everybody's reach."""
    chosen = settings.partitions
    if not chosen.enabled and (name := await partitions.filled()) is not None:
        message = (
            f"The data partition {name} holds something, which nobody could reach while "
            "partitions.enabled is false: set it to true, or delete what is in there."
        )
        raise ArchiveUnavailable(message)
    return Partitions(partitions, chosen.enabled, chosen.maximum)
