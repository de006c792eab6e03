"""What every tool that makes a page does with it."""

import sys
from pathlib import Path


def write_or_check(page: Path, text: str) -> int:
    """Write `text`, or with `--check` say whether it is what `page` has. Returns the exit code."""
    if "--check" not in sys.argv[1:]:
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text, encoding="utf-8")
        return 0
    if page.is_file() and page.read_text(encoding="utf-8") == text:
        return 0
    tool = Path(sys.argv[0]).name
    print(f"{page} is not current: run python tools/{tool}", file=sys.stderr)
    return 1


def row(*cells: str) -> str:
    """A line of a table."""
    return f"| {' | '.join(cells)} |"


def mark(holds: bool) -> str:
    """Whether something holds, in a cell."""
    return "yes" if holds else ""
