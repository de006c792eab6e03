"""What of the product a process serves: a role is a choice of parts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hilum.bootstrap.parts.dicomweb import dicomweb_part
from hilum.bootstrap.parts.dimse import dimse_part
from hilum.bootstrap.parts.events import events_part
from hilum.bootstrap.parts.fronts import whole_desk
from hilum.bootstrap.parts.orthanc import orthanc_part
from hilum.bootstrap.parts.part import Front, OpenPart
from hilum.bootstrap.parts.viewer import viewer_part
from hilum.desk.health import SERVICE
from hilum.domain.roles import Role


@dataclass(frozen=True, slots=True)
class Served:
    """What a role consists of."""

    parts: Sequence[OpenPart]
    """In the order of opening."""
    front: Front = whole_desk
    service: str = SERVICE
    """How it calls itself in `/health`."""
    is_whole: bool = True
    """Alone on its data folder, unless a database server keeps the index."""
    publishes: bool = True
    """Whether its followers of the feed publish what submissions come to."""


_ARCHIVE: Final = (dicomweb_part, dimse_part, orthanc_part, events_part, viewer_part)
SERVED: Final[Mapping[Role, Served]] = {
    Role.ALL: Served(_ARCHIVE),
    Role.MIDDLEWARE: Served(_ARCHIVE, publishes=False),
}
