"""Tables as Markdown."""

from collections.abc import Iterable, Sequence


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a `|` inside a cell is escaped."""
    lines = [_row(heads), f"|{'---|' * len(heads)}", *map(_row, rows)]
    return "\n".join(lines)


def code(text: str) -> str:
    """`text` as code; nothing when there is none."""
    return f"`{text}`" if text else ""


def codes(texts: Iterable[str], between: str = ", ") -> str:
    """Several of them."""
    return between.join(map(code, texts))


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
