"""How often processes look for what others did."""

import pytest

from hilum.bootstrap.delivery import poll_seconds
from hilum.settings import Settings

POSTGRESQL = {"url": "postgresql://localhost/hilum"}


@pytest.mark.parametrize(
    ("database", "divided", "seconds"),
    [({}, False, 7.0), ({}, True, 0.05), (POSTGRESQL, True, 7.0), (POSTGRESQL, False, 7.0)],
)
def test_roles_on_a_file_that_rings_for_nobody_look_often(
    database: dict[str, str], divided: bool, seconds: float
) -> None:
    settings = Settings.model_validate({"database": database, "delivery": {"poll_seconds": 7.0}})

    assert poll_seconds(settings, divided=divided) == seconds
