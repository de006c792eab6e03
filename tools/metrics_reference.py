"""Write docs/operations/metrics.md from the metrics themselves.

python tools/metrics_reference.py            writes the page
python tools/metrics_reference.py --check    fails when the page is not current
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from pages import write_or_check

from hilum.adapters.telemetry.metrics import Metrics

PAGE = Path(__file__).parents[1] / "docs" / "operations" / "metrics.md"
INTRODUCTION = """# Metrics

<!-- Made by tools/metrics_reference.py from src/hilum/adapters/telemetry; do not edit. -->

`/metrics` is a page for Prometheus. With authentication required it asks for the scope `read`,
unless `telemetry.open_metrics` is set. Labels come from small fixed sets: routes appear as
templates (`/v2/studies/{study}`), never as paths, and no label holds a UID, a name or an address.
Beside these there are the usual `process_*` and `python_*` metrics.

Worth an alert:

- `hilum_disk_free_bytes` near `hilum_disk_reserve_bytes`: below it nothing more is stored;
- `rate(hilum_ingest_instances_total{disposition="failed"}[5m]) > 0`: senders hear of failures;
- `hilum_committer_waiting_instances` that only grows: the database does not keep up;
- `rate(hilum_access_refused_total{reason="unknown-key"}[5m])`: somebody is guessing;
- `rate(hilum_limit_hits_total[5m])`: a limit is too tight, or a client is hostile.

| Metric | Kind | Labels | Meaning |
| --- | --- | --- | --- |
"""


def rows() -> Iterator[str]:
    """One line for each metric of ours, in alphabetical order."""
    found = {}
    registry = Metrics("0").registry
    for collector in registry._collector_to_names:
        describe = getattr(collector, "describe", None)
        for metric in describe() if describe else ():
            if metric.name.startswith("hilum_"):
                suffix = "_total" if metric.type == "counter" else ""
                labels = ", ".join(f"`{label}`" for label in getattr(collector, "_labelnames", ()))
                name = metric.name + suffix
                found[name] = f"| `{name}` | {metric.type} | {labels} | {metric.documentation} |"
    yield from (found[name] for name in sorted(found))


def page() -> str:
    """The whole page."""
    return INTRODUCTION + "\n".join(rows()) + "\n"


if __name__ == "__main__":
    sys.exit(write_or_check(PAGE, page()))
