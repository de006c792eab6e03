"""SIGKILL during concurrent C-STORE from DCMTK: the same promises as over HTTP."""

import io
import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest

from bench.instances import ROWS_33_KB, make_study
from tests.acceptance.crash import ROUNDS, Told, crash_rounds
from tests.peers.dcmtk import Report, dcmsend, needs_dcmtk, storescu
from tests.served import ServedHilum

_PER_ASSOCIATION = 5
_SUCCESS = 0x0000


@needs_dcmtk()
@pytest.mark.slow
@pytest.mark.timeout(60 + 60 * ROUNDS)
@pytest.mark.parametrize("tool", [storescu, dcmsend], ids=["storescu", "dcmsend"])
def test_a_crash_during_c_store_loses_nothing_acknowledged_and_shows_nothing_half_kept(
    tool: Callable[..., Report], own_server: ServedHilum
) -> None:
    def send(server: ServedHilum, told: Told, begun: threading.Event) -> None:
        while True:
            folder = Path(tempfile.mkdtemp(dir=server.folder))
            instances = make_study(_PER_ASSOCIATION, ROWS_33_KB)
            files = {folder / f"{one.sop_instance}.dcm": one for one in instances}
            for path, one in files.items():
                path.write_bytes(one.part10)
                told.sent[one.sop_instance] = one
            begun.set()
            report = tool(server.dimse_port, list(files))
            kept = [sent.path for sent in report.files if sent.status == _SUCCESS]
            told.acknowledged.update(files[path].sop_instance for path in kept)
            shutil.rmtree(folder)
            if report.exit_code != 0 or len(kept) < len(files):
                return

    crash_rounds(own_server, send, _same_data_set)


def _same_data_set(retrieved: bytes, sent: bytes) -> bool:
    """DCMTK writes lengths of its own, so data sets are compared and not bytes."""
    ours, theirs = (pydicom.dcmread(io.BytesIO(part10)) for part10 in (retrieved, sent))
    return bool(ours == theirs)
