"""An archive of before bulk data was noted goes on as it was, and a rebuild notes it."""

from pathlib import Path
from typing import Any

import httpx

from tests.integration.cli.conftest import Hilum
from tests.served_dicomweb import ServedDicomWeb

_JSON = "application/dicom+json"


_LATER = (
    "original",
    "workitem_event",
    "workitem_receiver",
    "workitem_watch",
    "workitem_subscription",
    "workitem_value",
    "workitem",
    "extended_error",
    "extended_real",
    "extended_integer",
    "extended_text",
    "extended_tag",
    "study_expiry",
    "external_value",
    "external_tag",
    "job_secret",
    "job_error",
    "job",
    "quarantined_step",
    "quarantined",
    "submission_step",
    "submission_file",
    "submission",
)
"""Tables of later migrations."""


def _made_old(hilum: Hilum) -> None:
    """Take back what the migration did, and those after it."""
    for table in _LATER:
        hilum.sql(f"DROP TABLE {table}")
    for sql in (
        "DROP TRIGGER feed_position",
        "DROP INDEX ix_feed_position",
        "DROP INDEX ix_feed_time_position",
        "ALTER TABLE feed DROP COLUMN position",
    ):
        hilum.sql(sql)
    hilum.sql("ALTER TABLE instance_version DROP COLUMN warned")
    hilum.sql("ALTER TABLE description DROP COLUMN bulk_table")
    hilum.sql("UPDATE alembic_version SET version_num = '0003'")


def _told(folder: Path) -> tuple[list[dict[str, Any]], httpx.Response]:
    """Metadata of all studies, and the answer for the pixel data of one instance."""
    with ServedDicomWeb(folder) as server, server.client(_JSON) as client:
        told = []
        for study in client.get("/dicom-web/studies").json():
            uid = study["0020000D"]["Value"][0]
            told += client.get(f"/dicom-web/studies/{uid}/metadata").raise_for_status().json()
        study, series, sop = (told[0][tag]["Value"][0] for tag in _UIDS)
        path = f"/dicom-web/studies/{study}/series/{series}/instances/{sop}/bulkdata/7FE00010"
        return told, client.get(path, headers={"Accept": "*/*"})


_UIDS = ("0020000D", "0020000E", "00080018")


def test_an_older_archive_is_migrated_told_as_before_and_rebuilt_with_its_bulk_data(
    filled: Hilum,
) -> None:
    fresh, pixels = _told(filled.data)
    _made_old(filled)

    migrated = filled("migrate")
    before, refused = _told(filled.data)
    rebuilt = filled("rebuild")
    after, again = _told(filled.data)

    assert (migrated.code, rebuilt.code) == (0, 0)
    assert len(fresh) == 21
    assert all("BulkDataURI" in each["7FE00010"] for each in fresh)
    assert all("7FE00010" not in each for each in before)
    assert [each.keys() - {"7FE00010"} for each in fresh] == [each.keys() for each in before]
    assert refused.status_code == 404
    assert "hilum rebuild" in refused.text
    assert [each.keys() for each in after] == [each.keys() for each in fresh]
    assert all("BulkDataURI" in each["7FE00010"] for each in after)
    assert (pixels.status_code, again.content) == (200, pixels.content)
