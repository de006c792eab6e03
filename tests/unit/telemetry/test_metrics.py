import subprocess
import sys
from pathlib import Path

import pytest

from hilum.adapters.telemetry.metrics import Metrics
from hilum.domain.instances import Disposition
from hilum.domain.origins import Door
from hilum.domain.records import ArchiveCounts
from hilum.ports.access_telemetry import AccessMeter
from hilum.ports.dimse_telemetry import DimseMeter
from hilum.ports.http_telemetry import HttpMeter
from hilum.ports.pixel_telemetry import PixelMeter, PixelOutcome
from hilum.ports.telemetry import IngestMeter, Stage

ROOT = Path(__file__).parents[3]


def _page(metrics: Metrics) -> str:
    return metrics.render().decode()


def test_each_port_gets_its_meter() -> None:
    metrics = Metrics("1.2.3")
    http: HttpMeter = metrics.http
    ingest: IngestMeter = metrics.ingest
    access: AccessMeter = metrics.access
    dimse: DimseMeter = metrics.dimse
    pixels: PixelMeter = metrics.pixels

    http.began()
    http.ended(route="/x", method="GET", status=200, seconds=0.02, bytes_in=3, bytes_out=5)
    http.limited("stow.parts")
    ingest.stage(Stage.WRITE, 0.001)
    ingest.outcome(Door.STOW, Disposition.CREATED, 1000)
    ingest.limit_hit("dicom.elements")
    ingest.batch(7, 5000, 0.003)
    ingest.waiting(2)
    access.admitted("token")
    access.refused("expired")
    dimse.association_opened()
    dimse.association_closed("lost")
    dimse.association_refused("full")
    dimse.protocol_violated("length")
    dimse.stored(0xA700, 12)
    pixels.waiting(4)
    pixels.task("transcode", PixelOutcome.CRASHED, 0.003)

    page = _page(metrics)
    for line in (
        'hilum_build_info{version="1.2.3"} 1.0',
        'hilum_http_requests_total{method="GET",route="/x",status="200"} 1.0',
        'hilum_http_request_seconds_bucket{le="0.025",method="GET",route="/x"} 1.0',
        'hilum_http_request_seconds_bucket{le="0.01",method="GET",route="/x"} 0.0',
        "hilum_http_requests_in_flight 0.0",
        "hilum_http_received_bytes_total 3.0",
        "hilum_http_sent_bytes_total 5.0",
        'hilum_limit_hits_total{limit="stow.parts"} 1.0',
        "hilum_pixel_waiting_tasks 4.0",
        'hilum_pixel_tasks_total{kind="transcode",outcome="crashed"} 1.0',
        'hilum_pixel_task_seconds_bucket{kind="transcode",le="0.005"} 1.0',
        'hilum_limit_hits_total{limit="dicom.elements"} 1.0',
        'hilum_ingest_stage_seconds_count{stage="write"} 1.0',
        'hilum_ingest_instances_total{disposition="created",door="stow"} 1.0',
        'hilum_ingest_bytes_total{door="stow"} 1000.0',
        "hilum_committer_batch_instances_sum 7.0",
        "hilum_committer_waiting_instances 2.0",
        'hilum_access_admitted_total{credential="token"} 1.0',
        'hilum_access_refused_total{reason="expired"} 1.0',
        "hilum_dimse_associations_open 0.0",
        'hilum_dimse_associations_closed_total{how="lost"} 1.0',
        'hilum_dimse_stores_total{status="0xA700"} 1.0',
        "hilum_dimse_received_bytes_total 12.0",
    ):
        assert line in page.splitlines(), line


def test_two_processes_worth_of_metrics_do_not_share_anything() -> None:
    first, second = Metrics("1"), Metrics("2")

    first.http.limited("stow.parts")

    assert "stow.parts" not in _page(second)


def test_what_is_held_is_shown() -> None:
    metrics = Metrics("1")

    metrics.held(ArchiveCounts(1, 2, 3, 4, 5, 6))

    assert "hilum_instances 3.0" in _page(metrics)
    assert "hilum_stored_bytes 4.0" in _page(metrics)
    assert "hilum_deletion_queue_objects 6.0" in _page(metrics)


def test_a_gauge_is_asked_when_the_page_is_read() -> None:
    metrics, free = Metrics("1"), [10]
    metrics.observe("hilum_disk_free_bytes", lambda: free[0])

    free[0] = 7

    assert "hilum_disk_free_bytes 7.0" in _page(metrics)


def test_a_gauge_that_cannot_be_had_is_left_out() -> None:
    def broken() -> float:
        raise OSError

    metrics = Metrics("1")
    metrics.observe("hilum_disk_free_bytes", broken)

    assert "hilum_disk_free_bytes" not in _page(metrics)
    assert "hilum_build_info" in _page(metrics)


def test_a_gauge_that_is_not_documented_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        Metrics("1").observe("hilum_other", lambda: 1)


def test_the_page_of_metrics_is_current() -> None:
    tool = ROOT / "tools" / "metrics_reference.py"

    run = subprocess.run(
        [sys.executable, str(tool), "--check"], capture_output=True, text=True, check=False
    )

    assert run.returncode == 0, run.stderr
