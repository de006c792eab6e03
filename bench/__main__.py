"""Run the benchmarks and print ratios: python -m bench [--only NAME ...] [--rounds N] [--write].

Every workload runs on all systems in turn, in this one run, on this one machine; the figures of
different runs are not comparable, their ratios are.
"""

import argparse
import datetime as dt
import os
import platform
import shutil
from pathlib import Path

from bench import pictures, queries, retrieves, stores, transcoding, validation
from bench.report import Row, table

GROUPS = {
    "transcoder": transcoding.run,
    "stow": stores.run,
    "qido": queries.run,
    "wado": retrieves.run,
    "frames": retrieves.run_frames,
    "rendered": pictures.run_rendered,
    "thumbnails": pictures.run_thumbnails,
    "memory": retrieves.run_memory,
    "validation": validation.run,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", nargs="*", choices=sorted(GROUPS), default=list(GROUPS))
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each store workload")
    parser.add_argument("--instances", type=int, default=1_000_000, help="size of the large index")
    parser.add_argument("--folder", type=Path, help="where the servers keep their data")
    parser.add_argument("--write", type=Path, help="also write the tables to this file")
    options = parser.parse_args()
    if shutil.which("Orthanc") is None and not Path("/usr/sbin/Orthanc").exists():
        raise SystemExit("Orthanc is missing: run scripts/services install")
    rows: list[Row] = []
    for name in options.only:
        for row in GROUPS[name](options):
            rows.append(row)
            print(table([row], heading=False), flush=True)
    text = _heading(options.only) + table(rows)
    print("\n" + text)
    if options.write:
        options.write.write_text(text)


def _heading(groups: list[str]) -> str:
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    return (
        f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC, {model}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, groups: {' '.join(groups)}\n\n"
    )


if __name__ == "__main__":
    main()
