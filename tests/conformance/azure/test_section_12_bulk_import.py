"""Bulk import (section 12): no DICOM route, and an operation that clients can look at."""

from pathlib import Path

import pytest

from tests.instances import an_instance
from tests.served_dicomweb import ServedDicomWeb
from tests.transfers import ended

STUDY = "1.2.826.0.1.3680043.10.12.1"


@pytest.mark.azure("12-bulk-import")
def test_what_lies_in_a_place_is_imported_in_the_background(tmp_path: Path) -> None:
    place = tmp_path / "place"
    (place / "deep").mkdir(parents=True)
    (place / "deep" / "one").write_bytes(an_instance(StudyInstanceUID=STUDY))
    (place / "text").write_text("nothing")
    asked = {"source": {"type": "folder", "settings": {"path": str(place)}}}
    allowed = {"folders": [place]}
    with ServedDicomWeb(tmp_path / "data", transfers=allowed) as server, server.client() as client:
        routes = [client.post(f"{prefix}/import", json=asked) for prefix in ("/v1", "/v2")]
        begun = client.post("/api/v1/import", json=asked)
        told = [
            ended(client, f"{prefix}/operations/{begun.json()['id']}") for prefix in ("/v1", "/v2")
        ]
        found = client.get("/v2/studies", params={"StudyInstanceUID": STUDY})
        elsewhere = client.post("/api/v1/import", json={**asked, "partition": "none"})
        unknown = client.post("/api/v1/import", json={**asked, "profile": "none"})

    assert [answer.status_code for answer in routes] == [404, 404]
    assert begun.status_code == 202
    assert begun.headers["location"] == begun.json()["href"]
    assert [each["type"] for each in told] == ["import", "import"]
    assert told[0]["results"] == {"stored": 1, "alreadyHeld": 0, "failed": 0, "notDicom": 1}
    assert len(found.json()) == 1
    assert (elsewhere.status_code, unknown.status_code) == (400, 400)
