"""The feed of a served Hilum, as its HTTP door tells it."""

import time
from typing import Any

from tests.served import ServedHilum

_AT_REST_WITHIN_SECONDS = 60.0

Entry = dict[str, Any]


def feed(server: ServedHilum) -> list[Entry]:
    """Every entry, page by page."""
    entries: list[Entry] = []
    while True:
        after = entries[-1]["sequence"] if entries else 0
        page = server.get_json(f"/api/v1/feed?after={after}&limit=1000")
        assert isinstance(page, list)
        if not page:
            return entries
        entries += page


def feed_at_rest(server: ServedHilum) -> list[Entry]:
    """The feed once the newest entry of every study in it says that the study is stable."""
    deadline = time.monotonic() + _AT_REST_WITHIN_SECONDS
    while time.monotonic() < deadline:
        entries = feed(server)
        newest = {each["studyInstanceUid"]: each["kind"] for each in entries}
        if set(newest.values()) == {"study-stable"}:
            return entries
        time.sleep(0.5)
    raise AssertionError("not every study came to rest")
