"""Hilum as the middleware of a real Orthanc, as processes, and what the feed tells of it."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.instances import an_instance
from tests.served import ServedHilum

LUA = Path(__file__).parents[3] / "deploy" / "orthanc" / "hilum.lua"


def environment(url: str, folder: Path, **more: Any) -> dict[str, str]:
    """Settings of Hilum for one Orthanc, which tells its events into a file."""
    source = {"url": url, "poll_seconds": 0.2} | more
    return {
        "HILUM_STORAGE__RESERVE_BYTES": "0",
        "HILUM_ORTHANC__SOURCES": json.dumps({"main": source}),
        "HILUM_ORTHANC__RETRY_SECONDS": "0.2",
        "HILUM_ORTHANC__MAXIMUM_RETRY_SECONDS": "1",
        "HILUM_ORTHANC__LEASE_SECONDS": "5",
        "HILUM_ORTHANC__UNSTABLE_SECONDS": "0.5",
        "HILUM_SINKS": json.dumps({"out": {"url": f"file://{folder}/events.jsonl"}}),
        "HILUM_DELIVERY__SUBSCRIPTIONS": json.dumps([{"name": "out", "sink": "out"}]),
    }


def call(hilum: ServedHilum, body: object, **headers: str) -> tuple[int, dict[str, Any], str]:
    """POST to the webhook: status, answer, `X-Correlation-ID`."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(
        f"{hilum.url}/api/v1/ingestion/studies",
        data=data,
        headers={"Content-Type": "application/json", **headers},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.loads(answer.read()), answer.headers["X-Correlation-ID"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read()), error.headers["X-Correlation-ID"]


def arrivals(hilum: ServedHilum, **query: str) -> list[dict[str, Any]]:
    text = "&".join(f"{name}={value}" for name, value in query.items())
    answer: Any = hilum.get_json(f"/api/v1/ingestion/arrivals?limit=1000&{text}")
    found: list[dict[str, Any]] = answer["arrivals"]
    return found


def settled(hilum: ServedHilum, number: int) -> bool:
    states = [each["state"] for each in arrivals(hilum)]
    return len(states) == number and not {"waiting", "fetching"} & set(states)


def events(folder: Path, kind: str) -> list[dict[str, Any]]:
    """What was told into the file, of one type."""
    path = folder / "events.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    told = [json.loads(line) for line in lines if line.endswith("}")]
    return [event for event in told if event["type"] == kind]


def wait_for(holds: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.1)


def files(folder: Path, study: str, number: int, **elements: Any) -> list[Path]:
    """Instances of one study, as files for storescu."""
    folder.mkdir(exist_ok=True)
    made = []
    for at in range(number):
        path = folder / f"{study}.{at}.dcm"
        path.write_bytes(
            an_instance(
                4000,
                StudyInstanceUID=study,
                SeriesInstanceUID=f"{study}.1",
                SOPInstanceUID=f"{study}.1.{at + 1}",
                **elements,
            )
        )
        made.append(path)
    return made
