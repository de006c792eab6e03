from pathlib import Path

import pytest

from tests.buckets import BUCKETS, Bucket


@pytest.fixture(params=list(BUCKETS))
def bucket(request: pytest.FixtureRequest, tmp_path: Path) -> Bucket:
    """A prefix of its own on each kind of server."""
    return BUCKETS[request.param](tmp_path)
