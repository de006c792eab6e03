"""What of the product a process serves: a role is a choice of parts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hilum.bootstrap.bus import is_in_process
from hilum.bootstrap.parts.bulk_update import bulk_update_part
from hilum.bootstrap.parts.change_feed import change_feed_part
from hilum.bootstrap.parts.dicomweb import dicomweb_part
from hilum.bootstrap.parts.dimse import dimse_part
from hilum.bootstrap.parts.events import events_part
from hilum.bootstrap.parts.expiry import expiry_part
from hilum.bootstrap.parts.extended_tags import extended_tags_part
from hilum.bootstrap.parts.fronts import few_words, whole_desk
from hilum.bootstrap.parts.notices import notices_part
from hilum.bootstrap.parts.operations import operations_part
from hilum.bootstrap.parts.orthanc import orthanc_part
from hilum.bootstrap.parts.part import Front, OpenPart
from hilum.bootstrap.parts.quarantine import quarantine_part
from hilum.bootstrap.parts.stages import descriptor_part, submissions_part, validator_part
from hilum.bootstrap.parts.token_issuer import token_issuer_part
from hilum.bootstrap.parts.upload_page import upload_page_part
from hilum.bootstrap.parts.uploading import status_commands_part, status_part, upload_part
from hilum.bootstrap.parts.viewer import viewer_part
from hilum.bootstrap.parts.worklist import worklist_part
from hilum.desk.health import SERVICE
from hilum.domain.roles import Role
from hilum.settings import Settings


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
    keeps_view: bool = True
    """Whether it takes what is deleted out of the archive view, whose folder it then has to see."""


_ARCHIVE: Final = (
    dicomweb_part,
    bulk_update_part,
    change_feed_part,
    expiry_part,
    extended_tags_part,
    worklist_part,
    operations_part,
    dimse_part,
    orthanc_part,
    events_part,
    viewer_part,
    token_issuer_part,
)
_UPLOADS: Final = (upload_part, upload_page_part, status_part, status_commands_part)
SERVED: Final[Mapping[Role, Served]] = {
    Role.ALL: Served((*_ARCHIVE, *_UPLOADS, submissions_part, quarantine_part, notices_part)),
    Role.MIDDLEWARE: Served((*_ARCHIVE, quarantine_part), publishes=False),
    Role.GATEWAY: Served(
        (upload_part, upload_page_part, status_part, quarantine_part),
        few_words,
        "api-gateway",
        is_whole=False,
        keeps_view=False,
    ),
    Role.VALIDATOR: Served(
        (validator_part,), few_words, "validator", is_whole=False, keeps_view=False
    ),
    Role.DESCRIPTOR: Served((descriptor_part,), few_words, "descriptor", is_whole=False),
    Role.STATUS: Served(
        (status_part, status_commands_part, notices_part),
        few_words,
        "status-service",
        is_whole=False,
        keeps_view=False,
    ),
}


def lonely_role(role: Role, settings: Settings) -> str | None:
    """What is wrong when a role could not hear of the others; None when it can."""
    if SERVED[role].is_whole or not is_in_process(settings):
        return None
    return (
        f"--role {role} needs a bus that the processes share: set bus.url to redis://, amqp:// or "
        "kafka://, or serve all roles in one process (`hilum serve`)."
    )
