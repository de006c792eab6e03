import json
import logging
import warnings
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
import structlog

from hilum.domain.errors import ArchiveFull
from hilum.foundation.correlation import CORRELATION_ID
from hilum.foundation.patient_data import PatientDataInLog
from tests.phi import PATIENT, assert_no_patient, recorded_logs

log = structlog.get_logger()


@pytest.fixture
def lines() -> Iterator[StringIO]:
    with recorded_logs() as stream:
        yield stream


def _last(stream: StringIO) -> dict[str, Any]:
    assert_no_patient(stream.getvalue(), "the log")
    event: dict[str, Any] = json.loads(stream.getvalue().splitlines()[-1])
    return event


def test_an_event_is_one_json_line_with_time_level_and_fields(lines: StringIO) -> None:
    log.info("instance_stored", size_bytes=3, sop_instance_uid="1.2.3")

    event = _last(lines)
    assert list(event)[:3] == ["timestamp", "level", "event"]
    assert (event["level"], event["event"]) == ("info", "instance_stored")
    assert (event["size_bytes"], event["sop_instance_uid"]) == (3, "1.2.3")


def test_an_event_carries_the_correlation_id_of_its_work(lines: StringIO) -> None:
    token = CORRELATION_ID.set("abc")
    log.info("inside")
    CORRELATION_ID.reset(token)
    assert _last(lines)["correlation_id"] == "abc"

    log.info("outside")
    assert "correlation_id" not in _last(lines)


@pytest.mark.parametrize(
    "fields",
    [
        {"patient_name": PATIENT.given_name},
        {"PatientID": PATIENT.patient_id},
        {"AccessionNumber": PATIENT.accession_number},
        {"patients_birth_date": PATIENT.birth_date},
        {"referring_physician_name": PATIENT.given_name},
        {"who": PATIENT.patient_name},
        {"message": f"stored {PATIENT.patient_name}=x for you"},
        {"url": f"/studies?PatientName={PATIENT.given_name}&limit=1"},
        {"url": f"/studies?00100020={PATIENT.patient_id}"},
        {"nested": {"deep": [{"PatientName": {"Alphabetic": PATIENT.given_name}}]}},
        {"body": PATIENT.comment.encode()},
    ],
)
def test_patient_data_in_a_field_is_masked(lines: StringIO, fields: dict[str, object]) -> None:
    log.info("careless", **fields)

    _last(lines)


def test_a_value_of_an_unknown_type_shows_its_type_only(lines: StringIO) -> None:
    class DataSet:
        def __repr__(self) -> str:
            return PATIENT.comment

    log.info("careless", dataset=DataSet(), several=[DataSet()])

    event = _last(lines)
    assert event["dataset"] == "<DataSet>"
    assert event["several"] == ["<DataSet>"]


def test_the_text_of_an_error_of_ours_is_told_and_that_of_others_is_not(lines: StringIO) -> None:
    try:
        try:
            int(PATIENT.comment)
        except ValueError as error:
            raise ArchiveFull("no space") from error
    except ArchiveFull:
        log.exception("store_failed")

    event = _last(lines)
    assert event["error"] == "ArchiveFull: no space <- ValueError"
    assert any("test_logs.py" in frame for frame in event["traceback"])


def test_libraries_are_told_in_the_same_form(lines: StringIO) -> None:
    logging.getLogger("uvicorn.error").error("Something %s", "happened")

    event = _last(lines)
    assert (event["event"], event["logger"]) == ("library_message", "uvicorn.error")
    assert event["message"] == "Something happened"


def test_a_library_that_quotes_values_is_told_by_place_only(lines: StringIO) -> None:
    logging.getLogger("pydicom").error("Bad value %r", PATIENT.comment)

    event = _last(lines)
    assert event["place"].startswith("test_logs:")
    assert "message" not in event


def test_the_repr_of_a_future_does_not_get_into_the_log(lines: StringIO) -> None:
    logging.getLogger("asyncio").error("Task exception\nfuture: <%s>", PATIENT.comment)

    assert _last(lines)["message"] == "Task exception"


def test_a_warning_is_told_by_kind_and_place(lines: StringIO) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning(UserWarning(PATIENT.comment), UserWarning, "valuerep.py", 7)

    event = _last(lines)
    assert (event["category"], event["place"]) == ("UserWarning", "valuerep.py:7")


def test_chatter_of_libraries_stays_out(lines: StringIO) -> None:
    logging.getLogger("pynetdicom.dimse").info("D: %s", PATIENT.patient_name)

    assert lines.getvalue() == ""


def test_events_below_the_level_are_not_written() -> None:
    with recorded_logs(level="warning") as stream:
        log.info("quiet")

    assert stream.getvalue() == ""


def test_in_tests_patient_data_is_refused_so_that_it_is_found() -> None:
    with recorded_logs(on_patient_data="refuse"):
        with pytest.raises(PatientDataInLog, match="patient_name"):
            log.info("careless", patient_name=PATIENT.given_name)
        with pytest.raises(PatientDataInLog):
            log.info("careless", who=PATIENT.patient_name)
        log.info("careful", patient_name=None, path="/a/b", caret="^", power="2^3")


def test_a_field_that_cannot_be_written_costs_no_more_than_its_line(lines: StringIO) -> None:
    (ours,) = (each for each in logging.getLogger().handlers if "hilum" in type(each).__module__)

    ours.emit(logging.LogRecord("x", logging.ERROR, "x.py", 1, "%d", ("no number",), None))

    assert _last(lines)["event"] == "log_line_lost"


def test_the_console_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    from hilum.foundation.logs import LogOptions, configure_logging

    with configure_logging(LogOptions(format="console")):
        log.info("http_listening", port=8080)
    structlog.reset_defaults()

    text = capsys.readouterr().err
    assert "http_listening" in text
    assert "port=8080" in text
    assert not text.startswith("{")
