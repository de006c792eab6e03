"""What commands load: each is told at once, whatever the server stands on."""

import subprocess
import sys
from pathlib import Path

import pytest
from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword

from hilum.adapters.telemetry.patient_attributes import patient_keywords
from hilum.dicom.attributes import INDEXED_ATTRIBUTES, keyword_of
from hilum.dicom.dictionary import DICTIONARY, TAGS

SERVERS = {"fastapi", "starlette", "uvicorn", "pynetdicom", "prometheus_client", "opentelemetry"}
PIXELS = {"numpy", "pydicom", "imagecodecs", "gdcm", "PIL", "isal"}
DATABASES = {"sqlalchemy", "alembic", "psycopg"}
SPY = """
import sys
from hilum.cli.running import main
code = main(sys.argv[1:])
print("loaded", *{name.partition(".")[0] for name in sys.modules})
sys.exit(code)
"""


def loaded_by(*arguments: str) -> set[str]:
    command = [sys.executable, "-c", SPY, *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return set(ran.stdout.splitlines()[-1].split()[1:])


@pytest.mark.parametrize("argument", ["version", "--help"])
def test_the_version_and_help_need_no_engine(argument: str) -> None:
    heavy = SERVERS | PIXELS | DATABASES | {"httpx", "requests"}

    assert not loaded_by(argument) & heavy


@pytest.mark.slow
def test_to_look_at_the_feed_needs_no_server_and_no_pixels(tmp_path: Path) -> None:
    loaded_by("migrate", "--data", str(tmp_path))

    found = loaded_by("feed", "status", "--data", str(tmp_path))

    assert not found & (SERVERS | PIXELS | {"alembic", "psycopg", "httpx", "requests"})


def test_the_dictionary_is_that_of_pydicom() -> None:
    assert len(DICTIONARY) > 5000
    for attribute in INDEXED_ATTRIBUTES:
        assert attribute.tag == tag_for_keyword(attribute.keyword)
        assert attribute.vr == dictionary_VR(attribute.tag)
    for tag in (0x00100010, 0x60020010, 0x00100000, 0x00091001, 0x00099999):
        assert keyword_of(tag) == keyword_for_tag(tag)
    assert TAGS["PatientName"] == 0x00100010
    assert {"patientname", "PatientName"} & patient_keywords()
