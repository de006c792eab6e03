"""Events for those who listen over HTTP."""

from hilum.bootstrap.archive import Archive
from hilum.bootstrap.delivery import locator
from hilum.outbound.events.streams import EventStreams, StreamOptions
from hilum.settings import Settings


def make_streams(settings: Settings, archive: Archive) -> EventStreams:
    """All listeners of this process; close them before the HTTP server."""
    index, chosen = archive.index, settings.events
    return EventStreams(
        index,
        index,
        index.delivery.last_sequence,
        index.fed,
        locator(settings),
        StreamOptions(
            clients=chosen.clients,
            heartbeat_seconds=chosen.heartbeat_seconds,
            slow_seconds=chosen.slow_seconds,
            lifetime_seconds=chosen.lifetime_seconds,
            keep_entries=chosen.keep_entries,
            poll_seconds=settings.delivery.poll_seconds,
            listed_instances=settings.delivery.listed_instances,
        ),
    )
