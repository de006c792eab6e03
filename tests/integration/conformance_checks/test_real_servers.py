"""`hilum check` against our own server and against Orthanc, as processes.

What each of them fails was looked up in the text of PS3.18; see docs/operations/check.md.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hilum.cli import main
from tests.engines import own
from tests.served import ServedHilum

ORTHANC_MAY_FAIL = {
    "accept.metadata-not-acceptable",  # 8.7.8.1: 406; it answers 400
    "accept.none-fits",  # the same
    "accept.parameter",  # 8.7.8.1 (2): the query parameter counts first
    "accept.passed-over",  # 8.7.8.1: a supported media type is selected
    "frames.not-acceptable",  # 406; 400
    "qido.all-series-with-study",  # 10.6.3.3.2: the attributes of the study, counts included
    "qido.not-acceptable",  # 406; it answers with JSON
    "rendered.not-acceptable",  # 406; 400
    "service.capabilities",  # 8.9: all services shall; 404
    "stow.malformed",  # table 10.5.3-1: 400 for bad syntax; 200
    "stow.not-acceptable",  # 406; it answers with JSON
    "stow.partly",  # table 10.5.3-1: 202 when some were stored; 409, although one was
    "wado.octets",  # table 10.4.4-1: required; 400
}


@pytest.fixture
def hilum(tmp_path: Path) -> Iterator[ServedHilum]:
    with ServedHilum(tmp_path) as served:
        yield served


def report_of(url: str, file: Path) -> tuple[int, dict[str, Any]]:
    code = main(["check", url, "--json", str(file), "--html", str(file.with_suffix(".html"))])
    return code, json.loads(file.read_text(encoding="utf-8"))


def failed(report: dict[str, Any]) -> set[str]:
    return {one["id"] for one in report["checks"] if one["state"] == "failed"}


@pytest.mark.slow
def test_our_own_server_fails_nothing(hilum: ServedHilum, tmp_path: Path) -> None:
    code, report = report_of(f"{hilum.url}/dicom-web", tmp_path / "report.json")

    assert failed(report) == set()
    assert code == 0
    assert report["counts"]["passed"] >= 140
    assert report["remarks"] == ["The samples were deleted again."]
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "PS3.18 10.6.3.3.1" in page


@pytest.mark.slow
@pytest.mark.peer("orthanc")
def test_orthanc_fails_only_what_the_standard_asks_for(tmp_path: Path) -> None:
    with own("orthanc") as orthanc:
        code, report = report_of(f"{orthanc.address}/dicom-web", tmp_path / "report.json")

    assert failed(report) <= ORTHANC_MAY_FAIL
    assert "service.capabilities" in failed(report)
    assert code == (1 if failed(report) else 0)
    assert report["counts"]["passed"] >= 90
