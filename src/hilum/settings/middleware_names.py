"""Variables of the Orthanc middleware that stand for settings of ours, below all other sources.

They are heeded only together with STORAGE_BACKEND=local or =gcs, its words: their names are too
common to mean us whenever they are there.
"""

from collections.abc import Iterator, Mapping
from typing import Final

_SHORTEST_SECONDS: Final = 5
_LONGEST_SECONDS: Final = 300


def from_middleware(
    environment: Mapping[str, str], problems: list[str]
) -> Iterator[tuple[str, object, str]]:
    """Yield setting, value and variable. Its bounds are checked as it checked them."""
    match environment.get("STORAGE_BACKEND", "").strip().lower():
        case "local":
            if path := environment.get("STORAGE_PATH"):
                yield "data_dir", path, "STORAGE_PATH"
        case "gcs":
            if bucket := environment.get("GCS_BUCKET", "").strip():
                yield "storage.url", f"gs://{bucket}", "GCS_BUCKET"
            else:
                problems.append("GCS_BUCKET: is needed with STORAGE_BACKEND=gcs.")
            if seconds := environment.get("GCS_UPLOAD_TIMEOUT_SECONDS"):
                yield from _seconds(seconds, problems)


def _seconds(text: str, problems: list[str]) -> Iterator[tuple[str, object, str]]:
    variable = "GCS_UPLOAD_TIMEOUT_SECONDS"
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if _SHORTEST_SECONDS <= seconds <= _LONGEST_SECONDS:
        yield "storage.remote.request_seconds", seconds, variable
    else:
        problems.append(
            f"{variable}: should be a number from {_SHORTEST_SECONDS} to {_LONGEST_SECONDS}."
        )
