"""Taking deleted and superseded instances out of the archive view, as the feed tells of them.

A hard link would keep their bytes for as long as the view stands.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from hilum.delivery.rendering import INSTANCE_TYPES
from hilum.domain.errors import ArchiveFault, InvalidUID, SinkUnavailable
from hilum.domain.events import Event, Rejected
from hilum.domain.identifiers import PartitionKey, StudyInstanceUID, parse_uid
from hilum.domain.records import FeedKind
from hilum.ports.archive_view import StudyOfView
from hilum.submissions.viewing import Viewing

ARCHIVE_VIEW: Final = "archive-view"
"""Name of the subscription and of its sink."""
DEPARTING_TYPES: Final = (INSTANCE_TYPES[FeedKind.DELETED], INSTANCE_TYPES[FeedKind.UPDATED])


class DepartingSink:
    """An `EventSink` that has the view follow events of `DEPARTING_TYPES`."""

    def __init__(self, viewing: Viewing) -> None:
        self._viewing = viewing

    async def open(self) -> None:
        """Nothing is connected."""

    async def close(self) -> None:
        """Nothing is open."""

    async def send(self, events: Sequence[Event]) -> Sequence[Rejected]:
        """Look once at each study that `events` name. Raises `SinkUnavailable`."""
        studies: dict[StudyOfView, None] = {}
        rejected = []
        for event in events:
            try:
                studies[_study(orjson.loads(event.body))] = None
            except (ValueError, KeyError, TypeError, InvalidUID):
                message = "The event does not name an instance: it was not made by this program."
                rejected.append(Rejected(event.event_id, "not-understood", message))
        try:
            for study in studies:
                await self._viewing.departed(study)
        except ArchiveFault as error:
            raise SinkUnavailable(f"The archive view cannot be changed now: {error}") from error
        return rejected


def _study(body: Mapping[str, Any]) -> StudyOfView:
    uid = StudyInstanceUID(parse_uid(body["study_instance_uid"]))
    return StudyOfView(PartitionKey(int(body["partition"])), uid)
