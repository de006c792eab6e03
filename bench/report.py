"""One table for all workloads; every row carries what it must reach."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """A workload, the figure of each system, and ratios with their targets.

    `better` is "higher" for rates and "lower" for times; a ratio above 1 always favours Hilum.
    """

    workload: str
    unit: str
    better: str
    hilum: float
    orthanc: float | None = None
    bare: float | None = None
    target: str = ""

    def ratio(self, other: float | None) -> str:
        if other is None:
            return ""
        value = self.hilum / other if self.better == "higher" else other / self.hilum
        return f"{value:.2f}"


_HEADING = "| workload | unit | Hilum | Orthanc | bare | to Orthanc | to bare | target |\n"
_RULE = "|---|---|---:|---:|---:|---:|---:|---|\n"


def table(rows: Sequence[Row], *, heading: bool = True) -> str:
    """Render as Markdown."""
    lines = []
    for row in rows:
        figures = [_figure(value) for value in (row.hilum, row.orthanc, row.bare)]
        cells = [row.workload, row.unit, *figures, row.ratio(row.orthanc), row.ratio(row.bare)]
        lines.append("| " + " | ".join([*cells, row.target]) + " |")
    return (_HEADING + _RULE if heading else "") + "\n".join(lines) + ("\n" if heading else "")


def _figure(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
