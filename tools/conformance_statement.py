"""Write docs/conformance/statement.md: the prose of tools/statement/template.md and its tables.

A line `{{name}}` of the template is the place of a table, which is made from the code.

python tools/conformance_statement.py            writes the page
python tools/conformance_statement.py --check    fails when the page is not current
"""

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from pages import write_or_check
from statement import limits, networking, web

PAGE: Final = Path(__file__).parents[1] / "docs" / "conformance" / "statement.md"
TEMPLATE: Final = Path(__file__).parent / "statement" / "template.md"
TABLES: Final[Mapping[str, Callable[[], str]]] = {
    "network_services": networking.network_services,
    "identity": networking.identity,
    "refusals": networking.refusals,
    "store_statuses": networking.store_statuses,
    "storage_classes": networking.storage_classes,
    "network_syntaxes": networking.network_syntaxes,
    "character_sets": networking.character_sets,
    "transactions": web.transactions,
    "media_types": web.media_types,
    "syntax_pairs": web.syntax_pairs,
    "parameters": web.parameters,
    "answers": web.answers,
    "error_statuses": web.error_statuses,
    "limits": limits.limits,
}


def page() -> str:
    """The whole page. Raises `KeyError` for a table that nobody makes."""
    template = TEMPLATE.read_text(encoding="utf-8")
    return re.sub(
        r"^\{\{(\w+)\}\}$", lambda place: TABLES[place[1]](), template, flags=re.MULTILINE
    )


if __name__ == "__main__":
    sys.exit(write_or_check(PAGE, page()))
