"""Settings of those who listen to events over HTTP."""

from hilum.settings.types import Count, Seconds, Section


class EventsSettings(Section):
    """Server-sent events: `GET /api/v1/events`, of the feed, and `/status/{study_id}/events`."""

    clients: Count = 100
    """Listeners at once, of the feed and as many of uploads; more are answered 503."""
    heartbeat_seconds: Seconds = 15.0
    """A listener who is told nothing for so long gets a sign of life, so that proxies keep the
    connection and it notices when we are gone."""
    slow_seconds: Seconds = 20.0
    """A listener that takes no byte for so long is cut. It resumes where it was."""
    lifetime_seconds: Seconds = 3600.0
    """A stream ends after this time, and its listener comes back with its credentials."""
    keep_entries: Count = 2000
    """The newest entries of the feed that are kept in memory for all listeners together."""
