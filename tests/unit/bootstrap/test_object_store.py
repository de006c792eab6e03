"""The client of buckets is loaded when a bucket is chosen, and only then."""

import subprocess
import sys
from pathlib import Path

import pytest

_WITHOUT = """
import sys
sys.modules["obstore"] = None
from hilum.bootstrap.object_store import make_objects
from hilum.domain.errors import ArchiveUnavailable
from hilum.settings import load_settings
try:
    make_objects(load_settings({"storage.url": "s3://archive"}, environment={}))
except ArchiveUnavailable as error:
    print(error)
"""

_ON_DISK = """
import sys
import hilum.bootstrap.serving, hilum.bootstrap.maintenance, hilum.cli.checks
from hilum.bootstrap.object_store import make_objects
from hilum.settings import load_settings
make_objects(load_settings({"data_dir": sys.argv[1]}, environment={}))
print([name for name in sys.modules if name.startswith("obstore")])
"""


def _ran(program: str, *arguments: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


@pytest.mark.slow
def test_a_disk_needs_no_client_of_buckets(tmp_path: Path) -> None:
    assert _ran(_ON_DISK, str(tmp_path)) == "[]"


def test_a_bucket_without_the_extra_is_told_in_one_line() -> None:
    assert _ran(_WITHOUT) == (
        "storage.url needs the extra `objects`, which is not installed:"
        " pip install 'hilum[objects]'"
    )
