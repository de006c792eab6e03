"""Frames of what is uploaded are decoded where a rule says so."""

import io

import pydicom
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate, generate_frames

from tests.integration.http.conftest import Start
from tests.integration.upload.forms import file_part, form, post, settled


def _images() -> tuple[bytes, bytes]:
    """A compressed image, and another of the same study whose frame was cut."""
    dataset = pydicom.dcmread(str(get_testdata_file("JPEG2000.dcm")))
    whole = io.BytesIO()
    dataset.save_as(whole)
    (frame,) = generate_frames(dataset.PixelData, number_of_frames=1)
    dataset.PixelData = encapsulate([frame[:200]])
    dataset.SOPInstanceUID += ".1"
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    cut = io.BytesIO()
    dataset.save_as(cut)
    return whole.getvalue(), cut.getvalue()


async def test_a_frame_that_cannot_be_decoded_leads_its_file_into_quarantine(start: Start) -> None:
    gateway = await start(validation__rules=[{"door": "upload", "decode": True}])

    answer = await post(gateway, form(*(file_part(each) for each in _images())))
    status = await settled(gateway, answer.json()["study_id"])

    assert (status["status"], status["partial"]) == ("archived", True)
    (told,) = [each for each in status["findings"] if each["state"] == "quarantined"]
    (finding,) = [each for each in told["findings"] if each["severity"] == "error"]
    assert told["code"] == finding["code"] == "frame-undecodable"
    assert finding["tag"] == "(7fe0,0010)"
    assert finding["mend"] == "Send the file again from its source."
