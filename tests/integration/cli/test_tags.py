"""`hilum tags` beside a server."""

from tests.instances import an_instance
from tests.integration.cli.conftest import Hilum
from tests.served_dicomweb import ServedDicomWeb


def test_tags_are_added_indexed_by_the_server_and_removed(hilum: Hilum) -> None:
    quick = {"operations": {"poll_seconds": 0.05}}
    with ServedDicomWeb(hilum.data, **quick) as server, server.client() as client:
        server.keep(an_instance(PatientAge="044Y"))

        added = hilum("tags", "add", "PatientAge", "--level", "study")
        waited = hilum("jobs", "wait", added.out.split()[1], "--timeout", "20")
        (listed,) = hilum("tags", "list", "--json").json
        found = client.get("/v2/studies?PatientAge=044Y")
        disabled = hilum("tags", "enable", "00101010", "--off")
        refused = client.get("/v2/studies?PatientAge=044Y")
        errors = hilum("tags", "errors", "PatientAge", "--json")
        removed = hilum("tags", "remove", "PatientAge")

    assert (added.code, waited.code, errors.code) == (0, 0, 0)
    assert (listed["path"], listed["status"], errors.json) == ("00101010", "ready", [])
    assert (found.status_code, disabled.code, refused.status_code) == (200, 0, 400)
    assert removed.code == 0
    assert "00101010" not in hilum("tags", "list").out


def test_what_is_asked_wrongly_is_told(filled: Hilum) -> None:
    unknown = filled("tags", "add", "Nonsense", "--level", "study")
    missing = filled("tags", "remove", "PatientAge")

    assert (unknown.code, missing.code) == (2, 3)
    assert "names no attribute" in unknown.err
    assert "no extended query tag" in missing.err
