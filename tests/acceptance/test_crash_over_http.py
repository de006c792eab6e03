"""SIGKILL during concurrent STOW: nothing acknowledged is lost, nothing is half kept."""

import contextlib
import http.client
import threading

import pytest

from bench.client import BOUNDARY, stow_bodies
from bench.instances import ROWS_33_KB, make_study
from tests.acceptance.crash import ROUNDS, Told, crash_rounds
from tests.served import ServedHilum

_PER_REQUEST = 5
_HEADERS = {
    "Accept": "application/dicom+json",
    "Content-Type": f'multipart/related; type="application/dicom"; boundary={BOUNDARY}',
}


@pytest.mark.slow
@pytest.mark.timeout(60 + 60 * ROUNDS)
def test_a_crash_during_stow_loses_nothing_acknowledged_and_shows_nothing_half_kept(
    own_server: ServedHilum,
) -> None:
    crash_rounds(own_server, _send, lambda retrieved, sent: retrieved == sent)


def _send(server: ServedHilum, told: Told, begun: threading.Event) -> None:
    address = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    with contextlib.closing(address) as connection:
        while True:
            instances = make_study(_PER_REQUEST, ROWS_33_KB)
            told.sent.update({one.sop_instance: one for one in instances})
            (body,) = stow_bodies(instances, _PER_REQUEST)
            begun.set()
            try:
                connection.request("POST", "/dicom-web/studies", body, _HEADERS)
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                return
            assert answer.status == 200
            told.acknowledged.update(one.sop_instance for one in instances)
