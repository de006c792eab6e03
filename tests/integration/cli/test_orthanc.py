"""`hilum orthanc` on an archive that no server has open."""

import json

import pytest

from tests.integration.cli.conftest import Hilum

STUDIES = ("b9c08539-26f93bde-c81ab0d7-bffaf2cb-a4d0bdd0", "0" * 8 + "-00000000" * 4)


@pytest.fixture
def troubled(hilum: Hilum, monkeypatch: pytest.MonkeyPatch) -> Hilum:
    """Two sources, of which one was never read; one study failed, another waits with an error."""
    sources = {name: {"url": f"http://{name}.example:8042"} for name in ("main", "spare")}
    monkeypatch.setenv("HILUM_ORTHANC__SOURCES", json.dumps(sources))
    monkeypatch.setenv("COLUMNS", "200")  # so that no cell is folded
    assert hilum("migrate").code == 0
    assert hilum("orthanc", "ingest", *STUDIES).code == 0
    hilum.sql("UPDATE arrival SET error = 'It [says] no.', attempts = 3")
    hilum.sql("UPDATE arrival SET state = 'failed', due = NULL WHERE key = 1")
    hilum.sql(
        "INSERT INTO source_cursor (source, sequence, mark, resync_after, resync_force, "
        "resync_asked, worker, until, checked, error) "
        "VALUES ('main', 41, '', 7, 0, 0, '', 0, 1000000, 'It does not answer.')"
    )
    return hilum


def test_trouble_is_shown_as_a_table(troubled: Hilum) -> None:
    shown = troubled("orthanc", "status")

    assert shown.code == 0, shown.err
    for text in ("41", "after 7", "1 failed", "1 waiting", "never", "It [says] no."):
        assert text in shown.out, text
    assert "-1" not in shown.out


def test_trouble_is_told_as_json(troubled: Hilum) -> None:
    told = troubled("orthanc", "status", "--json").json

    assert [each["sequence"] for each in told["sources"]] == [41, -1]
    assert sorted(each["state"] for each in told["troubled"]) == ["failed", "waiting"]
