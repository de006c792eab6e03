"""Re-indexing beside STOW, in one server: python -m bench.reindex_serving DATA.

`python -m bench.fill_index DATA N` makes the data folder. Instances are stored over HTTP, first
alone and then beside a re-index of a tag that all instances have. What is told are both rates of
storing, how many instances a second were indexed meanwhile, and how long a search took at most.
"""

import argparse
import http.client
import os
import threading
import time
from pathlib import Path
from typing import Any, Final

import orjson

from bench.client import stow, stow_bodies
from bench.instances import make_study
from bench.systems import System, hilum

_PATH: Final = "00200013"
_WORKLOADS: Final = (("525 KB", 900, 512, 15), ("33 KB", 6000, 128, 20))
"""Name, instances, rows of each, instances in a request."""


def _ask(system: System, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401
    connection = http.client.HTTPConnection("127.0.0.1", system.port)
    headers = {"Accept": "application/dicom+json", "Content-Type": "application/json"}
    connection.request(method, path, None if body is None else orjson.dumps(body), headers)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    if answer.status >= 300:
        raise SystemExit(f"{method} {path}: {answer.status} {text[:300]!r}")
    return orjson.loads(text) if text else None


class _Searching(threading.Thread):
    """Asks for the newest studies, again and again."""

    def __init__(self, system: System) -> None:
        super().__init__()
        self._system = system
        self._ended = threading.Event()
        self.longest = 0.0

    def run(self) -> None:
        while not self._ended.wait(0.02):
            asked = time.perf_counter()
            _ask(self._system, "GET", "/v2/studies?limit=10")
            self.longest = max(self.longest, time.perf_counter() - asked)

    def end(self) -> float:
        self._ended.set()
        self.join()
        return self.longest


def _stored(system: System, workload: tuple[str, int, int, int]) -> tuple[float, float]:
    """Instances a second, and the longest search meanwhile."""
    _, count, rows, per_request = workload
    bodies = stow_bodies(make_study(count, rows), per_request)
    searching = _Searching(system)
    searching.start()
    seconds = stow(system, bodies, connections=4)
    return count / seconds, searching.end()


def _beside(system: System, workload: tuple[str, int, int, int]) -> tuple[float, float, float]:
    tag = [{"path": _PATH, "level": "Instance"}]
    job = f"/api/v1/jobs/{_ask(system, 'POST', '/v2/extendedquerytags', tag)['id']}"
    time.sleep(1.0)
    before, began = _ask(system, "GET", job), time.perf_counter()
    rate, longest = _stored(system, workload)
    after, seconds = _ask(system, "GET", job), time.perf_counter() - began
    if after["state"] != "running":
        raise SystemExit("the re-index ended before the stores did: take more instances")
    indexed = (after["done"] - before["done"]) / seconds
    _ask(system, "POST", f"{job}/cancel")
    _ask(system, "DELETE", f"/v2/extendedquerytags/{_PATH}")
    return rate, longest, indexed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--busy-percent", type=int, nargs="*", default=[60])
    chosen = parser.parse_args()
    for percent in chosen.busy_percent:
        os.environ["HILUM_EXTENDED_TAGS__BUSY_PERCENT"] = str(percent)
        with hilum(data=chosen.data) as system:
            for workload in _WORKLOADS:
                _stored(system, ("", 200, workload[2], workload[3]))
                os.sync()
                alone, _ = _stored(system, workload)
                os.sync()
                beside, longest, indexed = _beside(system, workload)
                print(
                    f"{percent} %, {workload[0]}: {alone:,.0f}/s alone, {beside:,.0f}/s beside "
                    f"({beside / alone:.0%}); indexed {indexed:,.0f}/s; "
                    f"longest search {longest * 1000:.0f} ms",
                    flush=True,
                )
                time.sleep(3)


if __name__ == "__main__":
    main()
